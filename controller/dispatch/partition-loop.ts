import type { Batch, BatchState } from '../../runtime/protocol/messages.ts';
import { isStrict, type LiveFunction, type Subscription } from '../functions/live-function.ts';
import { areOtherTopics } from '../ports/other-topic.ts';
import type { Source } from '../ports/state.ts';
import type { GroupMember, ReadResult, TopicPartition } from '../ports/streams.ts';
import type { Breaker } from './breaker.ts';
import type { DispatcherOptions } from './dispatcher.ts';
import { durableOthers } from './durable-others.ts';
import { beginAnew, firstOffset } from './first-offset.ts';
import { noteOf, offsetMetadata } from './offset-metadata.ts';
import { ParkedWatch } from './parked-watch.ts';
import { PublishLoop } from './publish-loop.ts';
import { fetchLimit } from './read-records.ts';
import { isQuiet, stepSession, wakeAtMs } from './session.ts';
import { type Draft, type Effect, type EndReason, type Input, newSession, type Session, type SessionLimits } from './session-state.ts';
import type { StateCache } from './state-cache.ts';
import { withStoreTries } from './store-tries.ts';
import { ToldOffset } from './told-offset.ts';
import type { TopicSizes } from './topic-sizes.ts';
import { isOtherLog, isTopicGone, type Troubles } from './troubles.ts';

/** What a partition tells the function that it belongs to. */
export interface PartitionEvents {
  /** Something may be dispatched now, or nothing more. */
  readonly onChange: () => void;
  /** How many partitions share the function's pods. */
  partitions(): number;
  /** What is counted, logged and answered besides. */
  onEffect(loop: PartitionLoop, effect: Effect): void;
}

export interface PartitionOptions {
  readonly dispatcher: DispatcherOptions;
  readonly member: GroupMember;
  readonly at: TopicPartition;
  /** Of all partitions. */
  readonly limits: SessionLimits;
  readonly sizes: Pick<TopicSizes, 'partitionsOf' | 'recordBytesMaxOf'>;
  readonly breaker: Breaker;
  readonly events: PartitionEvents;
  readonly cache: StateCache;
  readonly troubles: Troubles;
}

export interface Prepared {
  readonly events: Batch['events'];
  readonly state: readonly BatchState[];
}

/** So long a fetch waits for the first record. */
const fetchWaitMs = 30_000;
/**
 * Enough to dispatch, over all partitions of the function and at least in each: no need to read on. What is read and waits costs memory, and
 * the collector's time as well.
 */
const enoughEvents = { ofFunction: 4_000, ofPartition: 200 };
const reclaimMs = { min: 100, max: 5_000 };
const resendMs = 100;
const emptyFetchMs = { min: 1, max: 200 };
const failedFetchMsMax = 2_000;

/** One partition of one function while the group assigns it to us: sessions one after another, each from its claim to its end. */
export class PartitionLoop {
  readonly at: TopicPartition;
  readonly source: Source;
  session: Session | undefined;
  /** Of the log as far as the last fetch told: undefined while there is more to read. */
  endOffset: number | undefined;
  readonly #options: PartitionOptions;
  #isStopped = false;
  #live: LiveFunction;
  #subscription: Subscription;
  #publisher: PublishLoop | undefined;
  #sessionStop = new AbortController();
  readonly #parkedWatch: ParkedWatch;
  #onRoom: (() => void) | undefined;
  #cancelWake: (() => void) | undefined;
  #armedAtMs: number | undefined;
  readonly #toldOffset = new ToldOffset();
  /** The topic was not there when it was read last. Made again it begins anew, unless an offset of the old one is told to the group. */
  #isGone = false;
  /** What `run` effects leave for the one who prepares a draft. */
  #prepared: Prepared | undefined;

  constructor(options: PartitionOptions, live: LiveFunction, subscription: Subscription) {
    this.#options = options;
    this.#live = live;
    this.#subscription = subscription;
    this.at = options.at;
    this.source = { unit: live.unit, name: `${options.at.topic}.${options.at.partition}` };
    this.#parkedWatch = new ParkedWatch(options.dispatcher, this.source, this);
  }

  /** A deploy changed the function in the middle of everything. */
  update(live: LiveFunction, subscription: Subscription): void {
    const isRevised = this.#live.revision !== live.revision;
    this.#live = live;
    this.#subscription = subscription;
    if (this.session !== undefined) Object.assign(this.session, { live, subscription });
    if (isRevised) this.#step({ kind: 'revised', forgive: this.#options.breaker.isOpen, nowMs: this.#now() });
  }

  /** Resolves when the partition is given up. */
  async run(): Promise<void> {
    const { clock, log } = this.#options.dispatcher;
    for (let delayMs = reclaimMs.min; !this.#isStopped; ) {
      const startedAtMs = clock.now();
      let reason: EndReason | 'not-assigned' = 'store-failed';
      try {
        reason = await this.#runSession();
      } catch (error) {
        log.warn('session failed', { ...this.#facts(), error: String(error) });
        this.#options.troubles.met(this.source.name, error);
      }
      if (reason === 'stopped') return;
      delayMs = clock.now() - startedAtMs > reclaimMs.max ? reclaimMs.min : Math.min(reclaimMs.max, delayMs * 2);
      log.info('session ended', { ...this.#facts(), reason });
      this.#sessionStop = new AbortController();
      if (!this.#isStopped) await clock.sleep(delayMs, this.#sessionStop.signal);
    }
  }

  /** Nothing new is dispatched; what is in flight goes on. */
  finish(): void {
    this.#step({ kind: 'stop', nowMs: this.#now() });
  }

  isQuiet(): boolean {
    return this.session === undefined || (isQuiet(this.session) && (this.#publisher?.isEmpty ?? true));
  }

  /** The end, whatever is in flight. */
  abort(): void {
    this.#isStopped = true;
    this.#options.troubles.overAll(this.source.name);
    this.#endSession();
  }

  /** Whether it may be given events: its session is there and what it has to publish is within bounds. */
  get isOpen(): boolean {
    return this.session !== undefined && this.session.ended === undefined && this.#publisher?.isFull !== true;
  }

  /** The broker does not know yet how far we are. */
  get owesOffset(): boolean {
    return this.session?.ended === undefined && this.doneOffset > this.#toldOffset.value;
  }

  /** Every offset below is done, as the store knows; −1 without a session. */
  get doneOffset(): number {
    return this.session === undefined ? -1 : Math.max(this.session.highSeqOffset, this.session.durableOffset);
  }

  /** What the broker was told. */
  get brokerOffset(): number {
    return this.#toldOffset.value;
  }

  /** What is done may be told only when the store's disk has it, which takes seconds. */
  get waitsForDisk(): boolean {
    return this.session?.limits.mayRollBack === true && this.session.durableOrdinal < this.session.ordinal;
  }

  /** The store may go back, and then what was trimmed since it was last asked stands there again. */
  get owesVerification(): boolean {
    return this.session?.limits.mayRollBack === true && this.session.ended === undefined && this.#publisher?.owesVerification === true;
  }

  commitOffset(): void {
    this.#step({ kind: 'offset-due', verify: this.owesVerification, nowMs: this.#now() });
  }

  /** Reads what the draft needs; undefined when there is nothing to send: all of it was known, or the session is over. */
  async prepare(draft: Draft): Promise<Prepared | undefined> {
    const { session } = this;
    const { state } = this.#options.dispatcher;
    if (session === undefined) return undefined;
    const { unit } = this.source;
    const { cached, missing } = this.#options.cache.lookUp(draft.keys);
    let read: readonly BatchState[] = [];
    let known: Awaited<ReturnType<typeof state.known>> = [];
    if (missing.length > 0 || draft.ids.length > 0) {
      [read, known] = await Promise.all([
        missing.length > 0 ? state.read(unit, missing) : [],
        draft.ids.length > 0 ? state.known(unit, draft.ids) : [],
      ]);
      for (const one of read) this.#options.cache.put(one);
    }
    if (session !== this.session) return undefined;
    this.#prepared = undefined;
    this.#step({ kind: 'prepared', draft, state: [...cached, ...read], known, nowMs: this.#now() });
    return this.#prepared;
  }

  /** An input of a draft; ignored when the session that it belongs to is over. */
  stepOf(session: Session, input: Input): void {
    if (session === this.session) this.#step(input);
  }

  /** Something is wrong with us, not with an event: the session ends and its successor begins from what the store knows. */
  fail(session: Session, error: unknown): void {
    this.#options.dispatcher.log.error('session broken', { ...this.#facts(), error });
    session.ended ??= 'broken';
    if (session === this.session) this.#endSession();
  }

  async #runSession(): Promise<EndReason | 'not-assigned'> {
    // Who claims what is another's ends the session of the one that is right, and the two would go on doing that to each other.
    const isAssigned = await this.#options.member.isAssigned(this.at);
    if (this.#isStopped || !isAssigned) return this.#isStopped ? 'stopped' : 'not-assigned';
    const session = await this.#claim();
    if (this.#isStopped) return 'stopped';
    this.session = session;
    // A deploy while it was claimed had nobody to tell.
    Object.assign(session, { live: this.#live, subscription: this.#subscription });
    this.#options.troubles.over(this.source.name);
    const reading = this.#read(session, this.#sessionStop.signal);
    // What an earlier owner left to publish, or parked, does not wait for the next record.
    this.#step({ kind: 'woken', nowMs: this.#now() });
    // Until the session ends.
    await reading;
    return session.ended ?? 'stopped';
  }

  async #claim(): Promise<Session> {
    const { dispatcher, member, at, sizes, breaker } = this.#options;
    const { state, random, faults } = dispatcher;
    const topicId = await dispatcher.streams.topicId(at.topic);
    const told = await member.committed(at);
    const note = noteOf(told?.metadata ?? '');
    const committed = areOtherTopics(note.topicId, topicId) ? undefined : told;
    const committedOffset = committed?.offset ?? (await firstOffset(dispatcher.streams, this.#subscription, at.partition));
    const ownerToken = random.token();
    faults('claim.before');
    const wasDurable = committed !== undefined && note.isDurable;
    const durable = wasDurable ? { durableOffset: committedOffset } : {};
    const others = state.capabilities.mayRollBack ? await durableOthers(dispatcher.streams, this.#live, this.source.name) : [];
    const claim = { ownerToken, brokerGeneration: note.generation, nowMs: this.#now(), committedOffset, ...durable, others, topicId };
    const claimed = await state.claim(this.source, claim);
    faults('claim.after');
    const place = { source: this.source, ownerToken, at, topicId, hasOffset: committed !== undefined };
    if (await beginAnew(dispatcher, place, claimed)) return this.#claim();
    this.#toldOffset.begin(committed?.offset ?? -1);
    const session = newSession({
      live: this.#live,
      subscription: this.#subscription,
      source: this.source,
      partition: at.partition,
      ownerToken,
      limits: this.#options.limits,
      partitionsOf: sizes.partitionsOf,
      recordBytesMaxOf: sizes.recordBytesMaxOf,
      breaker,
      claimed,
    });
    if (session.upstream !== undefined) await this.#openPublisher(session, { committedOffset, wasDurable }, claimed.outbox);
    else this.#publisher = undefined;
    return session;
  }

  /** The broker knows the new generation before anything is sent under it: kept in the store alone it would roll back with it. */
  async #openPublisher(
    session: Session,
    { committedOffset, wasDurable }: { committedOffset: number; wasDurable: boolean },
    outbox: Parameters<PublishLoop['add']>[0],
  ): Promise<void> {
    const { dispatcher, member, at } = this.#options;
    const mustBeDurable = isStrict(session.live, session.limits);
    const publisher = new PublishLoop(
      {
        dispatcher,
        source: this.source,
        troubles: this.#options.troubles,
        ownerToken: session.ownerToken,
        signal: this.#sessionStop.signal,
        onRoom: this.#options.events.onChange,
        onFenced: () => this.stepOf(session, { kind: 'fenced' }),
      },
      mustBeDurable ? -1 : Number.POSITIVE_INFINITY,
    );
    this.#publisher = publisher;
    publisher.add(outbox, 0);
    const answer = await member.commit(at, committedOffset, offsetMetadata({ ...session, isDurable: wasDurable }));
    if (answer === 'fenced') throw new Error('the group gave the partition to another member');
    publisher.open();
    if (mustBeDurable && outbox.length > 0) session.verifyWanted = true;
  }

  async #read(session: Session, signal: AbortSignal): Promise<void> {
    const { dispatcher, member, at } = this.#options;
    for (let pauseMs = emptyFetchMs.min; !signal.aborted; ) {
      const limit = fetchLimit(session, this.#enough());
      if (limit === undefined) {
        this.endOffset = undefined;
        await this.#room(session, signal);
        continue;
      }
      const { topicId } = session;
      const before = this.#now();
      this.endOffset = session.position;
      let result: ReadResult | undefined;
      try {
        result = await member.fetch(at, session.position, { ...limit, topicId, waitMs: fetchWaitMs, signal });
      } catch (error) {
        this.#fetchFailed(session, error);
      }
      if (signal.aborted) return;
      this.#isGone &&= result === undefined;
      if (result !== undefined) this.#options.troubles.over(`${this.source.name} fetch`);
      if (result !== undefined && result.nextOffset > session.position) {
        pauseMs = emptyFetchMs.min;
        this.endOffset = undefined;
        this.stepOf(session, { kind: 'fetched', result, nowMs: this.#now() });
      } else if (this.#now() - before < fetchWaitMs / 2) {
        await dispatcher.clock.sleep(pauseMs, signal);
        pauseMs = Math.min(result === undefined ? failedFetchMsMax : emptyFetchMs.max, pauseMs * 2);
      }
    }
  }

  #fetchFailed(session: Session, error: unknown): void {
    if (isOtherLog(error)) this.fail(session, error);
    else this.#options.dispatcher.log.warn('fetch failed', { ...this.#facts(), error: String(error) });
    this.#isGone ||= isTopicGone(error);
    this.#options.troubles.met(`${this.source.name} fetch`, error);
  }

  #enough(): number {
    return Math.max(enoughEvents.ofPartition, enoughEvents.ofFunction / Math.max(1, this.#options.events.partitions()));
  }

  /** Resolves when more may be read. */
  #room(session: Session, signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const done = () => {
        this.#onRoom = undefined;
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#onRoom = () => {
        if (fetchLimit(session, this.#enough()) !== undefined) done();
      };
      signal.addEventListener('abort', done, { once: true });
    });
  }

  #step(input: Input): void {
    const { session } = this;
    if (session === undefined) return;
    try {
      for (const effect of stepSession(session, input)) this.#do(session, effect);
      this.#arm(session);
      this.#parkedWatch.look(session);
      this.#onRoom?.();
    } catch (error) {
      this.fail(session, error);
    }
    this.#options.events.onChange();
  }

  #do(session: Session, effect: Effect): void {
    switch (effect.kind) {
      case 'commit':
        void this.#commit(session, effect);
        break;
      case 'record-attempts':
        void this.#recordAttempts(session, effect);
        break;
      case 'load-parked':
        void this.#parkedWatch.load(session, effect.key);
        break;
      case 'verify':
        this.#publisher?.verifying();
        void this.#verify(session, effect.ordinal);
        break;
      case 'durable':
        if (session.limits.mayRollBack) this.#publisher?.durable(effect.ordinal);
        void this.#toldOffset.tell(effect.offset, offset => this.#commitOffset(session, offset));
        break;
      case 'run':
        this.#prepared = { events: effect.events, state: effect.state };
        break;
      case 'applied':
        this.#publish(session, effect);
        break;
      case 'ended':
        this.#endSession();
        break;
      default:
    }
    this.#options.events.onEffect(this, effect);
  }

  #endSession(): void {
    const { session } = this;
    if (session !== undefined) session.ended ??= 'stopped';
    this.session = undefined;
    this.#cancelWake?.();
    this.#cancelWake = undefined;
    this.#armedAtMs = undefined;
    this.#sessionStop.abort();
    this.#parkedWatch.end();
  }

  #publish(session: Session, { commit, firstCounter }: Extract<Effect, { kind: 'applied' }>): void {
    const { emits, stream, ordinal } = commit.request;
    if (this.#publisher === undefined || emits.length === 0) return;
    const { generation } = session;
    this.#publisher.add(
      emits.map((emit, index) => ({ seq: { generation, counter: firstCounter + index }, stream, emit })),
      ordinal,
    );
    if (isStrict(session.live, session.limits)) session.verifyWanted = true;
  }

  async #commit(session: Session, { request, resend }: Extract<Effect, { kind: 'commit' }>): Promise<void> {
    const { state, clock, faults, metrics, log } = this.#options.dispatcher;
    if (resend > 0) await clock.sleep(resendMs * resend, this.#sessionStop.signal);
    if (session.ended !== undefined) return;
    const sentAtMs = clock.now();
    try {
      faults('commit.before');
      const result = await state.commit(this.source, request);
      faults('commit.after');
      this.#options.troubles.over(this.source.name);
      this.#options.cache.committed(request, result);
      metrics.observe('faas_commit_seconds', { unit: this.source.unit }, (clock.now() - sentAtMs) / 1_000);
      metrics.count('faas_commit_results_total', { unit: this.source.unit, result: result.kind });
      this.stepOf(session, { kind: 'committed', result, nowMs: this.#now() });
    } catch (error) {
      log.warn('no answer to a commit', { ...this.#facts(), error: String(error) });
      this.#options.troubles.met(this.source.name, error);
      this.stepOf(session, { kind: 'commit-unknown', nowMs: this.#now() });
    }
  }

  async #recordAttempts(session: Session, { records, events }: Extract<Effect, { kind: 'record-attempts' }>): Promise<void> {
    const { state, faults } = this.#options.dispatcher;
    const answer = await this.#withTries(session, async () => {
      faults('attempt.before');
      const stored = await state.recordAttempts(this.source, session.ownerToken, records);
      faults('attempt.after');
      return stored;
    });
    if (answer === 'ok') this.stepOf(session, { kind: 'attempts-recorded', events, nowMs: this.#now() });
    else this.stepOf(session, { kind: answer });
  }

  async #verify(session: Session, ordinal: number): Promise<void> {
    const { state } = this.#options.dispatcher;
    const result = await this.#withTries(session, () => state.verify(this.source, session.ownerToken, ordinal));
    if (result === 'store-failed') this.stepOf(session, { kind: 'store-failed' });
    else this.stepOf(session, { kind: 'verified', result, nowMs: this.#now() });
  }

  async #commitOffset(session: Session, offset: number): Promise<boolean> {
    const { dispatcher, member } = this.#options;
    if (session !== this.session || this.#isGone) return false;
    try {
      dispatcher.faults('offset-commit.before');
      const answer = await member.commit(this.at, offset, offsetMetadata({ ...session, isDurable: true }));
      dispatcher.faults('offset-commit.after');
      if (answer !== 'ok') this.stepOf(session, { kind: 'fenced' });
      return answer === 'ok';
    } catch (error) {
      this.#isGone ||= isTopicGone(error);
      dispatcher.log.warn('committing an offset failed', { ...this.#facts(), error: String(error) });
      return false;
    }
  }

  #withTries<T>(session: Session, call: () => Promise<T>): Promise<T | 'store-failed'> {
    const { clock, log } = this.#options.dispatcher;
    const { signal } = this.#sessionStop;
    return withStoreTries(call, { clock, log, facts: this.#facts(), signal, isOver: () => session.ended !== undefined });
  }

  #arm(session: Session): void {
    const atMs = wakeAtMs(session);
    if (atMs === this.#armedAtMs) return;
    this.#cancelWake?.();
    this.#armedAtMs = atMs;
    this.#cancelWake = undefined;
    if (atMs === undefined) return;
    this.#cancelWake = this.#options.dispatcher.clock.after(Math.max(1, Math.ceil(atMs - this.#now())), () => {
      this.#armedAtMs = undefined;
      this.#step({ kind: 'woken', nowMs: this.#now() });
    });
  }

  #now(): number {
    return this.#options.dispatcher.clock.now();
  }

  #facts() {
    return { unit: this.source.unit, topic: this.at.topic, partition: this.at.partition };
  }
}
