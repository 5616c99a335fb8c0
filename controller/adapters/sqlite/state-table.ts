import type { CommitResult, KnownId, StateFigures } from '../../ports/state.ts';
import type { Database } from './database.ts';
import { DoneBits } from './done-bits.ts';
import { bytes, bytesOrNone, integer, type SqlRow, text } from './driver.ts';
import type { LogTable } from './log-table.ts';
import type { AnswerOf, ArgumentOf, CommitAnswer, PackedCommit, StoredAttempt, StoredOutboxEntry, StoredValue } from './operations.ts';
import { PackedReader } from './packed-bytes.ts';
import { ParkedTable } from './parked-table.ts';
import type { SourceTable, StoredSource } from './source-table.ts';

/** What a remembered id counts towards its bound besides its own bytes and its answer's. */
const idOverheadBytes = 100;
/** Ids removed per step: a step holds up the other writers of its group. */
const expireIdsMax = 2000;

/** Versions held in memory at most, about 200 B each. */
const versionsMax = 16_384;

interface Unpacked {
  readonly reads: readonly { key: Uint8Array; version: string | null }[];
  readonly writes: readonly { key: Uint8Array; value: Uint8Array | null }[];
  readonly ids: readonly { id: Uint8Array; answer: Uint8Array | null; expiresAtMs: number }[];
  readonly knownIds: readonly Uint8Array[];
}

/**
 * State, ids, attempts and outbox (worker thread): the steps of docs/protocol.md over plain tables. Each call runs within a transaction that
 * others share, so a refusal must have written nothing.
 */
export class StateTable {
  readonly #database: Database;
  readonly #sources: SourceTable;
  readonly #log: LogTable;
  readonly #parked: ParkedTable;
  readonly #emits: 'inline' | 'outbox';
  /** Of all ids. undefined: to be summed up. */
  #idBytes: number | undefined;
  /** Of keys that were read or written of late: a commit follows its reads closely, and asking SQLite costs ten times as much. */
  readonly #versions = new Map<string, string | null>();

  constructor(options: { database: Database; sources: SourceTable; log: LogTable; emits: 'inline' | 'outbox' }) {
    this.#database = options.database;
    this.#sources = options.sources;
    this.#log = options.log;
    this.#parked = new ParkedTable(options.database);
    this.#emits = options.emits;
  }

  /** The running transaction is undone. */
  forget(): void {
    this.#idBytes = undefined;
    this.#versions.clear();
  }

  claim(claim: ArgumentOf<'claim'>): AnswerOf<'claim'> {
    const source = this.#sources.ensure(claim.unit, claim.source, claim.committedOffset);
    source.generation = Math.max(source.generation, claim.brokerGeneration, claim.nowMs - 1) + 1;
    source.ownerToken = claim.ownerToken;
    source.ordinal = 0;
    source.lastCommitId = '';
    source.counter = 0;
    this.#sources.write(source);
    if (source.topicId === undefined && claim.topicId !== undefined) this.#sources.writeTopicId(source, claim.topicId);
    return {
      generation: source.generation,
      topicId: source.topicId,
      frontier: source.done.frontier,
      highSeqOffset: source.highSeqOffset,
      highSeqs: [...source.highSeqs].map(([stream, seq]) => [stream, seq.generation, seq.counter]),
      done: source.done.above(),
      attempts: this.#attempts(source),
      outbox: this.#outbox(source),
      parked: this.#parked.keys(this.#sources.ensureUnit(claim.unit), source.id),
    };
  }

  commit(commit: PackedCommit): CommitAnswer {
    const source = this.#sources.find(commit.unit, commit.source);
    if (source?.ownerToken !== commit.ownerToken) return { result: { kind: 'fenced' }, ends: [] };
    if (commit.ordinal === source.ordinal && commit.id === source.lastCommitId) return { result: applied('already', source), ends: [] };
    const unit = this.#sources.ensureUnit(commit.unit);
    const unpacked = unpack(commit);
    // Each id once in a commit; one whose window is over may still have its row.
    const idsBefore = unpacked.ids.map(({ id }) => this.#storedId(unit, id));
    const refusal = this.#refusal(unit, source, commit, unpacked, idsBefore);
    if (refusal !== undefined) return { result: refusal, ends: [] };
    // Nothing was written above, nothing is refused below.
    this.#write(unit, commit, unpacked, idsBefore);
    source.lastFirstCounter = source.counter + 1;
    const ends = this.#emit(source, commit);
    this.#advance(source, commit);
    if (commit.parking !== undefined) this.#parked.change(source.id, commit.parking);
    source.ordinal = commit.ordinal;
    source.lastCommitId = commit.id;
    this.#sources.write(source);
    return { result: applied('ok', source), ends };
  }

  recordAttempts({ unit, source: name, ownerToken, attempts }: ArgumentOf<'recordAttempts'>): 'ok' | 'fenced' {
    const source = this.#owned(unit, name, ownerToken);
    if (source === undefined) return 'fenced';
    const insert = this.#database.sql(
      'INSERT OR REPLACE INTO attempts (source, offset, suspect, exclusive_crashes, failures) VALUES (?1, ?2, ?3, ?4, ?5)',
    );
    for (const { offset, suspect, exclusiveCrashes, failures } of attempts) {
      insert.run(source.id, offset, suspect ? 1 : 0, exclusiveCrashes, failures);
    }
    return 'ok';
  }

  trim({ unit, source: name, ownerToken, generation, counter }: ArgumentOf<'trim'>): 'ok' | 'fenced' {
    const source = this.#owned(unit, name, ownerToken);
    if (source === undefined) return 'fenced';
    this.#database.sql('DELETE FROM outbox WHERE source = ?1 AND (generation, counter) <= (?2, ?3)').run(source.id, generation, counter);
    return 'ok';
  }

  verify({ unit, source: name, ownerToken, ordinal }: ArgumentOf<'verify'>): 'ok' | 'fenced' | 'rollback' {
    const source = this.#owned(unit, name, ownerToken);
    if (source === undefined) return 'fenced';
    return source.ordinal >= ordinal ? 'ok' : 'rollback';
  }

  read({ unit: name, keys }: ArgumentOf<'readState'>): AnswerOf<'readState'> {
    const unit = this.#sources.findUnit(name) ?? -1;
    const select = this.#database.sql('SELECT version, value FROM state WHERE unit = ?1 AND key = ?2');
    const reader = new PackedReader(keys);
    const rows = keys.lengths.map(() => {
      const key = reader.next();
      const row = select.get(unit, key);
      this.#remember(unit, key, row === undefined ? null : text(row, 'version'));
      return row;
    });
    const values = rows.map(row => (row === undefined ? undefined : bytes(row, 'value')));
    const data = Buffer.from(new ArrayBuffer(values.reduce((sum, value) => sum + (value?.length ?? 0), 0)));
    let at = 0;
    for (const value of values) {
      if (value === undefined) continue;
      data.set(value, at);
      at += value.length;
    }
    return {
      versions: rows.map(row => (row === undefined ? null : text(row, 'version'))),
      lengths: values.map(value => value?.length ?? -1),
      buffers: data.buffer instanceof ArrayBuffer ? [data.buffer] : [],
    };
  }

  known({ unit: name, ids, nowMs }: ArgumentOf<'known'>): KnownId[] {
    const unit = this.#sources.findUnit(name) ?? -1;
    return ids.flatMap(id => {
      const row = this.#knownId(unit, Buffer.from(id), nowMs);
      if (row === undefined) return [];
      const answer = bytesOrNone(row, 'answer');
      return [answer === undefined ? { id } : { id, answer }];
    });
  }

  list({ unit: name, prefix, after, limit }: ArgumentOf<'listState'>): StoredValue[] {
    const unit = this.#sources.findUnit(name) ?? -1;
    // UTF-8 never holds 0xff: it is above every continuation of the prefix.
    const above = Buffer.concat([prefix, Buffer.of(0xff)]);
    const rows = this.#database
      .sql(
        `SELECT key, value, version FROM state WHERE unit = ?1 AND key >= ?2 AND key < ?3 AND (?4 IS NULL OR key > ?4) ORDER BY key LIMIT ?5`,
      )
      .all(unit, after !== undefined && Buffer.compare(after, prefix) > 0 ? after : prefix, above, after ?? null, limit);
    return rows.map(row => ({ key: bytes(row, 'key'), value: bytes(row, 'value'), version: text(row, 'version') }));
  }

  figures(name: string): StateFigures {
    const unit = this.#sources.findUnit(name) ?? -1;
    const row = this.#database
      .sql(
        `SELECT (SELECT count(*) FROM state WHERE unit = ?1) AS keys, (SELECT coalesce(sum(length(value)), 0) FROM state WHERE unit = ?1) AS bytes,
         (SELECT count(*) FROM outbox JOIN sources ON sources.id = outbox.source WHERE sources.unit = ?1) AS entries`,
      )
      .get(unit);
    return { keys: integer(row ?? {}, 'keys'), valueBytes: integer(row ?? {}, 'bytes'), outboxEntries: integer(row ?? {}, 'entries') };
  }

  parkedKeys(name: string): AnswerOf<'parked'> {
    const unit = this.#sources.findUnit(name);
    return unit === undefined ? [] : this.#parked.keys(unit, undefined);
  }

  parkedEvents(at: ArgumentOf<'parkedEvents'>): AnswerOf<'parkedEvents'> {
    const source = this.#sources.find(at.unit, at.source);
    return source === undefined ? [] : this.#parked.events(source.id, at);
  }

  replayParked(at: ArgumentOf<'replayParked'>): 'ok' | 'unknown' {
    const source = this.#sources.find(at.unit, at.source);
    return source === undefined ? 'unknown' : this.#parked.replay(source.id, at.key);
  }

  resetProgress({ unit, source: name, offset, ownerToken }: ArgumentOf<'resetProgress'>): 'ok' | 'fenced' {
    if (ownerToken !== undefined && this.#owned(unit, name, ownerToken) === undefined) return 'fenced';
    const source = this.#sources.ensure(unit, name, offset);
    // Generation and outbox stay: what was committed is still to be sent, and emits of the next owner come after it.
    source.ownerToken = '';
    source.ordinal = 0;
    source.lastCommitId = '';
    source.lastFirstCounter = 0;
    source.counter = 0;
    source.done = new DoneBits(offset);
    source.highSeqOffset = offset;
    source.highSeqs = new Map();
    this.#sources.write(source);
    this.#sources.writeHighSeqs(source);
    this.#sources.writeTopicId(source, undefined);
    this.#database.sql('DELETE FROM attempts WHERE source = ?1').run(source.id);
    return 'ok';
  }

  deleteUnit(name: string): void {
    const unit = this.#sources.findUnit(name);
    if (unit === undefined) return;
    for (const table of ['attempts', 'outbox', 'parked', 'parked_keys'] as const) {
      this.#database.sql(`DELETE FROM ${table} WHERE source IN (SELECT id FROM sources WHERE unit = ?1)`).run(unit);
    }
    this.#idBytes = undefined;
    for (const table of ['state', 'ids', 'sources'] as const) this.#database.sql(`DELETE FROM ${table} WHERE unit = ?1`).run(unit);
    this.#database.sql('DELETE FROM units WHERE id = ?1').run(unit);
    this.#sources.forget();
    this.#versions.clear();
  }

  /** One step; `more` says that the next one may find something. */
  expireIds({ nowMs, bytesMax }: ArgumentOf<'expireIds'>): AnswerOf<'expireIds'> {
    this.#idBytes ??= integer(this.#database.sql('SELECT coalesce(sum(bytes), 0) AS bytes FROM ids').get() ?? {}, 'bytes');
    const rows = this.#database.sql('SELECT rowid, expires_at_ms, bytes FROM ids ORDER BY expires_at_ms, rowid LIMIT ?1').all(expireIdsMax);
    const remove = this.#database.sql('DELETE FROM ids WHERE rowid = ?1');
    let removed = 0;
    let boundHit = false;
    for (const row of rows) {
      const isOver = integer(row, 'expires_at_ms') <= nowMs;
      if (!isOver && this.#idBytes <= bytesMax) break;
      boundHit ||= !isOver;
      remove.run(integer(row, 'rowid'));
      this.#idBytes -= integer(row, 'bytes');
      removed += 1;
    }
    return { removed, boundHit, more: removed === expireIdsMax };
  }

  /** The checks of COMMIT after those of token and retry, in the protocol's order; undefined: go on and write. */
  #refusal(
    unit: number,
    source: StoredSource,
    commit: PackedCommit,
    unpacked: Unpacked,
    idsBefore: readonly (SqlRow | undefined)[],
  ): CommitResult | undefined {
    if (commit.ordinal !== source.ordinal + 1) return { kind: 'rollback' };
    for (const [from, to] of commit.done) {
      const offset = source.done.firstDone(from, to);
      if (offset !== undefined) return { kind: 'conflict', detail: `offset ${offset} is already done` };
    }
    if (commit.expectedFrontier !== undefined && commit.expectedFrontier !== source.done.frontier) {
      return { kind: 'conflict', detail: `the frontier is ${source.done.frontier}, not ${commit.expectedFrontier}` };
    }
    const pop = commit.parking === undefined ? undefined : this.#parked.wrongPop(source.id, commit.parking);
    if (pop !== undefined) return { kind: 'conflict', detail: `offset ${pop} is not the first parked event of its key` };
    const duplicates = unpacked.ids.filter((_, index) => isOpen(idsBefore[index], commit.nowMs)).map(({ id }) => id);
    if (duplicates.length > 0) return { kind: 'duplicate', ids: duplicates.map(toText) };
    const unknown = unpacked.knownIds.filter(id => this.#knownId(unit, id, commit.nowMs) === undefined);
    if (unknown.length > 0) return { kind: 'unknown', ids: unknown.map(toText) };
    const stale = unpacked.reads.filter(({ key, version }) => this.#version(unit, key) !== version);
    return stale.length > 0 ? { kind: 'stale', keys: stale.map(({ key }) => toText(key)) } : undefined;
  }

  #write(unit: number, commit: PackedCommit, { writes, ids }: Unpacked, idsBefore: readonly (SqlRow | undefined)[]): void {
    const upsert = this.#database.sql(
      'INSERT INTO state (unit, key, version, value) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET version = ?3, value = ?4',
    );
    for (const [index, { key, value }] of writes.entries()) {
      const version = value === null ? null : `${commit.id}:${index}`;
      if (value === null) this.#database.sql('DELETE FROM state WHERE unit = ?1 AND key = ?2').run(unit, key);
      else upsert.run(unit, key, version, value);
      this.#remember(unit, key, version);
    }
    const remember = this.#database.sql('INSERT OR REPLACE INTO ids (unit, id, expires_at_ms, bytes, answer) VALUES (?1, ?2, ?3, ?4, ?5)');
    for (const [index, { id, answer, expiresAtMs }] of ids.entries()) {
      const before = idsBefore[index];
      const size = id.length + (answer?.length ?? 0) + idOverheadBytes;
      remember.run(unit, id, expiresAtMs, size, answer);
      if (this.#idBytes !== undefined) this.#idBytes += size - (before === undefined ? 0 : integer(before, 'bytes'));
    }
  }

  /** Answers the ends of the slots that were appended to. */
  #emit(source: StoredSource, commit: PackedCommit): number[] {
    if (this.#emits === 'inline') {
      const { chunks, data } = commit.emits;
      this.#log.append(chunks, data, commit.nowMs);
      source.counter += chunks.reduce((sum, { records }) => sum + records, 0);
      return chunks.map(({ slot }) => this.#log.end(slot));
    }
    const insert = this.#database.sql(
      'INSERT INTO outbox (source, generation, counter, stream, topic, partition, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)',
    );
    commit.emits.chunks.forEach(({ byteOffset, byteLength }, index) => {
      const target = commit.emits.targets[index];
      if (target === undefined) return;
      source.counter += 1;
      const payload = new Uint8Array(commit.emits.data, byteOffset, byteLength);
      insert.run(source.id, source.generation, source.counter, commit.stream, target.topic, target.partition, payload);
    });
    return [];
  }

  #advance(source: StoredSource, commit: PackedCommit): void {
    for (const offset of commit.clearAttempts) {
      this.#database.sql('DELETE FROM attempts WHERE source = ?1 AND offset = ?2').run(source.id, offset);
    }
    if (commit.highSeqOffset > source.highSeqOffset) {
      for (const [stream, generation, counter] of commit.highSeqs) source.highSeqs.set(stream, { generation, counter });
      source.highSeqOffset = commit.highSeqOffset;
      this.#sources.writeHighSeqs(source);
    }
    for (const [from, to] of commit.done) source.done.add(from, to);
  }

  #version(unit: number, key: Uint8Array): string | null {
    const known = this.#versions.get(versionKey(unit, key));
    if (known !== undefined) return known;
    const row = this.#database.sql('SELECT version FROM state WHERE unit = ?1 AND key = ?2').get(unit, key);
    return row === undefined ? null : text(row, 'version');
  }

  #remember(unit: number, key: Uint8Array, version: string | null): void {
    if (this.#versions.size >= versionsMax) this.#versions.clear();
    this.#versions.set(versionKey(unit, key), version);
  }

  #knownId(unit: number, id: Uint8Array, nowMs: number): SqlRow | undefined {
    const row = this.#storedId(unit, id);
    return isOpen(row, nowMs) ? row : undefined;
  }

  /** Its window may be over. */
  #storedId(unit: number, id: Uint8Array): SqlRow | undefined {
    return this.#database.sql('SELECT answer, expires_at_ms, bytes FROM ids WHERE unit = ?1 AND id = ?2').get(unit, id);
  }

  #owned(unit: string, name: string, ownerToken: string): StoredSource | undefined {
    const source = this.#sources.find(unit, name);
    return source?.ownerToken === ownerToken ? source : undefined;
  }

  #attempts(source: StoredSource): StoredAttempt[] {
    return this.#database
      .sql('SELECT offset, suspect, exclusive_crashes, failures FROM attempts WHERE source = ?1 ORDER BY offset')
      .all(source.id)
      .map(row => ({
        offset: integer(row, 'offset'),
        suspect: integer(row, 'suspect') === 1,
        exclusiveCrashes: integer(row, 'exclusive_crashes'),
        failures: integer(row, 'failures'),
      }));
  }

  #outbox(source: StoredSource): StoredOutboxEntry[] {
    return this.#database
      .sql('SELECT generation, counter, stream, topic, partition, payload FROM outbox WHERE source = ?1 ORDER BY generation, counter')
      .all(source.id)
      .map(row => ({
        generation: integer(row, 'generation'),
        counter: integer(row, 'counter'),
        stream: text(row, 'stream'),
        topic: text(row, 'topic'),
        partition: integer(row, 'partition'),
        payload: bytes(row, 'payload'),
      }));
  }
}

/** Its window is not over. */
function isOpen(id: SqlRow | undefined, nowMs: number): boolean {
  return id !== undefined && integer(id, 'expires_at_ms') > nowMs;
}

function applied(kind: 'ok' | 'already', source: StoredSource): CommitResult {
  return { kind, firstSeq: { generation: source.generation, counter: source.lastFirstCounter }, frontier: source.done.frontier };
}

function unpack(commit: PackedCommit): Unpacked {
  const reader = new PackedReader(commit.bytes);
  const reads = commit.readVersions.map(version => ({ key: reader.next(), version }));
  const writes = Array.from({ length: commit.writes }, () => ({ key: reader.next(), value: reader.nextOrNull() }));
  const ids = commit.idExpiries.map(expiresAtMs => ({ id: reader.next(), answer: reader.nextOrNull(), expiresAtMs }));
  const knownIds: Uint8Array[] = [];
  while (!reader.isAtEnd) knownIds.push(reader.next());
  return { reads, writes, ids, knownIds };
}

/** One character per byte: keys of any bytes stay different. */
function versionKey(unit: number, key: Uint8Array): string {
  return `${unit} ${Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')}`;
}

function toText(utf8: Uint8Array): string {
  return Buffer.from(utf8.buffer, utf8.byteOffset, utf8.byteLength).toString('utf8');
}
