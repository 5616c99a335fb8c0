import type { EventResult } from '../../runtime/protocol/messages.ts';
import type { LiveFunction } from '../functions/live-function.ts';
import type { TopicPartition } from '../ports/streams.ts';
import { BatchCeiling, batchBytesMax } from './batching.ts';
import { Breaker, type Failing } from './breaker.ts';
import type { DispatcherOptions, SettledResult, UnitReport } from './dispatcher.ts';
import { tellFailing } from './failing-condition.ts';
import { Membership } from './membership.ts';
import type { PartitionLoop, Prepared } from './partition-loop.ts';
import type { Result } from './pending-event.ts';
import { choosePod, chooseQuarantine, isReady, leastOf, type PodLoad, podsWanted } from './placement.ts';
import { PodLoads } from './pod-loads.ts';
import { eventIdOf } from './read-records.ts';
import { ResultWaiters } from './result-waiters.ts';
import { sendBatch } from './send-batch.ts';
import type { Draft, DraftEnd, Effect, Session } from './session-state.ts';
import { settleKnown, watchKnown } from './stored-results.ts';
import { hasLoner, hasSuspect, lonerAtMs, offerable, takeLoner, takeShared, takeSuspect, windowEndMs } from './take-batch.ts';
import { loadTargets, TopicSizes } from './topic-sizes.ts';
import { UnitFigures } from './unit-figures.ts';

const offsetEveryMs = 2_000;
const wantAgainMs = 1_000;
const stopPollMs = 10;
/** Longer than a rebalance. */
const forgetFailingMs = 60_000;
/** Before so many events nobody knows whether a function uses state. */
const newFunctionEvents = 200;

interface OpenPartition {
  readonly loop: PartitionLoop;
  readonly session: Session;
}

/** Everything of one live function: which pod gets which events, and what follows from their results. */
export class FunctionLoop {
  readonly #options: DispatcherOptions;
  readonly #sizes: TopicSizes;
  readonly #figures: UnitFigures;
  readonly #waiters: ResultWaiters;
  readonly #membership: Membership;
  readonly #pods: PodLoads;
  readonly #ceiling = new BatchCeiling();
  readonly #breaker = new Breaker();
  #live: LiveFunction;
  #running: Promise<void> | undefined;
  #stopped = false;
  #usesState = false;
  #pumping = false;
  /** Which partition is asked next. */
  #turn = 0;
  /** A suspect has just run: the others come first now. */
  #sharedFirst = false;
  /** The partition whose suspects come first. */
  #specialTurn = 0;
  #wanted: { readonly pods: number; readonly atMs: number } | undefined;
  #cancelPump: (() => void) | undefined;
  #pumpAtMs: number | undefined;
  #cancelOffsets: (() => void) | undefined;
  #cancelForget: (() => void) | undefined;

  constructor(options: DispatcherOptions, live: LiveFunction) {
    this.#options = options;
    this.#live = live;
    this.#sizes = new TopicSizes(options.streams, options.clock);
    this.#figures = new UnitFigures(options, live.unit);
    this.#waiters = new ResultWaiters(options.clock);
    const events = {
      onChange: () => this.#pump(),
      onEffect: (loop: PartitionLoop, effect: Effect) => this.#onEffect(loop, effect),
      partitions: () => this.#membership.size,
    };
    if (options.conditions.holds(live.unit, 'Failing')) this.#breaker.restore(options.clock.now());
    this.#membership = new Membership(options, this.#sizes, events, this.#breaker, live);
    this.#pods = new PodLoads(options, live.unit, () => {
      this.#wanted = undefined;
      this.#pump();
    });
  }

  start(): void {
    this.#running = this.#membership.run();
    this.#pump();
  }

  update(live: LiveFunction): void {
    const isRevised = this.#live.revision !== live.revision;
    this.#live = live;
    this.#loadSizes();
    this.#membership.update(live);
    if (isRevised) this.#breaker.revised(this.#options.clock.now());
    this.#pump();
  }

  resultOf(eventId: string, timeoutMs: number): Promise<SettledResult> {
    const waiting = this.#waiters.wait(eventId, timeoutMs);
    const isShared = this.#options.streams.capabilities.shared;
    void watchKnown(this.#options, { unit: this.#live.unit, id: eventId, isShared }, this.#waiters);
    return waiting;
  }

  report(): UnitReport {
    const { revision, spec } = this.#live;
    const failing = reportOf(this.#breaker.failing, revision);
    return this.#figures.report(this.#membership.loops, this.#pods.all, spec.limits.concurrency, failing);
  }

  /**
   * Tells the broker how far everything is, finishes what is in flight and leaves the group, within `graceMs`. Events go on while the store's disk is waited
   * for: a partition that stood still meanwhile could be another server's already. What is handled in that time is told by its next owner.
   */
  async stop(graceMs: number): Promise<void> {
    const deadlineMs = this.#options.clock.now() + graceMs;
    await this.#tellOffsets(this.#membership.loops, deadlineMs - graceMs / 2);
    const { loops } = this.#membership;
    for (const loop of loops) loop.finish();
    await this.#until(() => loops.every(loop => loop.isQuiet()), deadlineMs);
    await this.#tellOffsets(
      loops.filter(loop => !loop.waitsForDisk),
      deadlineMs,
    );
    this.#stopped = true;
    this.#membership.stop();
    this.#pods.close();
    this.#cancelPump?.();
    this.#cancelOffsets?.();
    this.#cancelForget?.();
    await this.#running;
  }

  /** Resolves when the broker knows what is done now. */
  async #tellOffsets(loops: readonly PartitionLoop[], deadlineMs: number): Promise<void> {
    const owed = loops.filter(isOwing).map(loop => ({ loop, offset: loop.doneOffset }));
    for (const { loop } of owed) loop.commitOffset();
    await this.#until(() => !owed.some(({ loop, offset }) => loop.owesOffset && loop.brokerOffset < offset), deadlineMs);
  }

  async #until(isReached: () => boolean, deadlineMs: number): Promise<void> {
    while (!isReached() && this.#options.clock.now() < deadlineMs) await this.#options.clock.sleep(stopPollMs);
  }

  /** Gives events to pods, once for everything that happened in this turn. */
  #pump(): void {
    if (this.#pumping || this.#stopped) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      try {
        if (!this.#stopped) this.#dispatch();
      } catch (error) {
        this.#options.log.error('dispatching failed', { unit: this.#live.unit, error });
      }
    });
  }

  #dispatch(): void {
    const nowMs = this.#options.clock.now();
    const open = this.#openPartitions();
    if (this.#membership.size > 0) {
      this.#cancelForget?.();
      this.#cancelForget = undefined;
    } else this.#withoutWork();
    if (open.length === 0) return;
    this.#armOffsets();
    const loads = this.#pods.all;
    for (const load of loads) load.reserved = false;
    tellFailing(this.#options.conditions, this.#live, this.#breaker.failing);
    if (this.#breaker.isOpen) {
      this.#placeProbe(open, loads, nowMs);
      this.#askForPods(open, loads, false, nowMs);
      this.#pumpLater(open, loads, nowMs);
      return;
    }
    let isFull = this.#sharedFirst && this.#placeShared(open, loads, nowMs);
    this.#placeSpecials(open, loads, nowMs);
    this.#sharedFirst = false;
    isFull = this.#placeShared(open, loads, nowMs) || isFull;
    this.#askForPods(open, loads, isFull, nowMs);
    this.#pumpLater(open, loads, nowMs);
  }

  /** Who has no partitions for a while knows nothing of how the function does. */
  #withoutWork(): void {
    if (!this.#breaker.isOpen || this.#cancelForget !== undefined) return;
    this.#cancelForget = this.#options.clock.after(forgetFailingMs, () => {
      this.#cancelForget = undefined;
      this.#breaker.close();
      tellFailing(this.#options.conditions, this.#live, undefined);
    });
  }

  #openPartitions(): OpenPartition[] {
    const open: OpenPartition[] = [];
    for (const loop of this.#membership.loops) if (loop.isOpen && loop.session !== undefined) open.push({ loop, session: loop.session });
    return open;
  }

  /** Batches for all pods that have room, the partitions in turns. True: events are left for which there is none. */
  #placeShared(open: readonly OpenPartition[], loads: readonly PodLoad[], nowMs: number): boolean {
    for (let idle = 0; idle < open.length; idle += 1) {
      this.#turn = (this.#turn + 1) % open.length;
      const next = open[this.#turn];
      const events = next === undefined ? 0 : offerable(next.session, nowMs);
      if (next === undefined || events === 0) continue;
      const size = this.#ceiling.limit(next.session.subscription.batch.size);
      const chosen = choosePod(loads, this.#live.revision, size, this.#figures.eventMs, nowMs);
      if (chosen === undefined) return true;
      if (Math.min(events, chosen.room) < leastOf(chosen.load, size)) continue;
      const offer = { events: chosen.room, bytes: batchBytesMax, ...this.#howFor(chosen.load) };
      const draft = takeShared(next.session, offer, nowMs);
      if (draft === undefined) continue;
      idle = -1;
      void this.#send(next, draft, chosen.load);
    }
    return false;
  }

  /** The partitions in turns: one with many suspects keeps those of no other waiting. */
  #placeSpecials(open: readonly OpenPartition[], loads: readonly PodLoad[], nowMs: number): void {
    const first = this.#specialTurn;
    for (let i = 0; i < open.length; i += 1) {
      const at = (first + i) % open.length;
      const next = open[at];
      if (next !== undefined && this.#placeSpecial(next, loads, nowMs)) this.#specialTurn = at + 1;
    }
  }

  /** Events that run by themselves: suspects on a pod of their own, and those that others kept overtaking. True: a suspect runs now. */
  #placeSpecial({ loop, session }: OpenPartition, loads: readonly PodLoad[], nowMs: number): boolean {
    const quarantine = hasSuspect(session) ? chooseQuarantine(loads, this.#live.revision, nowMs) : undefined;
    let draft: Draft | undefined;
    if (quarantine !== undefined) {
      quarantine.load.reserved = true;
      draft = quarantine.isFree ? takeSuspect(session, this.#howFor(quarantine.load), nowMs) : undefined;
      if (draft !== undefined) void this.#send({ loop, session }, draft, quarantine.load);
    }
    const chosen = hasLoner(session) ? choosePod(loads, this.#live.revision, 1, this.#figures.eventMs, nowMs) : undefined;
    const loner = chosen === undefined ? undefined : takeLoner(session, this.#howFor(chosen.load), nowMs);
    if (chosen !== undefined && loner !== undefined) void this.#send({ loop, session }, loner, chosen.load);
    return draft !== undefined;
  }

  /** One event at a time, of the live revision, each time of another lane and partition where there are several. */
  #placeProbe(open: readonly OpenPartition[], loads: readonly PodLoad[], nowMs: number): void {
    const atMs = this.#breaker.probeAtMs;
    if (atMs === undefined) return;
    if (atMs > nowMs) {
      this.#pumpAt(atMs, nowMs);
      return;
    }
    const current = loads.filter(load => load.view.revision === this.#live.revision);
    const chosen = choosePod(current, this.#live.revision, 1, this.#figures.eventMs, nowMs);
    for (let tries = 0; chosen !== undefined && tries < open.length; tries += 1) {
      this.#turn = (this.#turn + 1) % open.length;
      const next = open[this.#turn];
      if (next === undefined) continue;
      const how = this.#howFor(chosen.load);
      const draft = takeShared(next.session, { events: 1, bytes: batchBytesMax, ...how }, nowMs) ?? takeSuspect(next.session, how, nowMs);
      const [event] = draft?.events ?? [];
      if (draft === undefined || event === undefined) continue;
      this.#breaker.probing(event);
      void this.#send(next, draft, chosen.load).finally(() => this.#breaker.probeEnded(event, this.#options.clock.now()));
      return;
    }
  }

  /** State is read ahead for a function that uses it, and for one that is too new to tell. */
  #howFor({ view: { handler, revision } }: PodLoad) {
    return { prefetch: this.#usesState || this.#figures.handled < newFunctionEvents, handler, revision };
  }

  #askForPods(open: readonly OpenPartition[], loads: readonly PodLoad[], isFull: boolean, nowMs: number): void {
    const hasReady = loads.some(isReady);
    if (hasReady && !isFull) return;
    const waiting = open.reduce((sum, { session }) => sum + session.lanes.parallel + session.lanes.special.size, 0);
    if (waiting === 0) return;
    const pods = podsWanted(loads, waiting, this.#live.spec.limits.concurrency);
    if (this.#wanted !== undefined && pods <= this.#wanted.pods && nowMs < this.#wanted.atMs + wantAgainMs) return;
    this.#wanted = { pods, atMs: nowMs };
    this.#options.pods.want(this.#live.unit, pods, hasReady ? 'waiting-events' : 'first-event');
    if (!hasReady) this.#pumpAt(nowMs + wantAgainMs, nowMs);
  }

  /** A pod that refused may be asked again after a while; events that wait for others are sent when their window ends. */
  #pumpLater(open: readonly OpenPartition[], loads: readonly PodLoad[], nowMs: number): void {
    for (const { notBeforeMs } of loads) if (notBeforeMs > nowMs) this.#pumpAt(notBeforeMs, nowMs);
    for (const { session } of open) {
      for (const atMs of [windowEndMs(session, nowMs), lonerAtMs(session)]) if (atMs !== undefined) this.#pumpAt(atMs, nowMs);
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

  async #send({ loop, session }: OpenPartition, draft: Draft, load: PodLoad): Promise<void> {
    const { clock, random, log } = this.#options;
    if (load.events === 0) load.answeredAtMs = clock.now();
    load.events += draft.events.length;
    load.batches += 1;
    load.alone = draft.alone;
    let open = draft.events.length;
    let end: DraftEnd = { kind: 'returned' };
    try {
      const prepared = await loop.prepare(draft);
      load.events -= open - draft.events.length;
      open = draft.events.length;
      if (prepared !== undefined) {
        end = await this.#run({ loop, session }, draft, prepared, load, answered => {
          open -= answered;
          load.answeredAtMs = clock.now();
          load.events -= answered;
        });
      }
    } catch (error) {
      log.warn('sending a batch failed', { unit: this.#live.unit, error: String(error) });
      this.#pods.refused(load);
    }
    load.events -= open;
    load.batches -= 1;
    load.alone = false;
    this.#sharedFirst ||= draft.alone;
    this.#pods.refresh();
    loop.stepOf(session, { kind: 'draft-ended', draft, end, fraction: random.fraction(), nowMs: clock.now() });
    this.#pump();
  }

  async #run(
    { loop, session }: OpenPartition,
    draft: Draft,
    prepared: Prepared,
    load: PodLoad,
    onAnswered: (count: number) => void,
  ): Promise<DraftEnd> {
    const { unit, spec } = this.#live;
    const { view } = load;
    const { end, alone } = await sendBatch(this.#options, {
      view,
      waits: load.isComing,
      alone: draft.alone,
      batch: { unit, revision: view.revision, order: session.subscription.order, ...prepared },
      calls: new Set(spec.calls),
      onResults: (results, alone) => {
        onAnswered(results.length);
        this.#takeResults({ loop, session }, draft, results, alone);
      },
      onLog: line => this.#figures.log(line, line.index === undefined ? undefined : draft.events[line.index], loop.at),
    });
    return (await this.#pods.hasCrashed(end, load)) ? { kind: 'crashed', alone } : { kind: 'returned' };
  }

  #takeResults({ loop, session }: OpenPartition, draft: Draft, results: readonly EventResult[], alone: boolean): void {
    const { faults, random, clock } = this.#options;
    try {
      faults('result.received');
      this.#figures.finished(results, draft);
      loop.stepOf(session, { kind: 'results', draft, results, alone, fraction: random.fraction(), nowMs: clock.now() });
    } catch (error) {
      loop.fail(session, error);
    }
    this.#pump();
  }

  #onEffect(loop: PartitionLoop, effect: Effect): void {
    switch (effect.kind) {
      case 'applied':
        this.#figures.applied(effect.commit, loop.session);
        if (!this.#waiters.isEmpty) this.#answerWaiters(loop.at, effect.commit);
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
        this.#loadSizes();
        break;
      default:
    }
  }

  #loadSizes(): void {
    const { log, streams } = this.#options;
    const failed = (error: unknown) => log.warn('looking up topics failed', { unit: this.#live.unit, error: String(error) });
    void loadTargets(this.#sizes, streams, this.#live).catch(failed);
  }

  #answerWaiters(
    at: TopicPartition,
    { group, known }: { readonly group: readonly Result[]; readonly known: readonly Result['event'][] },
  ): void {
    for (const { event, kind, doom, answer } of group) {
      if (kind === 'held' || kind === 'stuck') continue;
      const id = eventIdOf(at, event);
      if (this.#waiters.has(id)) this.#waiters.settle(id, doom === undefined ? { kind: 'ok', answer } : { kind: 'dead-letter', ...doom });
    }
    for (const event of known) {
      const id = eventIdOf(at, event);
      if (this.#waiters.has(id)) void settleKnown(this.#options, this.#live.unit, id, this.#waiters);
    }
  }

  /** One timer for all partitions, and none while the broker knows all. */
  #armOffsets(): void {
    if (this.#cancelOffsets !== undefined || !this.#membership.loops.some(isOwing)) return;
    this.#cancelOffsets = this.#options.clock.after(offsetEveryMs, () => {
      this.#cancelOffsets = undefined;
      for (const loop of this.#membership.loops) if (isOwing(loop)) loop.commitOffset();
      this.#pump();
    });
  }
}

function isOwing(loop: PartitionLoop): boolean {
  return loop.owesOffset || loop.owesVerification;
}

function reportOf(failing: Failing | undefined, revision: string): UnitReport['failing'] {
  if (failing === undefined) return undefined;
  const { under: _, ...rest } = failing;
  return { ...rest, revision };
}
