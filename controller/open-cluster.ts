import type { Clock } from './clock.ts';
import type { Objects } from './ports/objects.ts';
import type { Random } from './random.ts';
import type { Settings } from './settings.ts';
import type { Log } from './telemetry/log.ts';

/** The cluster that the settings name; undefined: none. Connects with the first request. */
export async function openObjects(options: {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}): Promise<Objects | undefined> {
  const { kubeconfig } = options.settings;
  if (kubeconfig === 'none') return undefined;
  const [{ openKubernetesApi }, { KubernetesObjects }] = await Promise.all([
    import('./adapters/kubernetes/kubernetes-api.ts'),
    import('./adapters/kubernetes/kubernetes-objects.ts'),
  ]);
  const place = kubeconfig === 'default' || kubeconfig === 'in-cluster' ? kubeconfig : { file: kubeconfig };
  return new KubernetesObjects({ ...options, api: await openKubernetesApi(place) });
}
