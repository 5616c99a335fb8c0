import type { Clock } from './clock.ts';
import { FaasError } from './errors.ts';
import type { Objects } from './ports/objects.ts';
import type { Leadership } from './ports/registry.ts';
import type { Resources } from './ports/resources.ts';
import type { Random } from './random.ts';
import type { Settings } from './settings.ts';
import type { Log } from './telemetry/log.ts';

/** The cluster that the server works with. */
export interface Cluster {
  readonly objects: Objects;
  readonly leadership: Leadership;
  readonly resources: Resources;
  close(): Promise<void>;
}

/** The cluster that the settings name; undefined: none. Connects with the first request. */
export async function openCluster(options: {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}): Promise<Cluster | undefined> {
  const { kubeconfig, leadership, resources } = options.settings;
  if (kubeconfig === 'none') {
    const what = leadership === 'lease' ? 'leadership by a Lease needs' : resources ? 'functions as resources need' : undefined;
    if (what !== undefined) throw new FaasError('FAAS_SETTING_VALUE', `${what} a cluster`, 'Set kubeconfig as well.');
    return undefined;
  }
  const [{ openKubernetesApi }, { KubernetesObjects }, { KubernetesLeadership }, { KubernetesResources }] = await Promise.all([
    import('./adapters/kubernetes/kubernetes-api.ts'),
    import('./adapters/kubernetes/kubernetes-objects.ts'),
    import('./adapters/kubernetes/kubernetes-leadership.ts'),
    import('./adapters/kubernetes/kubernetes-resources.ts'),
  ]);
  const place = kubeconfig === 'default' || kubeconfig === 'in-cluster' ? kubeconfig : { file: kubeconfig };
  const api = await openKubernetesApi(place);
  return {
    objects: new KubernetesObjects({ ...options, api }),
    leadership: new KubernetesLeadership(api),
    resources: new KubernetesResources({ ...options, api }),
    close: async () => api.close(),
  };
}
