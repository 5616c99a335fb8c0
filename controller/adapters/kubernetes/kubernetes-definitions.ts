import type { Clock } from '../../clock.ts';
import { FaasError } from '../../errors.ts';
import { expectOk, type KubernetesApi } from './kubernetes-api.ts';
import { isRecord } from './kubernetes-object.ts';

const root = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const establishedWithinMs = 30_000;
const lookEveryMs = 250;

/** A CustomResourceDefinition, as its file says. */
export interface Definition {
  readonly metadata: { readonly name: string };
}

/**
 * Creates or upgrades the definitions of `Context` and `Function` by server-side apply, and waits until the API server serves them. Throws
 * FAAS_KUBERNETES_REFUSED, also when it does not serve them in time.
 */
export async function applyDefinitions(api: KubernetesApi, definitions: readonly Definition[], clock: Clock): Promise<void> {
  for (const definition of definitions) {
    const { name } = definition.metadata;
    const path = `${root}/${name}`;
    const apply = { method: 'PATCH', path: `${path}?fieldManager=faas&force=true`, contentType: 'application/apply-patch+yaml' } as const;
    expectOk(await api.send({ ...apply, body: definition }), `apply of ${name}`);
    const untilMs = clock.steady() + establishedWithinMs;
    while (!isEstablished(expectOk(await api.send({ method: 'GET', path }), `look at ${name}`))) {
      if (clock.steady() > untilMs)
        throw new FaasError('FAAS_KUBERNETES_REFUSED', `${name} is not served`, `kubectl describe crd ${name} says why.`);
      await clock.sleep(lookEveryMs);
    }
  }
}

function isEstablished(body: unknown): boolean {
  const status = isRecord(body) && isRecord(body.status) ? body.status : {};
  const conditions = Array.isArray(status.conditions) ? status.conditions : [];
  return conditions.some(one => isRecord(one) && one.type === 'Established' && one.status === 'True');
}
