import type { Clock } from '../../clock.ts';
import type {
  AttemptRecord,
  Claimed,
  ClaimRequest,
  CommitRequest,
  CommitResult,
  Emit,
  KnownId,
  OutboxEntry,
  ParkedEvent,
  ParkedKeyAt,
  ParkingChange,
  Seq,
  Source,
  SourceProgress,
  StateCapabilities,
  StateEntry,
  StateFigures,
  StateRead,
  StateStore,
} from '../../ports/state.ts';
import type { PackedBytes, PackedCommit, PackedEmits, StoredOutboxEntry, StoredParkedKey, StoredParking } from './operations.ts';
import { BytePacker } from './packed-bytes.ts';
import { packEach, packRecords, unpackRecords } from './record-codec.ts';
import type { SqliteClient } from './sqlite-client.ts';
import type { SqliteStreams } from './sqlite-streams.ts';
import type { TopicDirectory } from './topic-directory.ts';

/** State in the same file as the log: with `emits: inline` a commit appends its emits in its own transaction. */
export class SqliteState implements StateStore {
  readonly capabilities: StateCapabilities;
  readonly #client: SqliteClient;
  readonly #clock: Clock;
  readonly #topics: TopicDirectory;
  readonly #streams: SqliteStreams;

  constructor(options: { client: SqliteClient; clock: Clock; topics: TopicDirectory; streams: SqliteStreams; emits: 'inline' | 'outbox' }) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.#topics = options.topics;
    this.#streams = options.streams;
    this.capabilities = { adapter: 'sqlite', emits: options.emits, mayRollBack: false, keepsStrict: true, commitEventsMax: 1_000 };
  }

  async claim(source: Source, claim: ClaimRequest): Promise<Claimed> {
    const claimed = await this.#client.request('claim', { ...placeOf(source), ...claim });
    return {
      ...claimed,
      highSeqs: new Map(claimed.highSeqs.map(([stream, generation, counter]) => [stream, { generation, counter }])),
      outbox: claimed.outbox.map(toOutboxEntry),
      parked: claimed.parked.map(toParkedKey).map(({ key, events, replay }) => ({ key, events, replay })),
    };
  }

  async commit(source: Source, commit: CommitRequest): Promise<CommitResult> {
    const packed = this.#pack(source, commit);
    const { result, ends } = await this.#client.request('commit', packed, [packed.bytes.data, packed.emits.data]);
    for (const [index, end] of ends.entries()) {
      const [target, chunk] = [packed.emits.targets[index], packed.emits.chunks[index]];
      if (target !== undefined && chunk !== undefined) this.#streams.appended(target.topic, chunk.slot, end);
    }
    return result;
  }

  recordAttempts(source: Source, ownerToken: string, attempts: readonly AttemptRecord[]): Promise<'ok' | 'fenced'> {
    return this.#client.request('recordAttempts', { ...placeOf(source), ownerToken, attempts });
  }

  trim(source: Source, ownerToken: string, upTo: Seq): Promise<'ok' | 'fenced'> {
    return this.#client.request('trim', { ...placeOf(source), ownerToken, ...upTo });
  }

  verify(source: Source, ownerToken: string, ordinal: number): Promise<'ok' | 'fenced' | 'rollback'> {
    return this.#client.request('verify', { ...placeOf(source), ownerToken, ordinal });
  }

  async read(unit: string, keys: readonly string[]): Promise<readonly StateRead[]> {
    const packer = new BytePacker();
    for (const key of keys) packer.text(key);
    const packed = packer.take();
    const { versions, lengths, buffers } = await this.#client.request('readState', { unit, keys: packed }, [packed.data]);
    const data = buffers[0] ?? new ArrayBuffer(0);
    let at = 0;
    return keys.map((key, index) => {
      const length = lengths[index] ?? -1;
      if (length === -1) return { key, version: null, value: undefined };
      const value = new Uint8Array(data, at, length);
      at += length;
      return { key, version: versions[index] ?? null, value };
    });
  }

  known(unit: string, ids: readonly string[]): Promise<readonly KnownId[]> {
    return this.#client.request('known', { unit, ids, nowMs: this.#clock.now() });
  }

  async list(unit: string, page: { prefix?: string; after?: string; limit: number }): Promise<readonly StateEntry[]> {
    const after = page.after === undefined ? undefined : toBytes(page.after);
    const values = await this.#client.request('listState', { unit, prefix: toBytes(page.prefix ?? ''), after, limit: page.limit });
    return values.map(({ key, value, version }) => ({ key: Buffer.from(key).toString('utf8'), value, version }));
  }

  figures(unit: string): Promise<StateFigures> {
    return this.#client.request('figures', unit);
  }

  progress(unit: string): Promise<readonly SourceProgress[]> {
    return this.#client.request('progress', unit);
  }

  resetProgress(source: Source, offset: number, ownerToken?: string): Promise<'ok' | 'fenced'> {
    return this.#client.request('resetProgress', { ...placeOf(source), offset, ownerToken });
  }

  async parked(unit: string): Promise<readonly ParkedKeyAt[]> {
    return (await this.#client.request('parked', unit)).map(toParkedKey);
  }

  parkedEvents(source: Source, key: string, limit: number): Promise<readonly ParkedEvent[]> {
    return this.#client.request('parkedEvents', { ...placeOf(source), key: toBytes(key), limit });
  }

  replayParked(source: Source, key: string): Promise<'ok' | 'unknown'> {
    return this.#client.request('replayParked', { ...placeOf(source), key: toBytes(key) });
  }

  /** It never says that it is older: it does not lose what it acknowledged. */
  async acceptRollback(): Promise<void> {}

  async deleteUnit(unit: string): Promise<void> {
    await this.#client.request('deleteUnit', unit);
  }

  async expire(nowMs: number, bytesMax: number): Promise<{ removed: number; boundHit: boolean }> {
    const sum = { removed: 0, boundHit: false };
    for (let more = true; more; ) {
      const step = await this.#client.request('expireIds', { nowMs, bytesMax });
      sum.removed += step.removed;
      sum.boundHit ||= step.boundHit;
      more = step.more;
    }
    return sum;
  }

  async close(): Promise<void> {}

  #pack(source: Source, commit: CommitRequest): PackedCommit {
    // Spread, it would be put together property by property, hundreds of times each second.
    return {
      unit: source.unit,
      source: source.name,
      ownerToken: commit.ownerToken,
      ordinal: commit.ordinal,
      id: commit.id,
      stream: commit.stream,
      highSeqOffset: commit.highSeqOffset,
      done: commit.done,
      clearAttempts: commit.clearAttempts,
      nowMs: this.#clock.now(),
      expectedFrontier: commit.expectedFrontier,
      highSeqs: commit.highSeqs.map(high => [high.stream, high.seq.generation, high.seq.counter]),
      readVersions: commit.reads.map(({ version }) => version),
      idExpiries: commit.ids.map(({ expiresAtMs }) => expiresAtMs),
      writes: commit.writes.length,
      bytes: packParts(commit),
      emits: this.capabilities.emits === 'inline' ? this.#packForLog(commit.emits) : packForOutbox(commit.emits),
      parking: commit.parking === undefined ? undefined : toStoredParking(commit.parking),
    };
  }

  #packForLog(emits: readonly Emit[]): PackedEmits {
    const places = new Map<number, { topic: string; partition: number }>();
    const slots = emits.map(emit => {
      const slot = this.#topics.slotOf(emit);
      if (!places.has(slot)) places.set(slot, { topic: emit.topic, partition: emit.partition });
      return slot;
    });
    const { chunks, data } = packRecords(emits, slots);
    return { chunks, data, targets: chunks.flatMap(({ slot }) => places.get(slot) ?? []) };
  }
}

function packParts({ reads, writes, ids, knownIds }: CommitRequest): PackedBytes {
  const packer = new BytePacker();
  for (const { key } of reads) packer.text(key);
  for (const { key, value } of writes) {
    packer.text(key);
    packer.bytes(value);
  }
  for (const { id, answer } of ids) {
    packer.text(id);
    packer.bytes(answer ?? null);
  }
  for (const id of knownIds) packer.text(id);
  return packer.take();
}

function packForOutbox(emits: readonly Emit[]): PackedEmits {
  return { ...packEach(emits), targets: emits.map(({ topic, partition }) => ({ topic, partition })) };
}

function toOutboxEntry({ generation, counter, stream, topic, partition, payload }: StoredOutboxEntry): OutboxEntry {
  const [record] = unpackRecords(payload, 0, 0);
  const { key, value, headers } = record ?? { key: null, value: null, headers: [] };
  return { seq: { generation, counter }, stream, emit: { topic, partition, key, value, headers } };
}

function toParkedKey({ source, key, events, replay }: StoredParkedKey): ParkedKeyAt {
  return { source, key: Buffer.from(key).toString('utf8'), events, replay };
}

function toStoredParking({ holds, pops, unflags }: ParkingChange): StoredParking {
  return {
    holds: holds.map(({ key, offset, entry }) => ({ key: toBytes(key), offset, entry })),
    pops: pops.map(({ key, offset }) => ({ key: toBytes(key), offset })),
    unflags: unflags.map(toBytes),
  };
}

function placeOf({ unit, name }: Source): { unit: string; source: string } {
  return { unit, source: name };
}

function toBytes(text: string): Uint8Array {
  return Buffer.from(text);
}
