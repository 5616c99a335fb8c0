import { performance } from 'node:perf_hooks';
import type { LoadRequest, LoadResult } from '../../runtime/protocol/messages.ts';
import type { Clock } from '../clock.ts';
import type { Conditions } from '../conditions/conditions.ts';
import type { LiveFunction } from '../functions/live-function.ts';
import type { History } from '../ports/history.ts';
import type { AdoptedPod, PodExit, PodLeaving, Pods } from '../ports/pods.ts';
import type { Registry } from '../ports/registry.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { greet } from '../wire/greet.ts';
import type { PodClient } from '../wire/pod-client.ts';
import type { PodDirectory, PodView } from '../wire/pod-directory.ts';
import { BundleCache } from './bundle-cache.ts';
import { FleetViews } from './fleet-views.ts';
import { failedLoad, loadRequestOf } from './load-request.ts';
import { countsOf, exitEntry, fleetPods, isOf, type ListedPod, listedPod, type Member, memberOf, startEntry } from './member.ts';
import { drainSentence, type FleetAction, type FleetLimits, loadBackoffMs, planFleet, podSize } from './plan-fleet.ts';
import { tellPodsMissing } from './pods-missing.ts';
import { drainBusyAtMs, replicasOf, type Wish, wantsNothing } from './wish.ts';

export interface FleetOptions {
  readonly pods: Pods;
  readonly client: PodClient;
  readonly registry: Pick<Registry, 'bundle'>;
  readonly history: History;
  readonly conditions: Conditions;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly limits: Pick<FleetLimits, 'pool' | 'podsMax'>;
  readonly drainMs: number;
  readonly loadTimeoutMs: number;
  /** Where pods reach us; known once the admin listener has its port. */
  readonly callbackUrl: () => string;
  /** False: functions are only proved here, and their pods run elsewhere. */
  readonly hosts: boolean;
  /** Resolves when everybody who sends to its pods knows what they are now. */
  readonly released: () => Promise<void>;
  /** Memory of the smallest pod; the function's own limit travels with its load. */
  readonly podMemoryBytes: number;
}

/** What a listener of wishes gets: `dispatcher` and `gateway` ask, `scale` answers. */
export type WantListener = (unit: string, pods: number, reason: Parameters<PodDirectory['want']>[2]) => void;

/** So many crashes within this time are ordinary (a bad event is found by them); each further one delays the next start. */
const crashesFree = 4;
const crashWindowMs = 60_000;
/** Many times what a start takes. */
const youngMs = 2_000;

/** A deployment waits for the pod that proves it, and others wait for that deployment: one that no node can hold is refused, and tried again later. */
const trialStartMs = 30_000;
const trialsAboveMax = 4;
/** Between the last load and the refilling of the pool. */
const refillDelayMs = 250;
/** Well within the time after which an idle connection to a pod is closed. */
const greetEveryMs = 45_000;

/** The pods of all functions: starts generic ones, makes them functions, drains them, replaces those that ended. */
export class Fleet implements PodDirectory {
  readonly #options: FleetOptions;
  readonly #members = new Map<string, Member>();
  readonly #wishes = new Map<string, Wish>();
  readonly #exitListeners = new Set<Parameters<PodDirectory['onExit']>[0]>();
  readonly #wantListeners = new Set<WantListener>();
  readonly #views = new FleetViews(this.#members);
  readonly #bundles: BundleCache;
  readonly #underWay = new Set<Promise<void>>();
  #inFlightByPod: ReadonlyMap<string, number> = new Map();
  #replicas: ReadonlyMap<string, number> = new Map();
  /** Sizes of those that start now. */
  readonly #starting: number[] = [];
  /** Pods of an earlier server that have a function, until it is known which functions there are. */
  #adopted: readonly AdoptedPod[] = [];
  #startError: unknown;
  #startFailures = 0;
  #startNotBeforeMs = 0;
  #refillNotBeforeMs = 0;
  #planned = false;
  #stopped = false;
  #cancelTimer: (() => void) | undefined;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#bundles = new BundleCache(options.registry);
    options.pods.onExit(exit => this.#ended(exit));
    options.pods.onLeaving(leaving => this.#leaves(leaving));
    options.pods.onOutput(output => options.log.info('pod output', { pod: output.id, stream: output.stream, text: output.text }));
  }

  podsOf(unit: string): readonly PodView[] {
    return this.#views.of(unit);
  }

  comingOf(unit: string): readonly PodView[] {
    return this.#views.comingOf(unit);
  }

  want(...request: Parameters<PodDirectory['want']>): boolean {
    for (const listener of this.#wantListeners) listener(...request);
    return true;
  }

  onWant(listener: WantListener): () => void {
    this.#wantListeners.add(listener);
    return () => this.#wantListeners.delete(listener);
  }

  onChange(listener: (unit: string) => void): () => void {
    return this.#views.onChange(listener);
  }

  onExit(listener: Parameters<PodDirectory['onExit']>[0]): () => void {
    this.#exitListeners.add(listener);
    return () => this.#exitListeners.delete(listener);
  }

  /** Takes over what an earlier server has left; before the first {@link update}. */
  async adopt(): Promise<void> {
    const found = await this.#options.pods.adopt(this.#options.callbackUrl());
    // Members at once, so that one that ends before the functions are known is gone.
    for (const { info, memoryBytes, loaded } of found)
      this.#members.set(info.id, memberOf(info, memoryBytes, loaded === undefined ? 'generic' : 'loading'));
    this.#adopted = found.filter(({ loaded }) => loaded !== undefined);
    if (found.length > 0) this.#options.log.info('pods of an earlier server are taken over', { pods: found.length });
  }

  /** The functions that may have pods from now on. Keeps the replicas of those it knows. */
  update(functions: readonly LiveFunction[]): void {
    this.#settleAdopted(functions);
    const units = new Set(functions.map(live => live.unit));
    for (const unit of this.#wishes.keys()) if (!units.has(unit)) this.#wishes.delete(unit);
    this.#views.keepOnly(units);
    for (const live of functions) {
      const wish = this.#wishOf(live);
      if (wish.live.revision !== live.revision) Object.assign(wish, { live, loadFailures: 0, crashedAtMs: [], notBeforeMs: 0 });
      else wish.live = live;
      this.#adoptTrials(live);
    }
    this.#bundles.keep(new Set(functions.map(live => live.bundleHash)));
    this.#plan();
  }

  #wishOf(live: LiveFunction): Wish {
    const wish = this.#wishes.get(live.unit) ?? {
      live,
      replicas: 0,
      loadFailures: 0,
      crashedAtMs: [],
      notBeforeMs: 0,
      surplusSinceMs: undefined,
    };
    this.#wishes.set(live.unit, wish);
    return wish;
  }

  scale(unit: string, replicas: number): void {
    const wish = this.#wishes.get(unit);
    if (wish === undefined || wish.replicas === replicas) return;
    wish.replicas = replicas;
    this.#plan();
  }

  replicas(unit: string): number {
    return this.#wishes.get(unit)?.replicas ?? 0;
  }

  /** Pods of all functions, as others see them. */
  views(): readonly PodView[] {
    return this.#views.all();
  }

  /** How many pods each function is to have here; the same object until that changes. */
  wishes(): ReadonlyMap<string, number> {
    this.#replicas = replicasOf(this.#wishes, this.#replicas);
    return this.#replicas;
  }

  /** Figures of the data plane, so that idle pods go first. */
  observe(inFlightByPod: ReadonlyMap<string, number>): void {
    this.#inFlightByPod = inFlightByPod;
    this.#tellTrouble();
    this.#plan();
  }

  /** Pods of each unit; those that are wished for and not there yet are starting. */
  counts(): ReadonlyMap<string, { readonly ready: number; readonly starting: number; readonly draining: number }> {
    return countsOf(this.#members.values(), this.wishes());
  }

  /** All pods, for telemetry and the API. */
  list(): readonly ListedPod[] {
    return [...this.#members.values()].map(member => listedPod(member, this.#inFlightByPod));
  }

  /**
   * Loads a revision that is not live yet on a pod of its own. The pod stays: it serves the revision once that is live, and is drained if it
   * never becomes so. Takes a generic pod or starts one even above `podsMax`, so that a full machine can still be redeployed; with more than a few above it
   * a pod has done its work when it has proved the revision.
   */
  async trial(live: LiveFunction): Promise<LoadResult> {
    const size = this.#sizeFor(live);
    const generic = [...this.#members.values()].find(member => member.phase === 'generic' && member.memoryBytes === size);
    if (generic !== undefined) generic.phase = 'loading';
    const member = generic ?? (await this.#startOne('loading', size, trialStartMs));
    const result = await this.#load(member, live, 'trial');
    const staying = [...this.#members.values()].filter(({ phase }) => phase !== 'draining' && phase !== 'lost').length;
    if (result.kind === 'ready' && staying > this.#options.limits.podsMax + trialsAboveMax) this.#drain(member, 'replaced');
    return result;
  }

  /** Drains the trial pods of revisions that did not become live. */
  abandon(revisions: readonly LiveFunction[]): void {
    for (const member of this.#members.values()) {
      if (member.phase === 'trial' && revisions.some(one => isOf(member, one))) this.#drain(member, 'replaced');
    }
  }

  /** Ends all pods, which have `drainMs` for what they have begun. */
  async stop(drainMs: number): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer?.();
    for (const member of this.#members.values()) this.#retire(member);
    await this.#options.released();
    await Promise.all([...this.#members.values()].map(member => this.#options.pods.stop(member.info.id, drainMs)));
    // What is being started may wait for the cluster for minutes: it is given up.
    await this.#options.pods.close();
    await Promise.allSettled([...this.#underWay]);
  }

  /** Plans once per turn of the event loop, however many things changed in it. */
  #plan(): void {
    if (this.#planned || this.#stopped) return;
    this.#planned = true;
    queueMicrotask(() => {
      this.#planned = false;
      if (!this.#stopped) this.#act();
    });
  }

  #act(): void {
    const { clock, limits, podMemoryBytes } = this.#options;
    const nowMs = clock.now();
    const pods = fleetPods([...this.#members.values()], this.#starting, this.#inFlightByPod, nowMs);
    if (pods.length === 0 && limits.pool === 0 && wantsNothing(this.#wishes)) return;
    const wishes = [...this.#wishes.values()].map(wish => ({
      unit: wish.live.unit,
      revision: wish.live.revision,
      replicas: wish.replicas,
      notBeforeMs: wish.notBeforeMs,
      memoryBytes: this.#sizeFor(wish.live),
      drainBusyAtMs: drainBusyAtMs(wish, this.#readyOf(wish.live.unit), this.#options.drainMs, nowMs),
    }));
    const refillNotBeforeMs = this.#refillNotBeforeMs;
    for (const action of planFleet(pods, wishes, { ...limits, refillNotBeforeMs, memoryBytes: podMemoryBytes }, nowMs))
      this.#do(action, nowMs);
    const waits = [...this.#wishes.values()].filter(wish => wish.replicas > 0).map(wish => wish.notBeforeMs);
    this.#greet(nowMs);
    this.#wakeAt(Math.min(...[...waits, this.#startNotBeforeMs, refillNotBeforeMs].filter(atMs => atMs > nowMs)), nowMs);
  }

  /** Generic pods are greeted before a function waits for one. */
  #greet(nowMs: number): void {
    for (const member of this.#members.values()) {
      if (member.phase !== 'generic' || nowMs < member.greetAtMs) continue;
      member.greetAtMs = nowMs + greetEveryMs;
      this.#track(greet(this.#options.client, member.info));
    }
  }

  #do(action: FleetAction, nowMs: number): void {
    if (action.kind === 'start') {
      if (nowMs >= this.#startNotBeforeMs) this.#track(this.#startOne('generic', action.memoryBytes).then(() => undefined));
      return;
    }
    const member = this.#members.get(action.podId);
    if (member === undefined) return;
    const wish = action.kind === 'load' ? this.#wishes.get(action.unit) : undefined;
    if (action.kind === 'drain') this.#drain(member, action.why);
    else if (wish !== undefined) this.#track(this.#load(member, wish.live, 'ready').then(() => undefined));
  }

  #track(work: Promise<void>): void {
    const settled = work
      .catch(error => {
        // What our own stop gave up would only stand before the reason of that stop.
        this.#options.log[this.#stopped ? 'debug' : 'error']('pod action failed', { error: String(error) });
      })
      .finally(() => {
        this.#underWay.delete(settled);
        this.#plan();
      });
    this.#underWay.add(settled);
  }

  async #startOne(phase: 'generic' | 'loading', memoryBytes: number, startMs?: number): Promise<Member> {
    const { pods, metrics, clock } = this.#options;
    this.#starting.push(memoryBytes);
    const beginMs = performance.now();
    try {
      const info = await pods.start({ memoryBytes, callbackUrl: this.#options.callbackUrl(), ...(startMs !== undefined && { startMs }) });
      const bootMs = performance.now() - beginMs;
      metrics.observe('faas_cold_start_seconds', { unit: '', phase: 'boot' }, bootMs / 1000);
      const member = memberOf(info, memoryBytes, phase, bootMs);
      this.#members.set(info.id, member);
      this.#startFailures = 0;
      this.#startError = undefined;
      return member;
    } catch (error) {
      // One function that no node can hold says nothing of the others.
      if (startMs !== undefined) throw error;
      this.#startFailures += 1;
      this.#startError = error;
      this.#startNotBeforeMs = clock.now() + loadBackoffMs(this.#startFailures);
      throw error;
    } finally {
      this.#starting.splice(this.#starting.indexOf(memoryBytes), 1);
      this.#plan();
    }
  }

  async #load(member: Member, live: LiveFunction, then: 'ready' | 'trial'): Promise<LoadResult> {
    member.phase = 'loading';
    member.live = live;
    const { client, metrics, loadTimeoutMs } = this.#options;
    this.#delayRefill();
    const bundle = await this.#bundles.get(live.bundleHash).catch(String);
    // A pod that loads for ever would count as one of the function's, also where the registry is only away.
    if (bundle === undefined || typeof bundle === 'string') {
      const message = bundle ?? `the bundle ${live.bundleHash.slice(0, 12)} of ${live.unit} is not stored`;
      this.#loadFailed(member, live, message);
      return failedLoad('FAAS_BUNDLE_UNKNOWN', message);
    }
    const request: LoadRequest = loadRequestOf(live, bundle);
    const loading = client.load(member.info, request, loadTimeoutMs);
    if (then === 'ready') this.#views.loads(member, live);
    const result = await loading;
    this.#delayRefill();
    if (!this.#members.has(member.info.id))
      return result.kind === 'failed' ? result : failedLoad('FAAS_LOAD_EXIT', 'the pod ended while it loaded the function');
    if (result.kind === 'failed') {
      this.#loadFailed(member, live, `${result.error.code}: ${result.error.message}`);
      return result;
    }
    metrics.observe('faas_cold_start_seconds', { unit: live.unit, phase: 'load' }, result.phases.loadMs / 1000);
    metrics.observe('faas_cold_start_seconds', { unit: live.unit, phase: 'init' }, result.phases.initMs / 1000);
    this.#options.history.write(startEntry(member, live, result.phases, this.#options.clock.now()));
    const wish = this.#wishes.get(live.unit);
    if (wish !== undefined && wish.live.revision === live.revision) wish.loadFailures = 0;
    this.#views.loaded(member, live, result.handler);
    member.phase = then;
    member.loadedAtMs = this.#options.clock.steady();
    this.#options.pods.mark(member.info.id, { unit: live.unit, revision: live.revision });
    if (then === 'ready') this.#views.changed(live.unit);
    return result;
  }

  #delayRefill(): void {
    this.#refillNotBeforeMs = this.#options.clock.now() + refillDelayMs;
  }

  #loadFailed(member: Member, live: LiveFunction, message: string): void {
    this.#options.log.warn('function did not load', { unit: live.unit, revision: live.revision, pod: member.info.id, error: message });
    const wish = this.#wishes.get(live.unit);
    if (wish !== undefined && wish.live.revision === live.revision) {
      wish.loadFailures += 1;
      wish.notBeforeMs = this.#options.clock.now() + loadBackoffMs(wish.loadFailures);
    }
    if (this.#members.has(member.info.id)) {
      this.#retire(member);
      this.#track(this.#options.pods.stop(member.info.id, 0).then(() => undefined));
    }
  }

  #drain(member: Member, why: Extract<FleetAction, { kind: 'drain' }>['why']): void {
    if (member.phase === 'draining') return;
    const { pods, log, drainMs, released } = this.#options;
    const { id } = member.info;
    log.debug('pod drains', { pod: id, unit: member.live?.unit, why: drainSentence(why) });
    this.#retire(member);
    this.#track(
      released()
        .then(() => (this.#members.has(id) ? pods.stop(id, drainMs) : undefined))
        .then(() => undefined),
    );
  }

  /** It takes no new batch from now on. */
  #retire(member: Member): void {
    member.phase = 'draining';
    if (member.live !== undefined) this.#views.changed(member.live.unit);
  }

  #ended(exit: PodExit): void {
    const member = this.#members.get(exit.id);
    if (member === undefined) return;
    this.#members.delete(exit.id);
    const unit = member.live?.unit;
    this.#options.metrics.count('faas_pod_exits_total', { unit: unit ?? '', reason: exit.reason });
    if (exit.reason !== 'stopped') {
      this.#options.log.warn('pod ended by itself', { pod: exit.id, unit, reason: exit.reason, code: exit.code, signal: exit.signal });
      this.#options.history.write(exitEntry(exit, unit, this.#options.clock.now()));
    }
    if (exit.reason !== 'stopped' && unit !== undefined && this.#isYoung(member)) this.#crashed(unit);
    for (const listener of this.#exitListeners) listener({ ...exit, unit });
    if (unit !== undefined) this.#views.changed(unit);
    this.#plan();
  }

  /** Somebody else has told it to end, or it cannot be reached: another one is started at once. */
  #leaves({ id, why }: PodLeaving): void {
    const member = this.#members.get(id);
    if (member === undefined || member.phase === 'draining' || member.phase === 'lost') return;
    this.#options.log.info('pod leaves', { pod: id, unit: member.live?.unit, why });
    member.phase = why === 'told' ? 'draining' : 'lost';
    if (member.live !== undefined) this.#views.changed(member.live.unit);
    this.#plan();
  }

  #settleAdopted(functions: readonly LiveFunction[]): void {
    const adopted = this.#adopted;
    this.#adopted = [];
    for (const { info, loaded } of adopted) {
      const member = this.#members.get(info.id);
      if (member?.phase !== 'loading') continue;
      const live = functions.find(({ unit, revision }) => unit === loaded?.unit && revision === loaded.revision);
      member.phase = 'ready';
      if (live === undefined || loaded === undefined || !this.#options.hosts) this.#drain(member, 'removed');
      else {
        Object.assign(member, { live, handler: loaded.handler });
        this.#wishOf(live).replicas += 1;
        this.#views.changed(live.unit);
      }
    }
  }

  #tellTrouble(): void {
    const { pods, conditions } = this.#options;
    const missing = new Map([...this.#wishes].map(([unit, { replicas }]) => [unit, replicas > this.#readyOf(unit)]));
    tellPodsMissing(conditions, missing, pods.waiting()[0], this.#startError);
  }

  #readyOf(unit: string): number {
    return this.podsOf(unit).filter(({ state }) => state === 'ready').length;
  }

  #sizeFor({ spec }: LiveFunction): number {
    const { pods, podMemoryBytes } = this.#options;
    return pods.capabilities.memoryFixed ? podSize(spec.limits.memoryBytes, podMemoryBytes) : podMemoryBytes;
  }

  /** One that has worked for a while costs no more than its start now and then, however often that is. */
  #isYoung({ loadedAtMs }: Member): boolean {
    return loadedAtMs === undefined || this.#options.clock.steady() - loadedAtMs < youngMs;
  }

  /** A function whose pods keep ending is started more slowly, so that it does not take the machine from the others. */
  #crashed(unit: string): void {
    const wish = this.#wishes.get(unit);
    if (wish === undefined) return;
    const nowMs = this.#options.clock.now();
    wish.crashedAtMs = [...wish.crashedAtMs.filter(atMs => atMs > nowMs - crashWindowMs), nowMs];
    wish.notBeforeMs = nowMs + loadBackoffMs(Math.max(0, wish.crashedAtMs.length - crashesFree));
  }

  /** The pod that proved a revision is its first pod; idle scaling takes it away when nothing comes. */
  #adoptTrials(live: LiveFunction): void {
    const wish = this.#wishes.get(live.unit);
    for (const member of this.#members.values()) {
      if (member.phase !== 'trial' || !isOf(member, live) || wish === undefined) continue;
      if (!this.#options.hosts) {
        this.#drain(member, 'replaced');
        continue;
      }
      member.phase = 'ready';
      wish.replicas = Math.max(wish.replicas, 1);
      this.#views.changed(live.unit);
    }
  }

  #wakeAt(atMs: number, nowMs: number): void {
    this.#cancelTimer?.();
    this.#cancelTimer = atMs === Infinity ? undefined : this.#options.clock.after(Math.max(1, atMs - nowMs), () => this.#plan());
  }
}
