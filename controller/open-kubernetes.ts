import type { KubernetesApi } from './adapters/kubernetes/kubernetes-api.ts';
import type { Clock } from './clock.ts';
import type { Objects } from './ports/objects.ts';
import type { Leadership } from './ports/registry.ts';
import type { Resources } from './ports/resources.ts';
import type { Random } from './random.ts';
import type { Settings } from './settings.ts';
import type { Log } from './telemetry/log.ts';

/** The cluster that the server works with. */
export interface Kubernetes {
  readonly api: KubernetesApi;
  /** Of pods and of the server's own objects. */
  readonly namespace: string;
  readonly objects: Objects;
  readonly leadership: Leadership;
  readonly resources: Resources;
  close(): Promise<void>;
}

/** The cluster that the settings name; undefined: none. Connects with the first request. */
export async function openKubernetes(options: {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}): Promise<Kubernetes | undefined> {
  const { settings } = options;
  if (!isWanted(settings)) return undefined;
  const [{ openKubernetesApi }, { KubernetesObjects }, { KubernetesLeadership }, { KubernetesResources }] = await Promise.all([
    import('./adapters/kubernetes/kubernetes-api.ts'),
    import('./adapters/kubernetes/kubernetes-objects.ts'),
    import('./adapters/kubernetes/kubernetes-leadership.ts'),
    import('./adapters/kubernetes/kubernetes-resources.ts'),
  ]);
  const [kubeconfigFile, contextName] = [settings['kubernetes.kubeconfig'], settings['kubernetes.context']];
  const api = await openKubernetesApi({ ...(kubeconfigFile !== '' && { kubeconfigFile }), ...(contextName !== '' && { contextName }) });
  const namespace = settings['kubernetes.namespace'] || api.namespace;
  return {
    api,
    namespace,
    objects: new KubernetesObjects({ ...options, api }),
    leadership: new KubernetesLeadership({ api, namespace }),
    resources: new KubernetesResources({ ...options, api, namespace }),
    close: async () => api.close(),
  };
}

/** A server whose pods are in a cluster has one, and so has one that is told where it is. */
function isWanted(settings: Settings): boolean {
  return (
    settings.pods === 'kubernetes' ||
    settings['kubernetes.kubeconfig'] !== '' ||
    settings['kubernetes.resources'] ||
    settings.leadership === 'lease'
  );
}
