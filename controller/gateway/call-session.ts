import { assertNever } from '../../runtime/sdk/assert-never.ts';
import type { Clock } from '../clock.ts';
import type { FaultPoints } from '../fault-points.ts';
import type { CommitResult, OutboxEntry, Source, StateStore } from '../ports/state.ts';
import type { Streams } from '../ports/streams.ts';
import { publishedRecord } from '../published-record.ts';
import type { Random } from '../random.ts';
import type { Log } from '../telemetry/log.ts';
import { type CommitFacts, commitOf, confirmationOf, groupCalls, type ReadyCall } from './call-group.ts';
import { storeAgainMs, storePatienceMs } from './store-patience.ts';

export interface CallSessionOptions {
  readonly source: Source;
  readonly state: StateStore;
  readonly streams: Pick<Streams, 'append'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly faults: FaultPoints;
  readonly log: Log;
  readonly dedupeWindowMs: number;
  /** Nothing is answered or published that the store could still lose (`durability: strict`). */
  readonly isStrict: () => boolean;
}

export interface CallSessionListener {
  committed(call: ReadyCall): void;
  /** An earlier call with this id was committed: its answer is the answer. */
  repeated(call: ReadyCall, answer: Uint8Array | undefined): void;
  /** What it read has changed: run it again. */
  stale(call: ReadyCall, keys: readonly string[]): void;
  /** The store does not take commits at the moment. Whether this one was applied is not known to the caller. */
  failed(call: ReadyCall): void;
}

/** The owner's side of `direct.<slot>`. */
interface Session {
  readonly ownerToken: string;
  readonly generation: number;
  readonly stream: string;
  ordinal: number;
  commits: number;
}

/** An id that was found in the store, and somebody who wants to know whether it is there to stay. */
interface Doubt {
  readonly id: string;
  resolve(isKept: boolean): void;
}

const resendsMax = 3;
const sessionsMax = 3;
const resendAfterMs = 50;
const publishRetryMs = 500;
/** From a claim that failed to the next one. */
const reclaimAfterMs = 1_000;

/**
 * Commits the results of direct calls to one unit (protocol.md, DIRECT): claims the pseudo partition of this gateway, one commit in flight, results
 * that finish meanwhile are grouped. After an unknown reply only the same commit is sent again; when that stays unknown the session ends, and the
 * results go into the next one: each has an id, so a commit that did arrive answers `duplicate`.
 */
export class CallSession {
  readonly #options: CallSessionOptions;
  readonly #on: CallSessionListener;
  #source: Source;
  #session: Session | undefined;
  #ready: ReadyCall[] = [];
  #doubts: Doubt[] = [];
  #running: Promise<void> | undefined;
  readonly #outbox: OutboxEntry[] = [];
  #publishing: Promise<void> | undefined;
  #cancelReclaim: (() => void) | undefined;
  #stopped = false;

  constructor(options: CallSessionOptions, on: CallSessionListener) {
    this.#options = options;
    this.#source = options.source;
    this.#on = on;
  }

  get isClaimed(): boolean {
    return this.#session !== undefined;
  }

  /** Nothing waits to be committed or sent. */
  get isQuiet(): boolean {
    return this.#running === undefined && this.#publishing === undefined && this.#outbox.length === 0;
  }

  submit(call: ReadyCall): void {
    this.#ready.push(call);
    this.#run();
  }

  /** Whether the commit that brought this id cannot be lost any more; false as well when nobody knows. */
  isKept(id: string): Promise<boolean> {
    return new Promise(resolve => {
      this.#doubts.push({ id, resolve });
      this.#run();
    });
  }

  /** Claims at once, so that an outbox which an earlier owner left is published even if nobody calls. */
  adopt(): void {
    this.#run();
  }

  /** Somebody else owns the place: what is committed and sent from now on goes through this one. */
  moveTo(source: Source): void {
    this.#source = source;
    this.#leaveOutbox();
    this.adopt();
  }

  /** Nothing is claimed or published from now on. */
  stop(): void {
    this.#stopped = true;
    this.#cancelReclaim?.();
  }

  #run(): void {
    if (this.#running !== undefined) return;
    this.#running = this.#commitAll().finally(() => {
      this.#running = undefined;
      if (this.#ready.length + this.#doubts.length > 0) this.#run();
      else if (this.#session === undefined) this.#reclaimLater();
    });
  }

  async #commitAll(): Promise<void> {
    let broken = 0;
    do {
      const session = await this.#claimed();
      if (session === undefined || broken >= sessionsMax) {
        broken = 0;
        await this.#awaitStore();
        continue;
      }
      if (this.#doubts.length > 0) await this.#settleDoubts(session);
      if (this.#session !== session) continue;
      const { group, outdated, rest } = groupCalls(this.#ready);
      this.#ready = [...rest];
      for (const call of outdated) this.#on.stale(call, []);
      if (group.length === 0) continue;
      const result = await this.#send(session, group);
      if (result === 'lost') broken += 1;
      else broken = 0;
    } while (this.#ready.length + this.#doubts.length > 0);
  }

  /** Results stay for as long as their callers are to wait for the store; who is in doubt asks again. */
  async #awaitStore(): Promise<void> {
    const { clock } = this.#options;
    const oldestMs = this.#stopped ? Number.POSITIVE_INFINITY : clock.now() - storePatienceMs;
    const isOver = ({ call }: ReadyCall): boolean => call.settled || call.startedAtMs <= oldestMs;
    const over = this.#ready.filter(isOver);
    this.#ready = this.#ready.filter(ready => !isOver(ready));
    for (const call of over) this.#on.failed(call);
    for (const { resolve } of this.#doubts.splice(0)) resolve(false);
    if (this.#ready.length > 0) await clock.sleep(storeAgainMs);
  }

  async #settleDoubts(session: Session): Promise<void> {
    const doubts = this.#doubts.splice(0);
    const isKept = await this.#confirm(
      session,
      doubts.map(({ id }) => id),
    );
    if (!isKept) this.#session = undefined;
    for (const { resolve } of doubts) resolve(isKept);
  }

  /** What a commit without an answer left in the outbox, or an earlier owner, is not to wait for the next call. Who is not the owner of the place moves away. */
  #reclaimLater(): void {
    const { state, clock } = this.#options;
    if (this.#stopped || state.capabilities.emits === 'inline') return;
    this.#cancelReclaim?.();
    this.#cancelReclaim = clock.after(reclaimAfterMs, () => this.#run());
  }

  async #claimed(): Promise<Session | undefined> {
    if (this.#session !== undefined) return this.#session;
    const { state, random, clock, log } = this.#options;
    const source = this.#source;
    const ownerToken = random.token();
    try {
      const claimed = await state.claim(source, { ownerToken, brokerGeneration: 0, nowMs: clock.now(), committedOffset: 0 });
      const stream = `${source.unit}|${source.name}.${ownerToken}`;
      const session = { ownerToken, generation: claimed.generation, stream, ordinal: 0, commits: 0 };
      if (source !== this.#source) return this.#claimed();
      if (claimed.outbox.length > 0 && !(await this.#isDurable(session))) return undefined;
      if (source !== this.#source) return this.#claimed();
      this.#session = session;
      this.#outbox.splice(0, this.#outbox.length, ...claimed.outbox);
      this.#publish();
    } catch (error) {
      log.error('direct calls could not claim their place', { unit: source.unit, error });
    }
    return this.#session;
  }

  async #send(session: Session, group: readonly ReadyCall[]): Promise<'settled' | 'lost'> {
    const { state, clock, faults, log } = this.#options;
    const source = this.#source;
    const commit = commitOf(group, this.#nextCommit(session));
    for (let sent = 0; sent < resendsMax; sent += 1) {
      try {
        faults('call.before-commit');
        const result = await state.commit(source, commit);
        faults('call.after-commit');
        return await this.#react(session, group, result);
      } catch (error) {
        log.warn('commit of direct calls has no answer', { unit: source.unit, error });
        await clock.sleep(resendAfterMs);
      }
    }
    return this.#lose(group);
  }

  #nextCommit(session: Session): CommitFacts {
    const { clock, dedupeWindowMs } = this.#options;
    const { ownerToken, stream, ordinal } = session;
    session.commits += 1;
    return { ownerToken, ordinal: ordinal + 1, id: `${ownerToken}-${session.commits}`, stream, nowMs: clock.now(), dedupeWindowMs };
  }

  async #react(session: Session, group: readonly ReadyCall[], result: CommitResult): Promise<'settled' | 'lost'> {
    switch (result.kind) {
      case 'ok':
      case 'already':
        session.ordinal += 1;
        if (!(await this.#isDurable(session))) return this.#lose(group);
        this.#enqueueEmits(session, group, result.firstSeq.counter);
        for (const call of group) this.#on.committed(call);
        return 'settled';
      case 'duplicate':
        return this.#answerRepeated(session, group, new Set(result.ids));
      case 'stale': {
        const keys = new Set(result.keys);
        const stale = new Set(group.filter(({ outcome }) => outcome.reads.some(({ key }) => keys.has(key))));
        this.#ready = [...group.filter(call => !stale.has(call)), ...this.#ready];
        for (const call of stale) this.#on.stale(call, result.keys);
        return 'settled';
      }
      case 'fenced':
      case 'rollback':
      case 'conflict':
      case 'unknown':
        this.#options.log.warn('session of direct calls is over', { unit: this.#source.unit, reason: result.kind });
        return this.#lose(group);
      default:
        return assertNever(result);
    }
  }

  /** The session is over; its results go into the next one. */
  #lose(group: readonly ReadyCall[]): 'lost' {
    this.#session = undefined;
    this.#ready = [...group, ...this.#ready];
    return 'lost';
  }

  async #answerRepeated(session: Session, group: readonly ReadyCall[], ids: ReadonlySet<string>): Promise<'settled' | 'lost'> {
    const known = await this.#options.state.known(this.#source.unit, [...ids]);
    if (!(await this.#confirm(session, [...ids]))) return this.#lose(group);
    const answers = new Map(known.map(({ id, answer }) => [id, answer]));
    this.#ready = [...group.filter(({ call }) => !ids.has(call.id)), ...this.#ready];
    for (const call of group) if (ids.has(call.call.id)) this.#on.repeated(call, answers.get(call.call.id));
    return 'settled';
  }

  /**
   * Ids that were found came from any owner, and a store that lost them since may not show it: a commit that names them comes after theirs in the store,
   * and where it is durable they are.
   */
  async #confirm(session: Session, ids: readonly string[]): Promise<boolean> {
    const { state, log, isStrict } = this.#options;
    const source = this.#source;
    if (!isStrict()) return true;
    try {
      const { kind } = await state.commit(source, confirmationOf(ids, this.#nextCommit(session)));
      if (kind !== 'ok') return false;
      session.ordinal += 1;
      return await this.#isDurable(session);
    } catch (error) {
      log.warn('confirming the ids of direct calls has no answer', { unit: source.unit, error });
      return false;
    }
  }

  /** Whether all that this session has committed is there to stay. Without an answer nobody knows, and the next session looks again. */
  async #isDurable({ ownerToken, ordinal }: Session): Promise<boolean> {
    const { state, log, isStrict } = this.#options;
    const source = this.#source;
    if (!isStrict()) return true;
    try {
      return (await state.verify(source, ownerToken, ordinal)) === 'ok';
    } catch (error) {
      log.warn('nobody says whether direct calls are durable', { unit: source.unit, error });
      return false;
    }
  }

  #enqueueEmits(session: Session, group: readonly ReadyCall[], firstCounter: number): void {
    // Whoever owns the place of an ended session found them in the store.
    if (this.#options.state.capabilities.emits === 'inline' || this.#session !== session) return;
    const { generation, stream } = session;
    let counter = firstCounter;
    for (const emit of group.flatMap(({ emits }) => emits)) {
      this.#outbox.push({ seq: { generation, counter }, stream, emit });
      counter += 1;
    }
    this.#publish();
  }

  /** Without a session the next one publishes: it has the whole outbox. */
  #publish(): void {
    if (this.#publishing !== undefined || this.#session === undefined || this.#outbox.length === 0) return;
    this.#publishing = this.#publishAll().finally(() => {
      this.#publishing = undefined;
      if (!this.#stopped) this.#publish();
    });
  }

  /** In order, one at a time; trimmed only when the log has it, and only by the owner. */
  async #publishAll(): Promise<void> {
    const { streams, state, clock, log } = this.#options;
    while (this.#outbox.length > 0 && !this.#stopped) {
      const session = this.#session;
      const source = this.#source;
      const entry = this.#outbox[0];
      if (session === undefined || entry === undefined) return;
      try {
        await streams.append(entry.emit.topic, [publishedRecord(entry)]);
        // A new session has the whole outbox again; consumers drop what they see twice by its seq.
        if (this.#session !== session) continue;
        const trimmed = await state.trim(source, session.ownerToken, entry.seq);
        if (this.#session !== session) continue;
        // By another gateway, or by a claim of our own that was given up and came late: then nobody else publishes the rest.
        if (trimmed === 'fenced') {
          this.#leaveOutbox();
          this.#reclaimLater();
          return;
        }
        this.#outbox.shift();
      } catch (error) {
        log.warn('emits of direct calls could not be published', { unit: source.unit, topic: entry.emit.topic, error });
        await clock.sleep(publishRetryMs);
      }
    }
  }

  /** Whoever claims the place next has it. */
  #leaveOutbox(): void {
    this.#session = undefined;
    this.#outbox.length = 0;
  }
}
