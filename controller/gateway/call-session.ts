import { headerNames } from '../../runtime/protocol/headers.ts';
import { assertNever } from '../../runtime/sdk/assert-never.ts';
import type { Clock } from '../clock.ts';
import type { FaultPoints } from '../fault-points.ts';
import type { CommitResult, OutboxEntry, Source, StateStore } from '../ports/state.ts';
import type { Streams } from '../ports/streams.ts';
import type { Random } from '../random.ts';
import type { Log } from '../telemetry/log.ts';
import { commitOf, groupCalls, type ReadyCall } from './call-group.ts';

export interface CallSessionOptions {
  readonly source: Source;
  readonly state: StateStore;
  readonly streams: Pick<Streams, 'append'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly faults: FaultPoints;
  readonly log: Log;
  readonly dedupeWindowMs: number;
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
  #session: Session | undefined;
  #ready: ReadyCall[] = [];
  #running: Promise<void> | undefined;
  readonly #outbox: OutboxEntry[] = [];
  #publishing: Promise<void> | undefined;
  #cancelReclaim: (() => void) | undefined;
  #stopped = false;

  constructor(options: CallSessionOptions, on: CallSessionListener) {
    this.#options = options;
    this.#on = on;
  }

  submit(call: ReadyCall): void {
    this.#ready.push(call);
    this.#run();
  }

  /** Claims at once, so that an outbox which an earlier owner left is published even if nobody calls. */
  adopt(): void {
    this.#run();
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
      if (this.#ready.length > 0) this.#run();
    });
  }

  async #commitAll(): Promise<void> {
    let broken = 0;
    do {
      const session = await this.#claimed();
      if (session === undefined) this.#reclaimLater();
      if (session === undefined || broken >= sessionsMax) return this.#failAll();
      const { group, outdated, rest } = groupCalls(this.#ready);
      this.#ready = [...rest];
      for (const call of outdated) this.#on.stale(call, []);
      if (group.length === 0) continue;
      const result = await this.#send(session, group);
      if (result === 'lost') broken += 1;
      else broken = 0;
    } while (this.#ready.length > 0);
  }

  #failAll(): void {
    const calls = this.#ready;
    this.#ready = [];
    for (const call of calls) this.#on.failed(call);
  }

  /** What a commit without an answer left in the outbox, or an earlier owner, is not to wait for the next call. */
  #reclaimLater(): void {
    const { state, clock } = this.#options;
    if (this.#stopped || state.capabilities.emits === 'inline') return;
    this.#cancelReclaim?.();
    this.#cancelReclaim = clock.after(reclaimAfterMs, () => this.#run());
  }

  async #claimed(): Promise<Session | undefined> {
    if (this.#session !== undefined) return this.#session;
    const { source, state, random, clock, log } = this.#options;
    const ownerToken = random.token();
    try {
      const claimed = await state.claim(source, { ownerToken, brokerGeneration: 0, nowMs: clock.now(), committedOffset: 0 });
      const stream = `${source.unit}|${source.name}.${ownerToken}`;
      this.#session = { ownerToken, generation: claimed.generation, stream, ordinal: 0, commits: 0 };
      this.#outbox.splice(0, this.#outbox.length, ...claimed.outbox);
      this.#publish();
    } catch (error) {
      log.error('direct calls could not claim their place', { unit: source.unit, error });
    }
    return this.#session;
  }

  async #send(session: Session, group: readonly ReadyCall[]): Promise<'settled' | 'lost'> {
    const { source, state, clock, faults, log } = this.#options;
    session.commits += 1;
    const commit = commitOf(group, {
      ownerToken: session.ownerToken,
      ordinal: session.ordinal + 1,
      id: `${session.ownerToken}-${session.commits}`,
      stream: session.stream,
      nowMs: clock.now(),
      dedupeWindowMs: this.#options.dedupeWindowMs,
    });
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

  async #react(session: Session, group: readonly ReadyCall[], result: CommitResult): Promise<'settled' | 'lost'> {
    switch (result.kind) {
      case 'ok':
      case 'already':
        session.ordinal += 1;
        this.#enqueueEmits(session, group, result.firstSeq.counter);
        for (const call of group) this.#on.committed(call);
        return 'settled';
      case 'duplicate':
        await this.#answerRepeated(group, new Set(result.ids));
        return 'settled';
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
        this.#options.log.warn('session of direct calls is over', { unit: this.#options.source.unit, reason: result.kind });
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

  async #answerRepeated(group: readonly ReadyCall[], ids: ReadonlySet<string>): Promise<void> {
    const known = await this.#options.state.known(this.#options.source.unit, [...ids]);
    const answers = new Map(known.map(({ id, answer }) => [id, answer]));
    this.#ready = [...group.filter(({ call }) => !ids.has(call.id)), ...this.#ready];
    for (const call of group) if (ids.has(call.call.id)) this.#on.repeated(call, answers.get(call.call.id));
  }

  #enqueueEmits({ generation, stream }: Session, group: readonly ReadyCall[], firstCounter: number): void {
    if (this.#options.state.capabilities.emits === 'inline') return;
    let counter = firstCounter;
    for (const emit of group.flatMap(({ emits }) => emits)) {
      this.#outbox.push({ seq: { generation, counter }, stream, emit });
      counter += 1;
    }
    this.#publish();
  }

  /** Without a session nothing may be sent: the next one has the whole outbox again. */
  #publish(): void {
    if (this.#publishing !== undefined || this.#session === undefined || this.#outbox.length === 0) return;
    this.#publishing = this.#publishAll().finally(() => {
      this.#publishing = undefined;
      if (!this.#stopped) this.#publish();
    });
  }

  /** In order, one at a time; trimmed only when the log has it, and only by the owner. */
  async #publishAll(): Promise<void> {
    const { streams, state, source, clock, log } = this.#options;
    while (this.#outbox.length > 0 && !this.#stopped) {
      const session = this.#session;
      const entry = this.#outbox[0];
      if (session === undefined || entry === undefined) return;
      try {
        await streams.append(entry.emit.topic, [publishedRecord(entry)]);
        // A new session has the whole outbox again; consumers drop what they see twice by its seq.
        if (this.#session !== session) continue;
        const trimmed = await state.trim(source, session.ownerToken, entry.seq);
        if (this.#session !== session) continue;
        if (trimmed === 'fenced') return this.#leaveOutbox();
        this.#outbox.shift();
      } catch (error) {
        log.warn('emits of direct calls could not be published', { unit: source.unit, topic: entry.emit.topic, error });
        await clock.sleep(publishRetryMs);
      }
    }
  }

  /** Somebody else owns the outbox now and publishes it. */
  #leaveOutbox(): void {
    this.#session = undefined;
    this.#outbox.length = 0;
  }
}

const utf8 = new TextEncoder();

function publishedRecord({ seq, stream, emit }: OutboxEntry) {
  const headers = [
    ...emit.headers,
    [headerNames.stream, utf8.encode(stream)],
    [headerNames.seq, utf8.encode(`${seq.generation}.${seq.counter}`)],
  ] as const;
  return { partition: emit.partition, key: emit.key, value: emit.value, headers };
}
