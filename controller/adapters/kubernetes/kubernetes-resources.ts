import type { ClusterObject } from '../../ports/objects.ts';
import {
  type ResourceKind,
  type ResourceNote,
  type Resources,
  resourceApiVersion,
  type WriteResult,
  type WrittenResource,
} from '../../ports/resources.ts';
import type { Random } from '../../random.ts';
import type { Log } from '../../telemetry/log.ts';
import { type ApiRequest, expectOk, type KubernetesApi } from './kubernetes-api.ts';
import { readPage } from './list-page.ts';

/** Under which name the API server remembers which fields are ours. */
const fieldManager = 'faas';
const messageCharsMax = 1_000;
/** Each may hold a handler of 256 KiB. */
const pageSize = 100;

export interface KubernetesResourcesOptions {
  readonly api: KubernetesApi;
  readonly namespace: string;
  readonly random: Random;
  readonly log: Log;
}

/** Our resources in the namespace of the server. */
export class KubernetesResources implements Resources {
  readonly namespace: string;
  readonly #api: KubernetesApi;
  readonly #random: Random;
  readonly #log: Log;

  constructor({ api, namespace, random, log }: KubernetesResourcesOptions) {
    this.namespace = namespace;
    this.#api = api;
    this.#random = random;
    this.#log = log;
  }

  async apply({ kind, name, spec }: WrittenResource): Promise<void> {
    const body = { apiVersion: resourceApiVersion, kind, metadata: { name }, spec };
    const path = `${this.#path(kind, name)}?fieldManager=${fieldManager}&fieldValidation=Strict&force=true`;
    expectOk(
      await this.#api.send({ method: 'PATCH', path, body, contentType: 'application/apply-patch+yaml' }),
      `apply of ${kind} ${name}`,
    );
  }

  async functionsOf(context: string): Promise<readonly string[]> {
    const names: string[] = [];
    for (let next: string | undefined = ''; next !== undefined; ) {
      const query = new URLSearchParams({ limit: `${pageSize}`, ...(next === '' ? {} : { continue: next }) });
      const answer = await this.#api.send({ method: 'GET', path: `${this.#collection('Function')}?${query}` });
      const page = readPage(expectOk(answer, 'list of Functions'));
      names.push(...page.items.map(({ metadata }) => metadata.name).filter(name => name.startsWith(`${context}.`)));
      next = page.next;
    }
    return names;
  }

  async annotate(kind: ResourceKind, name: string, annotations: Readonly<Record<string, string>>): Promise<void> {
    const body = { metadata: { annotations } };
    const answer = await this.#api.send({
      method: 'PATCH',
      path: this.#path(kind, name),
      body,
      contentType: 'application/merge-patch+json',
    });
    if (answer.status !== 404) expectOk(answer, `annotation of ${kind} ${name}`);
  }

  async remove(kind: ResourceKind, name: string): Promise<void> {
    const answer = await this.#api.send({ method: 'DELETE', path: this.#path(kind, name) });
    if (answer.status !== 404) expectOk(answer, `removal of ${kind} ${name}`);
  }

  async writeStatus(object: ClusterObject, kind: ResourceKind, status: object): Promise<WriteResult> {
    return this.#merge(`${this.#path(kind, object.metadata.name)}/status`, object, { status });
  }

  async setFinalizers(object: ClusterObject, kind: ResourceKind, finalizers: readonly string[]): Promise<WriteResult> {
    return this.#merge(this.#path(kind, object.metadata.name), object, { metadata: { finalizers } });
  }

  async tell({ metadata }: ClusterObject, kind: ResourceKind, { type, reason, message, atMs }: ResourceNote): Promise<void> {
    const at = new Date(atMs).toISOString();
    const { name, uid, resourceVersion } = metadata;
    const { namespace } = this;
    const body = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name}.${this.#random.token().slice(0, 16)}`, namespace },
      involvedObject: { apiVersion: resourceApiVersion, kind, name, namespace, uid, resourceVersion },
      ...{ type, reason, message: message.slice(0, messageCharsMax), source: { component: fieldManager } },
      ...{
        firstTimestamp: at.replace(/\.\d+Z$/, 'Z'),
        lastTimestamp: at.replace(/\.\d+Z$/, 'Z'),
        count: 1,
        reportingComponent: fieldManager,
      },
    };
    try {
      expectOk(await this.#api.send({ method: 'POST', path: `/api/v1/namespaces/${namespace}/events`, body }), `event of ${kind} ${name}`);
    } catch (error) {
      this.#log.debug('an event could not be told', { kind, name, reason, error: String(error) });
    }
  }

  /** Over the state that was read; one that is gone has a newer state as well. */
  async #merge(
    path: string,
    { metadata: { resourceVersion } }: ClusterObject,
    change: { readonly metadata?: object; readonly status?: object },
  ): Promise<WriteResult> {
    const request: ApiRequest = {
      method: 'PATCH',
      path,
      body: { ...change, metadata: { ...change.metadata, resourceVersion } },
      contentType: 'application/merge-patch+json',
    };
    const answer = await this.#api.send(request);
    if (answer.status === 409 || answer.status === 404) return 'conflict';
    expectOk(answer, `change of ${path}`);
    return 'ok';
  }

  #path(kind: ResourceKind, name: string): string {
    return `${this.#collection(kind)}/${name}`;
  }

  #collection(kind: ResourceKind): string {
    return `/apis/${resourceApiVersion}/namespaces/${this.namespace}/${kind.toLowerCase()}s`;
  }
}
