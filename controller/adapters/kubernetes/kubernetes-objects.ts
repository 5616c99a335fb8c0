import type { Clock } from '../../clock.ts';
import { FaasError } from '../../errors.ts';
import type { ObjectFollower, ObjectSelection, Objects } from '../../ports/objects.ts';
import type { Random } from '../../random.ts';
import type { Log } from '../../telemetry/log.ts';
import { expectOk, type KubernetesApi } from './kubernetes-api.ts';
import { isRecord } from './kubernetes-object.ts';
import { listWatch } from './list-watch.ts';

export interface KubernetesObjectsOptions {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** From a kind that is not there, or an API server that does not say, to the next question. */
const askAgainMs = 5_000;

/** The objects of a cluster, by list and watch. */
export class KubernetesObjects implements Objects {
  readonly #options: KubernetesObjectsOptions;

  constructor(options: KubernetesObjectsOptions) {
    this.#options = options;
  }

  async follow(selection: ObjectSelection, follower: ObjectFollower, signal: AbortSignal): Promise<void> {
    const path = await this.#pathOf(selection, follower, signal);
    if (path === undefined) return;
    const { selector } = selection;
    await listWatch(
      {
        ...this.#options,
        path,
        ...(selector === undefined ? {} : { labelSelector: selector }),
        onChanges: changes => follower.changed(changes),
        onSynced: objects => follower.listed(objects),
        onTrouble: trouble => follower.found(trouble),
      },
      signal,
    );
  }

  /** Asked until there is an answer: a custom resource may be defined later. */
  async #pathOf(selection: ObjectSelection, follower: ObjectFollower, signal: AbortSignal): Promise<string | undefined> {
    const { api, clock, log } = this.#options;
    while (!signal.aborted) {
      try {
        return await collectionPath(api, selection, signal);
      } catch (error) {
        if (signal.aborted) return undefined;
        log.warn('a kind of resource cannot be watched', { apiVersion: selection.apiVersion, kind: selection.kind, error: String(error) });
        follower.found(error);
      }
      await clock.sleep(askAgainMs, signal);
    }
    return undefined;
  }
}

/** `/apis/apps/v1/namespaces/prod/deployments`, as the API server names it. Throws FAAS_KUBERNETES_KIND where it has no such kind. */
export async function collectionPath(
  api: KubernetesApi,
  { apiVersion, kind, namespace }: Pick<ObjectSelection, 'apiVersion' | 'kind' | 'namespace'>,
  signal?: AbortSignal,
): Promise<string> {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const answer = await api.send({ method: 'GET', path: root, ...(signal === undefined ? {} : { signal }) });
  const resources = answer.status === 404 ? [] : readResources(expectOk(answer, `kinds of ${apiVersion}`));
  const resource = resources.find(one => one.kind === kind && !one.name.includes('/'));
  if (resource === undefined) {
    throw new FaasError(
      'FAAS_KUBERNETES_KIND',
      `the cluster has no ${kind} of ${apiVersion}`,
      'List what it has with `kubectl api-resources`.',
    );
  }
  if (namespace === undefined) return `${root}/${resource.name}`;
  if (!resource.namespaced) {
    throw new FaasError('FAAS_KUBERNETES_KIND', `a ${kind} is in no namespace`, 'Remove `namespace` from the trigger.');
  }
  return `${root}/namespaces/${namespace}/${resource.name}`;
}

function readResources(body: unknown): readonly { readonly name: string; readonly kind: string; readonly namespaced: boolean }[] {
  if (!isRecord(body) || !Array.isArray(body.resources)) return [];
  return body.resources.filter(isRecord).map(({ name, kind, namespaced }) => ({
    name: String(name),
    kind: String(kind),
    namespaced: namespaced === true,
  }));
}
