import type { Clock } from '../clock.ts';
import { FaasError } from '../errors.ts';
import type { FaultPoints } from '../fault-points.ts';
import type { CommitRequest, CommitResult, Emit, OutboxEntry, Seq, Source, StateStore } from '../ports/state.ts';
import type { Streams } from '../ports/streams.ts';
import { publishedRecord } from '../published-record.ts';
import type { Random } from '../random.ts';
import type { Log } from '../telemetry/log.ts';

/** A unit of its own in the state store; no `<context>.<function>` can have this name. */
const unit = '$resources';
const source: Source = { unit, name: 'watcher' };
/** One for all owners: what an old one publishes late is below what a new one has published, and is dropped. */
const stream = `${unit}|${source.name}`;
/** An object may have 1.5 MiB. */
const pageKeys = 100;
const resendsMax = 3;
const retryMs = 500;

export interface DeliveredStoreOptions {
  readonly state: StateStore;
  readonly streams: Pick<Streams, 'append'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly faults: FaultPoints;
  readonly log: Log;
}

export interface DeliveredWrite {
  readonly key: string;
  /** null removes. */
  readonly value: Uint8Array | null;
}

/**
 * What was delivered, and the events that deliver it, in one fenced step of the commit protocol: a watcher that was replaced and does not know it yet can
 * neither change what is remembered nor append an older state after a newer one.
 */
export class DeliveredStore {
  readonly #options: DeliveredStoreOptions;
  readonly #ownerToken: string;
  readonly #generation: number;
  #ordinal = 0;
  #isOver = false;
  /** Writes go one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(options: DeliveredStoreOptions, ownerToken: string, generation: number) {
    this.#options = options;
    this.#ownerToken = ownerToken;
    this.#generation = generation;
  }

  /** Takes the place of whoever watched before, and publishes what that one has left. */
  static async claim(options: DeliveredStoreOptions, signal: AbortSignal): Promise<DeliveredStore> {
    const ownerToken = options.random.token();
    const nowMs = options.clock.now();
    const claimed = await options.state.claim(source, { ownerToken, brokerGeneration: 0, nowMs, committedOffset: 0 });
    const store = new DeliveredStore(options, ownerToken, claimed.generation);
    await store.#publish(claimed.outbox, signal);
    return store;
  }

  /** Somebody else watches now, or nobody knows what was written: claim again. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** All keys that begin like this, with their values. */
  async list(prefix: string): Promise<ReadonlyMap<string, Uint8Array>> {
    const found = new Map<string, Uint8Array>();
    for (let after: string | undefined; ; ) {
      const page = await this.#options.state.list(unit, { prefix, limit: pageKeys, ...(after === undefined ? {} : { after }) });
      for (const { key, value } of page) found.set(key, value);
      after = page.at(-1)?.key;
      if (page.length < pageKeys || after === undefined) return found;
    }
  }

  /** Resolves when all of it is durable and the streams have the events. Throws when this store is over; nothing was written then, or nobody knows. */
  async write(writes: readonly DeliveredWrite[], emits: readonly Emit[], signal: AbortSignal): Promise<void> {
    const turn = this.#last.then(() => this.#write(writes, emits, signal));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #write(writes: readonly DeliveredWrite[], emits: readonly Emit[], signal: AbortSignal): Promise<void> {
    if (this.#isOver) throw new Error('somebody else watches the resources now');
    const ordinal = this.#ordinal + 1;
    const result = await this.#commit({
      ...{ ownerToken: this.#ownerToken, ordinal, id: `${this.#ownerToken}-${ordinal}`, stream, highSeqOffset: 0 },
      ...{ highSeqs: [], done: [], clearAttempts: [], ids: [], knownIds: [], reads: [] },
      writes,
      emits,
    });
    if (result?.kind !== 'ok' && result?.kind !== 'already') {
      this.#isOver = true;
      throw new Error(`what was delivered could not be written: ${result?.kind ?? 'the store does not answer'}`);
    }
    this.#ordinal = ordinal;
    if (this.#options.state.capabilities.emits === 'inline') return;
    const { counter } = result.firstSeq;
    const entries = emits.map((emit, i) => ({ seq: { generation: this.#generation, counter: counter + i }, stream, emit }));
    try {
      await this.#publish(entries, signal);
    } catch (error) {
      // Who claims next finds them in the store.
      this.#isOver = true;
      throw error;
    }
  }

  /** The same commit again while nobody knows whether it arrived: the store answers `already` then. */
  async #commit(request: CommitRequest): Promise<CommitResult | undefined> {
    const { state, clock, faults, log } = this.#options;
    for (let sent = 0; sent < resendsMax; sent += 1) {
      try {
        faults('watch.before-commit');
        const result = await state.commit(source, request);
        faults('watch.after-commit');
        return result;
      } catch (error) {
        log.warn('commit of resource changes has no answer', { error: String(error) });
        await clock.sleep(retryMs);
      }
    }
    return undefined;
  }

  /** In order, and until the streams have it: what is repeated on the way is dropped by its seq. */
  async #publish(entries: readonly OutboxEntry[], signal: AbortSignal): Promise<void> {
    const { streams, state, clock, log } = this.#options;
    const last: Seq | undefined = entries.at(-1)?.seq;
    for (const run of runsOfTopic(entries)) {
      while (!(await this.#append(streams, run))) {
        await clock.sleep(retryMs, signal);
        if (signal.aborted) throw new Error('the watcher stops');
      }
    }
    if (last === undefined) return;
    const trimmed = await state.trim(source, this.#ownerToken, last).catch(error => {
      // The next owner publishes it again, and it is dropped.
      log.warn('trimming the outbox failed', { source: source.name, error: String(error) });
    });
    if (trimmed === 'fenced') this.#isOver = true;
  }

  async #append(streams: Pick<Streams, 'append'>, run: readonly OutboxEntry[]): Promise<boolean> {
    const [first] = run;
    if (first === undefined) return true;
    try {
      await streams.append(first.emit.topic, run.map(publishedRecord));
      return true;
    } catch (error) {
      // A function that was removed with its inbox: nobody waits for it.
      if (error instanceof FaasError && error.code === 'FAAS_STREAM_UNKNOWN_TOPIC') return true;
      this.#options.log.warn('resource changes could not be published, tried again', { topic: first.emit.topic, error: String(error) });
      return false;
    }
  }
}

/** Neighbours of one topic go together. */
function runsOfTopic(entries: readonly OutboxEntry[]): readonly (readonly OutboxEntry[])[] {
  const runs: OutboxEntry[][] = [];
  for (const entry of entries) {
    const run = runs.at(-1);
    if (run?.[0]?.emit.topic === entry.emit.topic) run.push(entry);
    else runs.push([entry]);
  }
  return runs;
}
