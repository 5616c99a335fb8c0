import type { Clock } from '../../clock.ts';
import { FaasError } from '../../errors.ts';
import type {
  AttemptRecord,
  Claimed,
  ClaimRequest,
  CommitRequest,
  CommitResult,
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
import type { MemoryStreams } from './memory-streams.ts';

interface Unit {
  readonly values: Map<string, { readonly value: Uint8Array; readonly version: string }>;
  readonly ids: Map<string, { readonly expiresAtMs: number; readonly answer: Uint8Array | undefined }>;
  readonly sources: Map<string, Progress>;
  /** When an operator accepted that the store is older than what was durable; 0: never. */
  acceptedAtMs: number;
}

interface Progress {
  topicId: string | undefined;
  ownerToken: string;
  generation: number;
  ordinal: number;
  lastCommitId: string;
  lastFirstCounter: number;
  /** Counter of the last emit of this generation. */
  counter: number;
  frontier: number;
  /** Done offsets above the frontier. */
  readonly done: Set<number>;
  highSeqOffset: number;
  readonly highSeqs: Map<string, Seq>;
  readonly attempts: Map<number, AttemptRecord>;
  outbox: OutboxEntry[];
  readonly parked: Map<string, { readonly replay: boolean; readonly events: readonly ParkedEvent[] }>;
  /** The durable offset ahead of this store that an operator accepted; -1: none. */
  acceptedOffset: number;
}

/** All that was stored at one moment; opaque. */
export type MemoryStateSnapshot = { readonly units: ReadonlyMap<string, Unit> };

/**
 * The executable spec of the commit protocol (docs/protocol.md). Each call is one atomic step. `snapshot` and `restore` play a store that
 * lost its tail in a failover, for the simulation; they are no part of the port.
 */
export class MemoryStateStore implements StateStore {
  readonly capabilities: StateCapabilities;
  readonly #clock: Clock;
  readonly #streams: MemoryStreams;
  #units = new Map<string, Unit>();

  constructor(options: { clock: Clock; streams: MemoryStreams; emits: 'inline' | 'outbox' }) {
    this.#clock = options.clock;
    this.#streams = options.streams;
    this.capabilities = {
      adapter: 'memory',
      emits: options.emits,
      mayRollBack: options.emits === 'outbox',
      keepsStrict: true,
      commitEventsMax: 200,
    };
  }

  async claim(source: Source, claim: ClaimRequest): Promise<Claimed> {
    const { sources, acceptedAtMs } = this.#unit(source.unit);
    const stored = sources.get(source.name);
    const progress = stored ?? newProgress(claim.committedOffset);
    if (this.capabilities.mayRollBack) {
      for (const other of claim.others ?? []) requireDurable({ ...source, name: other.name }, sources.get(other.name), other, acceptedAtMs);
      requireDurable(source, stored, claim, acceptedAtMs);
    }
    if (claim.durableOffset !== undefined && isBehind(stored, claim.durableOffset)) progress.acceptedOffset = claim.durableOffset;
    sources.set(source.name, progress);
    progress.generation = Math.max(progress.generation, claim.brokerGeneration, claim.nowMs - 1) + 1;
    progress.ownerToken = claim.ownerToken;
    progress.ordinal = 0;
    progress.lastCommitId = '';
    progress.counter = 0;
    progress.topicId ??= claim.topicId;
    return {
      generation: progress.generation,
      topicId: progress.topicId,
      frontier: progress.frontier,
      highSeqOffset: progress.highSeqOffset,
      highSeqs: new Map(progress.highSeqs),
      done: [...progress.done].sort((a, b) => a - b),
      attempts: [...progress.attempts.values()].sort((a, b) => a.offset - b.offset),
      outbox: [...progress.outbox],
      parked: parkedKeys(progress),
    };
  }

  async commit(source: Source, commit: CommitRequest): Promise<CommitResult> {
    if (this.capabilities.emits === 'inline') for (const emit of commit.emits) this.#streams.partition(emit.topic, emit.partition);
    const unit = this.#unit(source.unit);
    const progress = unit.sources.get(source.name);
    if (progress?.ownerToken !== commit.ownerToken) return { kind: 'fenced' };
    const firstSeq = (counter: number): Seq => ({ generation: progress.generation, counter });
    if (commit.ordinal === progress.ordinal && commit.id === progress.lastCommitId) {
      return { kind: 'already', firstSeq: firstSeq(progress.lastFirstCounter), frontier: progress.frontier };
    }
    const refusal = refusalOf(unit, progress, commit, this.#clock.now());
    if (refusal !== undefined) return refusal;
    // Nothing was written above, nothing is refused below.
    applyWrites(unit, commit);
    progress.lastFirstCounter = progress.counter + 1;
    for (const emit of commit.emits) {
      progress.counter += 1;
      if (this.capabilities.emits === 'inline') this.#streams.appendNow(emit.topic, [emit]);
      else progress.outbox.push({ seq: firstSeq(progress.counter), stream: commit.stream, emit });
    }
    advance(progress, commit);
    if (commit.parking !== undefined) park(progress, commit.parking);
    progress.ordinal = commit.ordinal;
    progress.lastCommitId = commit.id;
    return { kind: 'ok', firstSeq: firstSeq(progress.lastFirstCounter), frontier: progress.frontier };
  }

  async recordAttempts(source: Source, ownerToken: string, attempts: readonly AttemptRecord[]): Promise<'ok' | 'fenced'> {
    const progress = this.#owned(source, ownerToken);
    if (progress === undefined) return 'fenced';
    for (const attempt of attempts) progress.attempts.set(attempt.offset, attempt);
    return 'ok';
  }

  async trim(source: Source, ownerToken: string, upTo: Seq): Promise<'ok' | 'fenced'> {
    const progress = this.#owned(source, ownerToken);
    if (progress === undefined) return 'fenced';
    progress.outbox = progress.outbox.filter(entry => isAbove(entry.seq, upTo));
    return 'ok';
  }

  async verify(source: Source, ownerToken: string, ordinal: number): Promise<'ok' | 'fenced' | 'rollback'> {
    const progress = this.#owned(source, ownerToken);
    if (progress === undefined) return 'fenced';
    return progress.ordinal >= ordinal ? 'ok' : 'rollback';
  }

  async read(unit: string, keys: readonly string[]): Promise<readonly StateRead[]> {
    const { values } = this.#unit(unit);
    return keys.map(key => ({ key, version: values.get(key)?.version ?? null, value: values.get(key)?.value }));
  }

  async known(unit: string, ids: readonly string[]): Promise<readonly KnownId[]> {
    const { ids: stored } = this.#unit(unit);
    return ids
      .filter(id => isKnown(stored, id, this.#clock.now()))
      .map(id => {
        const answer = stored.get(id)?.answer;
        return answer === undefined ? { id } : { id, answer };
      });
  }

  async list(unit: string, page: { prefix?: string; after?: string; limit: number }): Promise<readonly StateEntry[]> {
    return [...this.#unit(unit).values]
      .filter(([key]) => key.startsWith(page.prefix ?? ''))
      .filter(([key]) => page.after === undefined || compareUtf8(key, page.after) > 0)
      .sort(([a], [b]) => compareUtf8(a, b))
      .slice(0, page.limit)
      .map(([key, { value, version }]) => ({ key, value, version }));
  }

  async figures(name: string): Promise<StateFigures> {
    const unit = this.#unit(name);
    return {
      keys: unit.values.size,
      valueBytes: [...unit.values.values()].reduce((sum, { value }) => sum + value.length, 0),
      outboxEntries: [...unit.sources.values()].reduce((sum, { outbox }) => sum + outbox.length, 0),
    };
  }

  async progress(unit: string): Promise<readonly SourceProgress[]> {
    return [...this.#unit(unit).sources]
      .map(([source, { frontier, done }]) => ({ source, frontier, doneAbove: done.size }))
      .sort((a, b) => compareUtf8(a.source, b.source));
  }

  async resetProgress(source: Source, offset: number, ownerToken?: string): Promise<'ok' | 'fenced'> {
    const { sources } = this.#unit(source.unit);
    const old = sources.get(source.name);
    if (ownerToken !== undefined && ownerToken !== old?.ownerToken) return 'fenced';
    // Generation and outbox stay: what was committed is still to be sent, and emits of the next owner come after it.
    const kept = { generation: old?.generation ?? 0, outbox: old?.outbox ?? [], parked: old?.parked ?? new Map() };
    sources.set(source.name, { ...newProgress(offset), ...kept });
    return 'ok';
  }

  async parked(unit: string): Promise<readonly ParkedKeyAt[]> {
    return [...this.#unit(unit).sources]
      .sort(([a], [b]) => compareUtf8(a, b))
      .flatMap(([source, progress]) => parkedKeys(progress).map(key => ({ source, ...key })));
  }

  async parkedEvents({ unit, name }: Source, key: string, limit: number): Promise<readonly ParkedEvent[]> {
    return this.#unit(unit).sources.get(name)?.parked.get(key)?.events.slice(0, limit) ?? [];
  }

  async replayParked({ unit, name }: Source, key: string): Promise<'ok' | 'unknown'> {
    const parked = this.#unit(unit).sources.get(name)?.parked;
    const found = parked?.get(key);
    if (parked === undefined || found === undefined) return 'unknown';
    parked.set(key, { ...found, replay: true });
    return 'ok';
  }

  async acceptRollback(unit: string, nowMs: number): Promise<void> {
    this.#unit(unit).acceptedAtMs = nowMs;
  }

  async deleteUnit(unit: string): Promise<void> {
    this.#units.delete(unit);
  }

  async expire(nowMs: number, bytesMax: number): Promise<{ removed: number; boundHit: boolean }> {
    const all = [...this.#units.values()].flatMap(({ ids }) => [...ids].map(([id, entry]) => ({ ids, id, ...entry })));
    all.reverse().sort((a, b) => b.expiresAtMs - a.expiresAtMs);
    let bytes = 0;
    let removed = 0;
    let boundHit = false;
    for (const { ids, id, expiresAtMs, answer } of all) {
      bytes += idBytes(id, answer);
      if (expiresAtMs > nowMs && bytes <= bytesMax) continue;
      boundHit ||= expiresAtMs > nowMs;
      ids.delete(id);
      removed += 1;
    }
    return { removed, boundHit };
  }

  async close(): Promise<void> {}

  snapshot(): MemoryStateSnapshot {
    return { units: copyUnits(this.#units) };
  }

  restore(snapshot: MemoryStateSnapshot): void {
    this.#units = copyUnits(snapshot.units);
  }

  #unit(name: string): Unit {
    const unit = this.#units.get(name) ?? { values: new Map(), ids: new Map(), sources: new Map(), acceptedAtMs: 0 };
    this.#units.set(name, unit);
    return unit;
  }

  #owned(source: Source, ownerToken: string): Progress | undefined {
    const progress = this.#units.get(source.unit)?.sources.get(source.name);
    return progress?.ownerToken === ownerToken ? progress : undefined;
  }
}

/** The checks of COMMIT after those of token and retry, in the protocol's order; undefined: go on and write. */
function refusalOf(unit: Unit, progress: Progress, commit: CommitRequest, nowMs: number): CommitResult | undefined {
  if (commit.ordinal !== progress.ordinal + 1) return { kind: 'rollback' };
  for (const [from, to] of commit.done) {
    const offset = from < to && from < progress.frontier ? from : firstIn(progress.done, from, to);
    if (offset !== undefined) return { kind: 'conflict', detail: `offset ${offset} is already done` };
  }
  if (commit.expectedFrontier !== undefined && commit.expectedFrontier !== progress.frontier) {
    return { kind: 'conflict', detail: `the frontier is ${progress.frontier}, not ${commit.expectedFrontier}` };
  }
  const pop = commit.parking?.pops.find(({ key, offset }) => progress.parked.get(key)?.events[0]?.offset !== offset);
  if (pop !== undefined) return { kind: 'conflict', detail: `offset ${pop.offset} is not the first parked event of its key` };
  const duplicates = commit.ids.map(({ id }) => id).filter(id => isKnown(unit.ids, id, nowMs));
  if (duplicates.length > 0) return { kind: 'duplicate', ids: duplicates };
  const unknown = commit.knownIds.filter(id => !isKnown(unit.ids, id, nowMs));
  if (unknown.length > 0) return { kind: 'unknown', ids: unknown };
  const stale = commit.reads.filter(({ key, version }) => (unit.values.get(key)?.version ?? null) !== version).map(({ key }) => key);
  return stale.length > 0 ? { kind: 'stale', keys: stale } : undefined;
}

function applyWrites(unit: Unit, commit: CommitRequest): void {
  commit.writes.forEach(({ key, value }, index) => {
    if (value === null) unit.values.delete(key);
    else unit.values.set(key, { value, version: `${commit.id}:${index}` });
  });
  for (const { id, expiresAtMs, answer } of commit.ids) unit.ids.set(id, { expiresAtMs, answer });
}

function advance(progress: Progress, commit: CommitRequest): void {
  for (const offset of commit.clearAttempts) progress.attempts.delete(offset);
  if (commit.highSeqOffset > progress.highSeqOffset) {
    for (const { stream, seq } of commit.highSeqs) progress.highSeqs.set(stream, seq);
    progress.highSeqOffset = commit.highSeqOffset;
  }
  for (const [from, to] of commit.done) {
    // What retention removed may be a huge range, and it begins at the frontier.
    if (from === progress.frontier) progress.frontier = to;
    else for (let offset = from; offset < to; offset += 1) progress.done.add(offset);
    while (progress.done.delete(progress.frontier)) progress.frontier += 1;
  }
}

function park({ parked }: Progress, { holds, pops, unflags }: ParkingChange): void {
  for (const { key, offset, entry } of holds) {
    const before = parked.get(key) ?? { replay: false, events: [] };
    if (before.events.some(event => event.offset === offset)) continue;
    parked.set(key, { ...before, events: [...before.events, { offset, entry }].sort((a, b) => a.offset - b.offset) });
  }
  for (const { key } of pops) {
    const before = parked.get(key);
    const events = before?.events.slice(1) ?? [];
    if (events.length === 0) parked.delete(key);
    else parked.set(key, { replay: before?.replay ?? false, events });
  }
  for (const key of unflags) {
    const before = parked.get(key);
    if (before !== undefined) parked.set(key, { ...before, replay: false });
  }
}

function parkedKeys({ parked }: Progress): { key: string; events: number; replay: boolean }[] {
  return [...parked].map(([key, { events, replay }]) => ({ key, events: events.length, replay })).sort((a, b) => compareUtf8(a.key, b.key));
}

/** The lowest of the offsets within [from, to); looks at the smaller of the two. */
function firstIn(offsets: ReadonlySet<number>, from: number, to: number): number | undefined {
  if (to - from > offsets.size) return [...offsets].filter(offset => offset >= from && offset < to).sort((a, b) => a - b)[0];
  for (let offset = from; offset < to; offset += 1) if (offsets.has(offset)) return offset;
  return undefined;
}

function newProgress(offset: number): Progress {
  return {
    topicId: undefined,
    ownerToken: '',
    generation: 0,
    ordinal: 0,
    lastCommitId: '',
    lastFirstCounter: 0,
    counter: 0,
    frontier: offset,
    done: new Set(),
    highSeqOffset: offset,
    highSeqs: new Map(),
    attempts: new Map(),
    outbox: [],
    parked: new Map(),
    acceptedOffset: -1,
  };
}

/** S11. */
function requireDurable(
  source: Source,
  stored: Progress | undefined,
  { brokerGeneration, durableOffset }: Pick<ClaimRequest, 'brokerGeneration' | 'durableOffset'>,
  acceptedAtMs: number,
): void {
  if (durableOffset === undefined || !isBehind(stored, durableOffset) || acceptedAtMs >= brokerGeneration) return;
  const message = `the store of ${source.unit} is older than what was durable of ${source.name}`;
  throw new FaasError(stored === undefined ? 'FAAS_STATE_LOST' : 'FAAS_STATE_ROLLED_BACK', message);
}

function isBehind(stored: Progress | undefined, durableOffset: number): boolean {
  return stored === undefined || (stored.highSeqOffset < durableOffset && stored.acceptedOffset < durableOffset);
}

function isKnown(ids: Unit['ids'], id: string, nowMs: number): boolean {
  return (ids.get(id)?.expiresAtMs ?? -Infinity) > nowMs;
}

/** What a remembered id counts towards its bound: its own bytes, the answer's, and about what a record costs besides. */
function idBytes(id: string, answer: Uint8Array | undefined): number {
  return Buffer.byteLength(id) + (answer?.length ?? 0) + 100;
}

function isAbove(a: Seq, b: Seq): boolean {
  return a.generation > b.generation || (a.generation === b.generation && a.counter > b.counter);
}

function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function copyUnits(units: ReadonlyMap<string, Unit>): Map<string, Unit> {
  const copies = [...units].map(([name, unit]) => {
    const sources = [...unit.sources].map(([source, progress]) => [source, copyProgress(progress)] as const);
    return [name, { ...unit, values: new Map(unit.values), ids: new Map(unit.ids), sources: new Map(sources) }] as const;
  });
  return new Map(copies);
}

function copyProgress(progress: Progress): Progress {
  return {
    ...progress,
    done: new Set(progress.done),
    highSeqs: new Map(progress.highSeqs),
    attempts: new Map(progress.attempts),
    outbox: [...progress.outbox],
    parked: new Map(progress.parked),
  };
}
