import type { Definition } from './adapters/kubernetes/kubernetes-definitions.ts';
import { systemClock } from './clock.ts';

export type { Definition };

/** Creates or upgrades definitions of custom resources in the cluster of a kubeconfig, or of the pod that this runs in. */
export async function upgradeDefinitions(
  definitions: readonly Definition[],
  place: { readonly kubeconfigFile?: string; readonly contextName?: string },
): Promise<void> {
  const [{ openKubernetesApi }, { applyDefinitions }] = await Promise.all([
    import('./adapters/kubernetes/kubernetes-api.ts'),
    import('./adapters/kubernetes/kubernetes-definitions.ts'),
  ]);
  const api = await openKubernetesApi(place);
  try {
    await applyDefinitions(api, definitions, systemClock);
  } finally {
    api.close();
  }
}
