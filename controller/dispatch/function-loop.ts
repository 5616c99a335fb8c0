import type { EventResult, PodLog } from '../../runtime/protocol/messages.ts';
import type { LiveFunction, Subscription } from '../functions/live-function.ts';
import type { PodExit } from '../ports/pods.ts';
import type { GroupMember, TopicPartition } from '../ports/streams.ts';
import type { PodView } from '../wire/pod-directory.ts';
import { BatchCeiling, batchBytesMax } from './batching.ts';
import type { DispatcherOptions, SettledResult, UnitReport } from './dispatcher.ts';
import { PartitionLoop, type Prepared } from './partition-loop.ts';
import type { Result } from './pending-event.ts';
import { choosePod, chooseQuarantine, leastOf, type PodLoad, podsWanted } from './placement.ts';
import { eventIdOf } from './read-records.ts';
import { ResultWaiters } from './result-waiters.ts';
import type { Draft, DraftEnd, Effect, Session } from './session-state.ts';
import { hasLoner, hasSuspect, offerable, takeLoner, takeShared, takeSuspect, windowEndMs } from './take-batch.ts';
import { TopicSizes } from './topic-sizes.ts';
import { UnitFigures } from './unit-figures.ts';

const offsetEveryMs = 2_000;
const wantAgainMs = 1_000;
const refusalMs = { min: 10, max: 1_000 };
/** How long the end of a pod is waited for after its connection broke. */
const exitWaitMs = 3_000;
const rejoinMs = 1_000;
const exitsKept = 256;
const newFunctionEvents = 200;

/** Everything of one live function: its membership, its partitions, and which pod gets which events. */
export class FunctionLoop {
  readonly #options: DispatcherOptions;
  readonly #sizes: TopicSizes;
  readonly #figures: UnitFigures;
  readonly #waiters: ResultWaiters;
  readonly #loops = new Map<string, { readonly loop: PartitionLoop; readonly ended: Promise<void> }>();
  readonly #loads = new Map<string, PodLoad>();
  readonly #exits = new Map<string, PodExit['reason']>();
  readonly #exitWaiters = new Map<string, () => void>();
  readonly #ceiling = new BatchCeiling();
  readonly #stop = new AbortController();
  readonly #unsubscribe: (() => void)[];
  #live: LiveFunction;
  #member: GroupMember | undefined;
  #running: Promise<void> | undefined;
  #rejoin: (() => void) | undefined;
  #usesState = false;
  #pumping = false;
  #turn = 0;
  #wanted: { readonly pods: number; readonly atMs: number } | undefined;
  #cancelPump: (() => void) | undefined;
  #pumpAtMs: number | undefined;
  #cancelOffsets: (() => void) | undefined;

  constructor(options: DispatcherOptions, live: LiveFunction) {
    this.#options = options;
    this.#live = live;
    this.#sizes = new TopicSizes(options.streams);
    this.#figures = new UnitFigures(options, live.unit);
    this.#waiters = new ResultWaiters(options.clock);
    this.#unsubscribe = [
      options.pods.onChange(unit => {
        if (unit === live.unit) this.#podsChanged();
      }),
      options.pods.onExit(exit => this.#podEnded(exit)),
    ];
  }

  start(): void {
    this.#podsChanged();
    this.#running = this.#run();
  }

  /** A new revision keeps the sessions unless its topics changed. */
  update(live: LiveFunction): void {
    const before = topicsOf(this.#live);
    this.#live = live;
    void this.#sizes
      .load(live)
      .catch(error => this.#options.log.warn('looking up topics failed', { unit: live.unit, error: String(error) }));
    if (before !== topicsOf(live)) {
      this.#rejoin?.();
      return;
    }
    for (const { loop } of this.#loops.values()) {
      const subscription = this.#subscription(loop.at.topic);
      if (subscription !== undefined) loop.update(live, subscription);
    }
    this.#pump();
  }

  async resultOf(eventId: string, timeoutMs: number): Promise<SettledResult> {
    const waiting = this.#waiters.wait(eventId, timeoutMs);
    void this.#settleKnown(eventId);
    return waiting;
  }

  report(): UnitReport {
    const sessions = [...this.#loops.values()].map(({ loop }) => loop);
    return this.#figures.report(sessions, this.#loads);
  }

  /** Finishes what is in flight within `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    for (const { loop } of this.#loops.values()) loop.finish();
    const deadlineMs = this.#options.clock.now() + graceMs;
    while (![...this.#loops.values()].every(({ loop }) => loop.isQuiet()) && this.#options.clock.now() < deadlineMs) {
      await this.#options.clock.sleep(stopPollMs);
    }
    for (const { loop } of this.#loops.values()) if (loop.owesOffset) loop.commitOffset();
    while ([...this.#loops.values()].some(({ loop }) => loop.owesOffset) && this.#options.clock.now() < deadlineMs) {
      await this.#options.clock.sleep(stopPollMs);
    }
    this.#stop.abort();
    this.#rejoin?.();
    for (const off of this.#unsubscribe) off();
    this.#cancelPump?.();
    this.#cancelOffsets?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options;
    while (!this.#stop.signal.aborted) {
      try {
        await this.#sizes.load(this.#live);
        await this.#belong();
      } catch (error) {
        log.warn('joining the group failed', { unit: this.#live.unit, error: String(error) });
        await clock.sleep(rejoinMs, this.#stop.signal);
      }
    }
  }

  /** One membership, until it is lost, its topics change or the function stops. */
  async #belong(): Promise<void> {
    const { streams, log, clock } = this.#options;
    let lost = false;
    const over = new Promise<void>(resolve => {
      this.#rejoin = resolve;
    });
    if (this.#stop.signal.aborted) return;
    let member: GroupMember | undefined;
    const early: TopicPartition[] = [];
    member = await streams.join({
      group: this.#live.group,
      topics: this.#live.subscriptions.map(({ topic }) => topic),
      onAssigned: assigned => {
        if (member === undefined) early.push(...assigned);
        else this.#assigned(member, assigned);
      },
      onRevoked: revoked => this.#revoked(revoked),
      onLost: error => {
        lost = true;
        log.warn('group membership lost', { unit: this.#live.unit, error: String(error) });
        this.#rejoin?.();
      },
    });
    this.#member = member;
    this.#assigned(member, early);
    if (!this.#stop.signal.aborted) await over;
    await this.#leave(member);
    if (lost) await clock.sleep(rejoinMs, this.#stop.signal);
  }

  async #leave(member: GroupMember): Promise<void> {
    const ended = [...this.#loops.values()];
    for (const { loop } of ended) loop.abort();
    await Promise.all(ended.map(one => one.ended));
    this.#loops.clear();
    await member
      .leave()
      .catch(error => this.#options.log.warn('leaving the group failed', { unit: this.#live.unit, error: String(error) }));
    if (this.#member === member) this.#member = undefined;
  }

  #assigned(member: GroupMember, assigned: readonly TopicPartition[]): void {
    for (const at of assigned) {
      const key = `${at.topic}.${at.partition}`;
      const subscription = this.#subscription(at.topic);
      if (subscription === undefined || this.#stop.signal.aborted) continue;
      const before = this.#loops.get(key);
      before?.loop.abort();
      const loop = new PartitionLoop(
        {
          dispatcher: this.#options,
          member,
          at,
          partitionsOf: this.#sizes.partitionsOf,
          events: { onChange: () => this.#pump(), onEffect: (from, effect) => this.#onEffect(from, effect) },
        },
        this.#live,
        subscription,
      );
      // The old session has let go before the new one claims.
      const ended = (before?.ended ?? Promise.resolve()).then(() => loop.run());
      this.#loops.set(key, { loop, ended });
    }
  }

  #revoked(revoked: readonly TopicPartition[]): void {
    for (const at of revoked) this.#loops.get(`${at.topic}.${at.partition}`)?.loop.abort();
  }

  #subscription(topic: string): Subscription | undefined {
    return this.#live.subscriptions.find(subscription => subscription.topic === topic);
  }

  // Pods

  #podsChanged(): void {
    const views = this.#options.pods.podsOf(this.#live.unit);
    const ids = new Set(views.map(view => view.pod.id));
    for (const [id, load] of this.#loads) {
      if (!ids.has(id) && load.batches === 0) this.#loads.delete(id);
      else if (!ids.has(id)) load.view = { ...load.view, state: 'draining' };
    }
    for (const view of views) this.#addView(view);
    this.#wanted = undefined;
    this.#pump();
  }

  #addView(view: PodView): void {
    const load = this.#loads.get(view.pod.id);
    if (load !== undefined) load.view = view;
    else this.#loads.set(view.pod.id, { view, events: 0, batches: 0, reserved: false, notBeforeMs: 0, refusals: 0 });
  }

  #podEnded({ bootId, reason }: PodExit): void {
    this.#exits.set(bootId, reason);
    this.#exitWaiters.get(bootId)?.();
    for (const old of this.#exits.keys()) {
      if (this.#exits.size <= exitsKept) break;
      this.#exits.delete(old);
    }
  }

  /** State is read ahead for a function that uses it, and for one that is too new to tell. */
  get #prefetches(): boolean {
    return this.#usesState || this.#figures.handled < newFunctionEvents;
  }

  // Dispatch

  /** Gives events to pods, once for everything that happened in this turn. */
  #pump(): void {
    if (this.#pumping || this.#stop.signal.aborted) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      try {
        if (!this.#stop.signal.aborted) this.#dispatch();
      } catch (error) {
        this.#options.log.error('dispatching failed', { unit: this.#live.unit, error });
      }
    });
  }

  #dispatch(): void {
    const nowMs = this.#options.clock.now();
    const loops = this.#openLoops();
    if (loops.length === 0) return;
    this.#armOffsets(loops);
    const loads = [...this.#loads.values()];
    for (const { loop, session } of loops) {
      if (hasSuspect(session)) this.#placeSuspect(loop, session, loads, nowMs);
      if (hasLoner(session)) this.#placeLoner(loop, session, loads, nowMs);
    }
    const left = this.#placeShared(loops, loads, nowMs);
    this.#askForPods(loops, loads, left, nowMs);
    this.#pumpLater(loops, loads, nowMs);
  }

  #openLoops(): { loop: PartitionLoop; session: Session }[] {
    const open: { loop: PartitionLoop; session: Session }[] = [];
    for (const { loop } of this.#loops.values()) if (loop.isOpen && loop.session !== undefined) open.push({ loop, session: loop.session });
    return open;
  }

  #placeShared(loops: readonly { loop: PartitionLoop; session: Session }[], loads: readonly PodLoad[], nowMs: number): boolean {
    let idle = 0;
    while (idle < loops.length) {
      this.#turn = (this.#turn + 1) % loops.length;
      const next = loops[this.#turn];
      if (next === undefined) break;
      const events = offerable(next.session, nowMs);
      const size = this.#ceiling.limit(next.session.subscription.batch.size);
      const chosen = events === 0 ? undefined : choosePod(loads, this.#live.revision, size, this.#figures.eventMs, nowMs);
      if (events > 0 && chosen === undefined) return true;
      if (chosen === undefined || Math.min(events, chosen.room) < leastOf(chosen.load, size)) {
        idle += 1;
        continue;
      }
      const offer = { events: chosen.room, bytes: batchBytesMax, prefetch: this.#prefetches, handler: chosen.load.view.handler };
      const draft = takeShared(next.session, offer, nowMs);
      if (draft === undefined) idle += 1;
      else {
        idle = 0;
        void this.#send(next.loop, next.session, draft, chosen.load);
      }
    }
    return false;
  }

  #placeSuspect(loop: PartitionLoop, session: Session, loads: readonly PodLoad[], nowMs: number): void {
    const chosen = chooseQuarantine(loads, this.#live.revision, nowMs);
    if (chosen === undefined) return;
    chosen.load.reserved = true;
    if (!chosen.isFree) return;
    const draft = takeSuspect(session, { prefetch: this.#prefetches, handler: chosen.load.view.handler }, nowMs);
    if (draft === undefined) chosen.load.reserved = false;
    else void this.#send(loop, session, draft, chosen.load);
  }

  #placeLoner(loop: PartitionLoop, session: Session, loads: readonly PodLoad[], nowMs: number): void {
    const chosen = choosePod(loads, this.#live.revision, 1, this.#figures.eventMs, nowMs);
    if (chosen === undefined) return;
    const draft = takeLoner(session, { prefetch: this.#prefetches, handler: chosen.load.view.handler }, nowMs);
    if (draft !== undefined) void this.#send(loop, session, draft, chosen.load);
  }

  #askForPods(loops: readonly { session: Session }[], loads: readonly PodLoad[], allBusy: boolean, nowMs: number): void {
    const ready = loads.filter(load => load.view.state === 'ready');
    if (ready.length > 0 && !allBusy) return;
    const waiting = loops.reduce((sum, { session }) => sum + session.lanes.parallel + session.lanes.special.size, 0);
    if (waiting === 0) return;
    const pods = podsWanted(loads, waiting, this.#live.spec.limits.concurrency);
    if (this.#wanted !== undefined && pods <= this.#wanted.pods && nowMs < this.#wanted.atMs + wantAgainMs) return;
    this.#wanted = { pods, atMs: nowMs };
    this.#options.pods.want(this.#live.unit, pods, ready.length === 0 ? 'first-event' : 'waiting-events');
    if (ready.length === 0) this.#pumpAt(nowMs + wantAgainMs, nowMs);
  }

  /** A pod that refused may be asked again after a while; events that wait for others are sent when their window ends. */
  #pumpLater(loops: readonly { session: Session }[], loads: readonly PodLoad[], nowMs: number): void {
    for (const { notBeforeMs } of loads) if (notBeforeMs > nowMs) this.#pumpAt(notBeforeMs, nowMs);
    for (const { session } of loops) {
      const atMs = windowEndMs(session, nowMs);
      if (atMs !== undefined) this.#pumpAt(atMs, nowMs);
    }
  }

  /** One timer, for the earliest moment that was asked for. */
  #pumpAt(atMs: number, nowMs: number): void {
    if (this.#pumpAtMs !== undefined && this.#pumpAtMs <= atMs) return;
    this.#cancelPump?.();
    this.#pumpAtMs = atMs;
    this.#cancelPump = this.#options.clock.after(Math.max(1, Math.ceil(atMs - nowMs)), () => {
      this.#pumpAtMs = undefined;
      this.#pump();
    });
  }

  async #send(loop: PartitionLoop, session: Session, draft: Draft, load: PodLoad): Promise<void> {
    const { clock, random, log } = this.#options;
    const size = draft.events.length;
    load.events += size;
    load.batches += 1;
    let answered = 0;
    let crash: { readonly alone: boolean } | undefined;
    try {
      const prepared = await loop.prepare(draft);
      if (prepared !== undefined) {
        const { end, alone } = await this.#runBatch(loop, session, draft, prepared, load, count => {
          answered += count;
          load.events -= count;
          this.#pump();
        });
        if (await this.#hasCrashed(end, load)) crash = { alone };
      }
    } catch (error) {
      log.warn('sending a batch failed', { unit: this.#live.unit, error: String(error) });
      this.#refused(load);
    }
    load.events -= size - answered;
    load.batches -= 1;
    if (draft.alone) load.reserved = false;
    if (!this.#options.pods.podsOf(this.#live.unit).some(view => view.pod.id === load.view.pod.id)) this.#loads.delete(load.view.pod.id);
    const end: DraftEnd = crash === undefined ? { kind: 'returned' } : { kind: 'crashed', alone: crash.alone };
    loop.stepOf(session, { kind: 'draft-ended', draft, end, fraction: random.fraction(), nowMs: clock.now() });
    this.#pump();
  }

  async #runBatch(
    loop: PartitionLoop,
    session: Session,
    draft: Draft,
    prepared: Prepared,
    load: PodLoad,
    onAnswered: (count: number) => void,
  ) {
    const { client, tokens, random, faults, clock, metrics } = this.#options;
    const { unit } = this.#live;
    const { pod, revision } = load.view;
    const batchToken = random.token();
    tokens.grant(batchToken, { unit, podId: pod.id, calls: new Set(this.#live.spec.calls), depth: 0 });
    let waiting: EventResult[] = [];
    const flush = () => {
      if (waiting.length === 0) return;
      const results = waiting;
      waiting = [];
      try {
        faults('result.received');
      } catch (error) {
        loop.fail(session, error);
      }
      this.#figures.finished(results, draft);
      onAnswered(results.length);
      loop.stepOf(session, { kind: 'results', draft, results, fraction: random.fraction(), nowMs: clock.now() });
    };
    const result = (one: EventResult) => {
      if (waiting.length === 0) queueMicrotask(flush);
      waiting.push(one);
    };
    try {
      metrics.observe('faas_batch_events', { unit }, prepared.events.length);
      const { order } = session.subscription;
      const sent = client.run(
        pod,
        { batchToken, unit, revision, order, ...prepared },
        { result, log: line => this.#log(loop.at, draft, line) },
      );
      faults('dispatch.sent');
      const end = await sent;
      flush();
      return { end, alone: tokens.isAlone(batchToken) };
    } finally {
      tokens.revoke(batchToken);
    }
  }

  /** Whether the pod ended with what it had not answered. */
  async #hasCrashed(end: { readonly kind: 'done' | 'busy' | 'draining' | 'lost' }, load: PodLoad): Promise<boolean> {
    const { pod } = load.view;
    switch (end.kind) {
      case 'done':
        load.refusals = 0;
        return false;
      case 'busy':
        this.#refused(load);
        return false;
      case 'draining':
        load.view = { ...load.view, state: 'draining' };
        return false;
      default: {
        this.#refused(load);
        const reason = this.#exits.get(pod.bootId) ?? (await this.#exitOf(load));
        return reason !== undefined && reason !== 'stopped';
      }
    }
  }

  #refused(load: PodLoad): void {
    load.refusals += 1;
    const delayMs = Math.min(refusalMs.max, refusalMs.min * 2 ** Math.min(load.refusals - 1, 10));
    load.notBeforeMs = this.#options.clock.now() + delayMs;
  }

  /** The reason of a pod's end, which is often reported just after its connection broke; undefined: it lives. */
  async #exitOf(load: PodLoad): Promise<PodExit['reason'] | undefined> {
    const { pod } = load.view;
    const status = await this.#options.client.status(pod).catch(() => undefined);
    if (status?.bootId === pod.bootId) return undefined;
    if (!this.#exits.has(pod.bootId)) await this.#nextExit(pod.bootId);
    return this.#exits.get(pod.bootId);
  }

  #nextExit(bootId: string): Promise<void> {
    const before = this.#exitWaiters.get(bootId);
    return new Promise(resolve => {
      const done = () => {
        cancel();
        before?.();
        this.#exitWaiters.delete(bootId);
        resolve();
      };
      const cancel = this.#options.clock.after(exitWaitMs, done);
      this.#exitWaiters.set(bootId, done);
    });
  }

  // What follows besides

  #onEffect(loop: PartitionLoop, effect: Effect): void {
    switch (effect.kind) {
      case 'applied':
        this.#figures.applied(effect.commit, loop.session);
        if (!this.#waiters.isEmpty)
          this.#answerWaiters(
            loop.at,
            effect.commit.group,
            effect.commit.known.map(event => eventIdOf(loop.at, event)),
          );
        break;
      case 'failed':
        this.#figures.failed(effect.event, effect.doom, effect.final, loop.at);
        break;
      case 'suspected':
        this.#figures.suspected(effect.events, loop.at);
        break;
      case 'state-used':
        this.#usesState = true;
        break;
      case 'batch-failed':
        if (effect.timeout) this.#ceiling.timedOut(effect.events);
        break;
      case 'target-missing':
        void this.#sizes
          .load(this.#live)
          .catch(error => this.#options.log.warn('looking up topics failed', { unit: this.#live.unit, error: String(error) }));
        break;
      default:
    }
  }

  #answerWaiters(at: TopicPartition, group: readonly Result[], known: readonly string[]): void {
    for (const { event, doom, answer } of group) {
      const id = eventIdOf(at, event);
      if (this.#waiters.has(id)) this.#waiters.settle(id, doom === undefined ? { kind: 'ok', answer } : { kind: 'dead-letter', ...doom });
    }
    for (const id of known) if (this.#waiters.has(id)) void this.#settleKnown(id);
  }

  /** A repetition of an event that was handled before gets the stored answer. */
  async #settleKnown(id: string): Promise<void> {
    try {
      const [found] = await this.#options.state.known(this.#live.unit, [id]);
      if (found !== undefined) this.#waiters.settle(id, { kind: 'ok', answer: found.answer });
    } catch (error) {
      this.#options.log.warn('looking up an id failed', { unit: this.#live.unit, error: String(error) });
    }
  }

  #log(at: TopicPartition, draft: Draft, line: PodLog): void {
    this.#figures.log(line, line.index === undefined ? undefined : draft.events[line.index], at);
  }

  /** One timer for all partitions, and none while the broker knows all. */
  #armOffsets(loops: readonly { loop: PartitionLoop }[]): void {
    if (this.#cancelOffsets !== undefined || !loops.some(({ loop }) => loop.owesOffset)) return;
    this.#cancelOffsets = this.#options.clock.after(offsetEveryMs, () => {
      this.#cancelOffsets = undefined;
      for (const { loop } of this.#loops.values()) if (loop.owesOffset) loop.commitOffset();
      this.#pump();
    });
  }
}

const stopPollMs = 10;

function topicsOf(live: LiveFunction): string {
  return live.subscriptions.map(({ topic }) => topic).join('\n');
}
