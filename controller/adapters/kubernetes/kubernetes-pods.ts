import type { Clock } from '../../clock.ts';
import { FaasError } from '../../errors.ts';
import type { AdoptedPod, AnnouncementAnswer, PodAnnouncement, PodExit, PodInfo, PodSpec, Pods, PodTrouble } from '../../ports/pods.ts';
import { labelsOf } from '../../ports/resources.ts';
import type { Random } from '../../random.ts';
import type { Log } from '../../telemetry/log.ts';
import { PodListeners } from '../pod-listeners.ts';
import { IdentityTokens } from './identity-tokens.ts';
import { expectOk, type KubernetesApi } from './kubernetes-api.ts';
import { isRecord, type KubernetesObject } from './kubernetes-object.ts';
import { KubernetesPod } from './kubernetes-pod.ts';
import { listWatch } from './list-watch.ts';
import { annotations, labelSelector, type PodTemplate, podManifest } from './pod-manifest.ts';
import { podState } from './pod-state.ts';
import { hashOf, podToken } from './pod-token.ts';

export interface KubernetesPodsOptions {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly template: PodTemplate;
  /** Of which the tokens of pods are made; the same for a server that starts again. */
  readonly secret: string;
}

/** A cluster may have to add a machine for it. */
const startMsMax = 300_000;
/** A start that takes no longer is no trouble. */
const troubleAfterMs = 3_000;
const syncMsMax = 30_000;
/** Signs of life per time after which a pod counts itself an orphan. */
const signsPerOrphanTime = 4;

/**
 * Pods of a cluster, created by us one by one and owned by us. The cluster says where they are and what it did to them; each pod says by itself, over a connection
 * that lasts as long as it does, that it lives. So an API server that is away stops neither work nor exits, but new pods.
 */
export function createKubernetesPods(options: KubernetesPodsOptions): Pods {
  return new KubernetesPods(options);
}

class KubernetesPods extends PodListeners implements Pods {
  readonly capabilities = { memoryFixed: true };
  readonly #options: KubernetesPodsOptions;
  readonly #identities: IdentityTokens;
  readonly #path: string;
  readonly #pods = new Map<string, KubernetesPod>();
  readonly #deletions = new Set<Promise<void>>();
  #closed = false;
  readonly #closing = new AbortController();
  readonly #watching: Promise<void>;
  readonly #synced: Promise<void>;
  #hasAdopted = false;
  /** What the cluster has of ours and nobody here has started, until that is taken over. */
  readonly #strangers = new Map<string, KubernetesObject>();

  constructor(options: KubernetesPodsOptions) {
    super();
    this.#options = options;
    this.#identities = new IdentityTokens(options);
    this.#path = `/api/v1/namespaces/${options.template.namespace}/pods`;
    let synced = () => {};
    this.#synced = new Promise(resolve => {
      synced = resolve;
    });
    const { api, clock, random, log } = options;
    this.#watching = listWatch(
      {
        ...{ api, clock, random, log, path: this.#path, labelSelector: labelSelector(options.template.server) },
        keep: withoutSpec,
        onChanges: changes => {
          for (const { kind, object } of changes) this.#changed(object, kind === 'deleted');
        },
        onSynced: objects => {
          // Also one whose deletion has failed, and to which nothing has happened since.
          for (const object of objects) if (!this.#pods.has(object.metadata.name)) this.#changed(object, false);
          synced();
        },
      },
      this.#closing.signal,
    );
    this.#signs();
  }

  async start(spec: PodSpec): Promise<PodInfo> {
    if (this.#closed) throw closed();
    const { random, secret, template } = this.#options;
    const bootId = random.token();
    const token = podToken(secret, bootId);
    const name = nameOf(bootId);
    const pod = this.#add(name, bootId, token);
    try {
      const announces = this.#identities.canVerify;
      const created = this.#create(podManifest({ name, bootId, tokenHash: hashOf(token), spec, announces }, template));
      this.#identities.prepare();
      await created;
      return await pod.starting(spec.callbackUrl, Math.min(spec.startMs ?? startMsMax, startMsMax));
    } catch (error) {
      this.#pods.delete(name);
      pod.forget();
      await this.#delete(name, 0);
      throw this.#closed ? closed() : error;
    }
  }

  async announced(token: string, { bootId, ip }: PodAnnouncement): Promise<AnnouncementAnswer> {
    const name = nameOf(bootId);
    const pod = this.#pods.get(name);
    const { log, template } = this.#options;
    const { namespace, serviceAccount } = template;
    if (!pod?.awaits(bootId)) return 'unexpected';
    if (!(await this.#identities.isOf(token, { namespace, serviceAccount, pod: name }))) return 'refused';
    // Another one may have been verified at the same time.
    if (!pod.awaits(bootId)) return 'unexpected';
    pod.announced(ip);
    log.debug('a pod has said where it is', { pod: name, ip });
    return 'taken';
  }

  async adopt(callbackUrl: string): Promise<readonly AdoptedPod[]> {
    const late = this.#options.clock.sleep(syncMsMax, this.#closing.signal).then(() => 'late' as const);
    if ((await Promise.race([this.#synced, late])) === 'late') {
      this.#options.log.warn('pods of an earlier server could not be listed: those that are found later are ended', {
        server: this.#options.template.server,
      });
      for (const object of this.#takeStrangers()) this.#changed(object, false);
      return [];
    }
    const found = this.#takeStrangers();
    return (await Promise.all(found.map(object => this.#adoptOne(object, callbackUrl)))).flatMap(pod => pod ?? []);
  }

  list(): readonly PodInfo[] {
    return [...this.#pods.values()].flatMap(pod => pod.info ?? []);
  }

  waiting(): readonly PodTrouble[] {
    const beforeMs = this.#options.clock.now() - troubleAfterMs;
    return [...this.#pods.values()].flatMap(pod => (pod.trouble !== undefined && pod.trouble.sinceMs <= beforeMs ? [pod.trouble] : []));
  }

  mark(id: string, { unit, revision }: { readonly unit: string; readonly revision: string }): void {
    const metadata = { labels: labelsOf(unit), annotations: { [annotations.revision]: revision } };
    const { api, log } = this.#options;
    api
      .send({ method: 'PATCH', path: `${this.#path}/${id}`, body: { metadata }, contentType: 'application/merge-patch+json' })
      .then(answer => answer.status === 404 || expectOk(answer, `labels of pod ${id}`))
      .catch(error => log.debug('a pod could not be labelled', { pod: id, error: String(error) }));
  }

  async stop(id: string, graceMs: number): Promise<PodExit> {
    const pod = this.#find(id);
    const told = pod.stop(graceMs);
    // The cluster kills what is left then, also when this process is gone.
    void told.then(() => this.#delete(id, Math.ceil(graceMs / 1_000)));
    return pod.exited;
  }

  async kill(id: string): Promise<PodExit> {
    const pod = this.#find(id);
    void pod.kill().then(() => this.#delete(id, 0));
    return pod.exited;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const pod of this.#pods.values()) if (pod.info === undefined) pod.forget();
    await Promise.all(this.list().map(({ id }) => this.kill(id)));
    this.#closing.abort();
    await Promise.all([this.#watching, ...this.#deletions]);
  }

  #find(id: string): KubernetesPod {
    const pod = this.#pods.get(id);
    if (pod?.info === undefined) throw new FaasError('FAAS_PODS_UNKNOWN', `there is no pod ${id}`);
    return pod;
  }

  #add(name: string, bootId: string, token: string): KubernetesPod {
    const { clock, log } = this.#options;
    const pod = new KubernetesPod(name, bootId, token, {
      clock,
      log,
      leaving: why => {
        this.tellLeaving({ id: name, why });
      },
      output: (stream, text) => {
        this.tellOutput({ id: name, stream, text });
      },
      exit: exit => {
        this.#pods.delete(name);
        void this.#delete(name, undefined);
        this.tellExit(exit);
      },
    });
    this.#pods.set(name, pod);
    return pod;
  }

  /** Those that come from now on are ended. */
  #takeStrangers(): readonly KubernetesObject[] {
    const found = [...this.#strangers.values()];
    this.#strangers.clear();
    this.#hasAdopted = true;
    return found;
  }

  #changed(object: KubernetesObject, isDeleted: boolean): void {
    const { name } = object.metadata;
    const pod = this.#pods.get(name);
    if (pod !== undefined && isDeleted) pod.deleted();
    else if (pod !== undefined) pod.seen(podState(object));
    else if (isDeleted) this.#strangers.delete(name);
    else if (!this.#hasAdopted) this.#strangers.set(name, object);
    // One that ended, or failed to start, while the API server was away and could not be told; or of an earlier server, and too late to be taken over.
    else if (object.metadata.deletionTimestamp === undefined) void this.#delete(name, undefined);
  }

  async #adoptOne(object: KubernetesObject, callbackUrl: string): Promise<AdoptedPod | undefined> {
    const { name, annotations: notes = {} } = object.metadata;
    const { log, secret } = this.#options;
    const bootId = notes[annotations.bootId] ?? '';
    const state = podState(object);
    const pod = this.#add(name, bootId, podToken(secret, bootId));
    try {
      if (!state.isRunning || state.isLeaving) throw new Error('it does not run');
      pod.seen(state);
      const status = await pod.adopt(callbackUrl);
      const { unit, revision, handler } = status;
      const isLoaded = status.state === 'ready' && unit !== undefined && revision !== undefined && handler !== undefined;
      if (!isLoaded && status.state !== 'empty') throw new Error(`it is ${status.state}`);
      if (pod.info === undefined) throw new Error('it has just ended');
      const loaded = isLoaded ? { unit, revision, handler } : undefined;
      return { info: pod.info, memoryBytes: Number(notes[annotations.memory]), loaded };
    } catch (error) {
      this.#pods.delete(name);
      pod.forget();
      log.info('a pod of an earlier server is ended', { pod: name, why: String(error) });
      await this.#delete(name, undefined);
      return undefined;
    }
  }

  async #create(manifest: object): Promise<void> {
    const answer = await this.#options.api.send({ method: 'POST', path: this.#path, body: manifest, signal: this.#closing.signal });
    const message = isRecord(answer.body) ? String(answer.body.message) : '';
    if (answer.status === 403 && message.includes('exceeded quota'))
      throw new FaasError('FAAS_POD_QUOTA', `no pod can be created: ${message}`, 'Raise the quota of the namespace, or lower `scale.max`.');
    expectOk(answer, 'a new pod');
  }

  /** Without a grace time: as the pod itself says. What cannot be deleted now is found by the next server, or goes with its owner. */
  #delete(name: string, graceSeconds: number | undefined): Promise<void> {
    const deletion = this.#tryDelete(name, graceSeconds).finally(() => this.#deletions.delete(deletion));
    this.#deletions.add(deletion);
    return deletion;
  }

  async #tryDelete(name: string, graceSeconds: number | undefined): Promise<void> {
    const body = graceSeconds === undefined ? undefined : { gracePeriodSeconds: graceSeconds };
    const { api, log } = this.#options;
    try {
      const answer = await api.send({ method: 'DELETE', path: `${this.#path}/${name}`, ...(body === undefined ? {} : { body }) });
      if (answer.status !== 404) expectOk(answer, `deletion of pod ${name}`);
    } catch (error) {
      log.warn('a pod could not be deleted', { pod: name, error: String(error) });
    }
  }

  /** So that no pod counts itself an orphan. */
  #signs(): void {
    const everyMs = this.#options.template.orphanMs / signsPerOrphanTime;
    this.#options.clock.after(everyMs, () => {
      if (this.#closing.signal.aborted) return;
      for (const pod of this.#pods.values()) pod.sign();
      this.#signs();
    });
  }
}

function nameOf(bootId: string): string {
  return `faas-pod-${bootId.slice(0, 12)}`;
}

function closed(): FaasError {
  return new FaasError('FAAS_PODS_CLOSED', 'the server is stopping: no pod is started any more');
}

/** Most of a pod is what it was made of: of each change that would be kept, grow old and have to be collected. */
function withoutSpec({ spec: _, ...object }: KubernetesObject): KubernetesObject {
  return object;
}
