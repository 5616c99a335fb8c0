import { recordEnd } from '../../../runtime/protocol/record.ts';
import type { Database } from './database.ts';
import { bytes, integer, type SqlRow } from './driver.ts';
import type { LogChunk, LogSlice, SlotRange } from './operations.ts';
import type { Chunk } from './record-codec.ts';

interface Tail {
  end: number;
  /** Bytes ever appended to the slot. */
  total: number;
}

interface OpenChunk {
  readonly firstOffset: number;
  records: number;
  atMs: number;
  total: number;
  byteLength: number;
  readonly parts: Uint8Array[];
}

/** Small appends of one transaction are joined up to this size, so that many writers cost one row. */
const chunkBytesMax = 64 * 1024;
/** What is larger is bulk, and is read from the table. */
const tailChunkBytesMax = 16 * 1024;
/** Rows removed per step of retention: a step holds up the other writers of its group. */
const expireRowsMax = 64;
/** Kept in memory at most; forgotten ones are read again. */
const tailsMax = 50_000;

/**
 * The log of all topics (worker thread): SQL over `log` and `log_ends`. A row is a chunk of consecutive records, its id is
 * slot << 40 | first offset. Appends become rows when the transaction ends, in `flush`.
 */
export class LogTable {
  readonly #database: Database;
  readonly #tails = new Map<number, Tail>();
  readonly #open = new Map<number, OpenChunk>();
  #written: LogChunk[] = [];

  constructor(database: Database) {
    this.#database = database;
  }

  /** Answers the first offset of each chunk. */
  append(chunks: readonly Chunk[], data: ArrayBuffer, atMs: number): number[] {
    return chunks.map(chunk => this.#append(chunk, new Uint8Array(data, chunk.byteOffset, chunk.byteLength), atMs));
  }

  /** Where the next record of the slot goes, with what the running transaction appended. */
  end(slot: number): number {
    return this.#tail(slot).end;
  }

  /** Answers the small ones of the chunks that the transaction has written; their buffers can change hands. */
  flush(): readonly LogChunk[] {
    for (const [slot, chunk] of this.#open) this.#insert(slot, chunk);
    this.#open.clear();
    if (this.#tails.size > tailsMax) this.#tails.clear();
    const written = this.#written;
    this.#written = [];
    return written;
  }

  /** The running transaction is undone. */
  forget(): void {
    this.#open.clear();
    this.#tails.clear();
    this.#written = [];
  }

  read({ slot, fromOffset, ...limit }: { slot: number; fromOffset: number; records: number; bytes: number }): LogSlice {
    const slices: { firstOffset: number; atMs: number }[] = [];
    const buffers: ArrayBuffer[] = [];
    const endOffset = this.end(slot);
    const left = { ...limit, nothingYet: true };
    let nextOffset = fromOffset;
    for (const row of this.#rowsFrom(slot, fromOffset)) {
      const piece = cut(row, fromOffset, left);
      if (piece === undefined) continue;
      if (piece.records > 0) {
        slices.push({ firstOffset: piece.firstOffset, atMs: integer(row, 'at_ms') });
        buffers.push(piece.buffer);
        nextOffset = piece.firstOffset + piece.records;
      }
      if (!piece.toTheEnd) return { slices, buffers, nextOffset, endOffset };
    }
    return { slices, buffers, nextOffset: Math.max(fromOffset, endOffset), endOffset };
  }

  bounds({ firstSlot, partitions }: SlotRange): { startOffset: number; endOffset: number }[] {
    return Array.from({ length: partitions }, (_, partition) => {
      const endOffset = this.end(firstSlot + partition);
      return { startOffset: this.#chunkAt(firstSlot + partition, 0)?.firstOffset ?? endOffset, endOffset };
    });
  }

  /** The first offset of each partition that was appended at or after `timeMs`. A clock that went back makes it approximate. */
  offsetsAt({ firstSlot, partitions, timeMs }: SlotRange & { timeMs: number }): number[] {
    return Array.from({ length: partitions }, (_, partition) => {
      const slot = firstSlot + partition;
      let low = 0;
      let high = this.end(slot);
      while (low < high) {
        const middle = Math.floor((low + high) / 2);
        const chunk = this.#chunkAt(slot, middle);
        if (chunk === undefined || chunk.atMs >= timeMs) high = middle;
        else low = chunk.firstOffset + chunk.records;
      }
      return this.#chunkAt(slot, low)?.firstOffset ?? this.end(slot);
    });
  }

  /** One step of retention of a slot; answers how many records went and whether there may be more to remove. */
  expire(slot: number, oldestMs: number, bytesMax: number): { removed: number; more: boolean } {
    const { total } = this.#tail(slot);
    const rows = this.#database
      .sql(
        `SELECT id & 1099511627775 AS first, records, at_ms, total, length(data) AS size FROM log
         WHERE id >= ?1 << 40 AND id < (?1 + 1) << 40 ORDER BY id LIMIT ?2`,
      )
      .all(slot, expireRowsMax);
    const gone = rows.findIndex(row => {
      const bytesFromHere = total - integer(row, 'total') + integer(row, 'size');
      return integer(row, 'at_ms') >= oldestMs && bytesFromHere <= bytesMax;
    });
    const doomed = gone === -1 ? rows : rows.slice(0, gone);
    const last = doomed.at(-1);
    if (last !== undefined) this.#deleteUpTo(slot, integer(last, 'first'));
    return { removed: doomed.reduce((sum, row) => sum + integer(row, 'records'), 0), more: doomed.length === expireRowsMax };
  }

  deleteSlots({ firstSlot, partitions }: SlotRange): void {
    this.#database.sql('DELETE FROM log WHERE id >= ?1 << 40 AND id < ?2 << 40').run(firstSlot, firstSlot + partitions);
    this.#database.sql('DELETE FROM log_ends WHERE slot >= ?1 AND slot < ?2').run(firstSlot, firstSlot + partitions);
    for (let slot = firstSlot; slot < firstSlot + partitions; slot += 1) this.#tails.delete(slot);
  }

  #append({ slot, records }: Chunk, part: Uint8Array, atMs: number): number {
    const tail = this.#tail(slot);
    const firstOffset = tail.end;
    tail.end += records;
    tail.total += part.length;
    let chunk = this.#open.get(slot);
    if (chunk !== undefined && chunk.byteLength + part.length > chunkBytesMax) {
      this.#insert(slot, chunk);
      chunk = undefined;
    }
    chunk ??= { firstOffset, records: 0, atMs, total: 0, byteLength: 0, parts: [] };
    this.#open.set(slot, chunk);
    chunk.parts.push(part);
    chunk.records += records;
    chunk.byteLength += part.length;
    chunk.atMs = Math.max(chunk.atMs, atMs);
    chunk.total = tail.total;
    return firstOffset;
  }

  #insert(slot: number, chunk: OpenChunk): void {
    const { firstOffset, records, atMs, byteLength } = chunk;
    const data = joined(chunk.parts, byteLength);
    if (byteLength <= tailChunkBytesMax) this.#written.push({ slot, firstOffset, records, atMs, data: data.buffer });
    this.#database
      .sql('INSERT INTO log (id, records, at_ms, total, data) VALUES (?1 << 40 | ?2, ?3, ?4, ?5, ?6)')
      .run(slot, firstOffset, records, atMs, chunk.total, data);
  }

  #tail(slot: number): Tail {
    const known = this.#tails.get(slot);
    if (known !== undefined) return known;
    const row =
      this.#database
        .sql(
          `SELECT (id & 1099511627775) + records AS end, total FROM log
           WHERE id >= ?1 << 40 AND id < (?1 + 1) << 40 ORDER BY id DESC LIMIT 1`,
        )
        .get(slot) ?? this.#database.sql('SELECT end, total FROM log_ends WHERE slot = ?1').get(slot);
    const tail = row === undefined ? { end: 0, total: 0 } : { end: integer(row, 'end'), total: integer(row, 'total') };
    this.#tails.set(slot, tail);
    return tail;
  }

  /** From the chunk that holds the offset, or the first one above it. */
  #rowsFrom(slot: number, offset: number): IterableIterator<SqlRow> {
    return this.#database
      .sql(
        `SELECT id & 1099511627775 AS first, records, at_ms, data FROM log
         WHERE id >= coalesce((SELECT max(id) FROM log WHERE id >= ?1 << 40 AND id <= (?1 << 40 | ?2)), ?1 << 40)
           AND id < (?1 + 1) << 40 ORDER BY id`,
      )
      .iterate(slot, offset);
  }

  /** The chunk that holds the offset, or the first one above it. */
  #chunkAt(slot: number, offset: number): { firstOffset: number; records: number; atMs: number } | undefined {
    const rows = this.#database
      .sql(
        `SELECT id & 1099511627775 AS first, records, at_ms FROM log
         WHERE id >= coalesce((SELECT max(id) FROM log WHERE id >= ?1 << 40 AND id <= (?1 << 40 | ?2)), ?1 << 40)
           AND id < (?1 + 1) << 40 ORDER BY id LIMIT 2`,
      )
      .all(slot, offset);
    const row = rows.find(candidate => integer(candidate, 'first') + integer(candidate, 'records') > offset);
    if (row === undefined) return undefined;
    return { firstOffset: integer(row, 'first'), records: integer(row, 'records'), atMs: integer(row, 'at_ms') };
  }

  #deleteUpTo(slot: number, firstOffset: number): void {
    const tail = this.#tail(slot);
    this.#database.sql('DELETE FROM log WHERE id >= ?1 << 40 AND id <= (?1 << 40 | ?2)').run(slot, firstOffset);
    this.#database
      .sql('INSERT INTO log_ends (slot, end, total) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET end = ?2, total = ?3')
      .run(slot, tail.end, tail.total);
  }
}

function joined(parts: readonly Uint8Array[], byteLength: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(byteLength);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * The records of a row from an offset on, as many as are left; undefined: all of them are below it. Takes them from `left`, in bytes as
 * they are stored, which is more than their payload.
 */
function cut(
  row: SqlRow,
  fromOffset: number,
  left: { records: number; bytes: number; nothingYet: boolean },
): { firstOffset: number; records: number; buffer: ArrayBuffer; toTheEnd: boolean } | undefined {
  const first = integer(row, 'first');
  if (first + integer(row, 'records') <= fromOffset) return undefined;
  const stored = bytes(row, 'data');
  let start = 0;
  for (let offset = first; offset < fromOffset; offset += 1) start = recordEnd(stored, start);
  let end = start;
  let records = 0;
  while (end < stored.length && left.records > 0) {
    const next = recordEnd(stored, end);
    if (!left.nothingYet && next - end > left.bytes) break;
    left.records -= 1;
    left.bytes -= next - end;
    left.nothingYet = false;
    records += 1;
    end = next;
  }
  return { firstOffset: Math.max(first, fromOffset), records, buffer: ownBuffer(stored, start, end), toTheEnd: end === stored.length };
}

/** A buffer that can change hands: the driver's own where it holds nothing else. */
function ownBuffer(stored: Uint8Array, start: number, end: number): ArrayBuffer {
  const { buffer } = stored;
  if (start === 0 && end === buffer.byteLength && buffer instanceof ArrayBuffer) return buffer;
  return Uint8Array.from(stored.subarray(start, end)).buffer;
}
