import type { ReadLimit, ReadResult, StreamRecord } from '../../ports/streams.ts';
import type { LogChunk } from './operations.ts';
import { unpackRecords } from './record-codec.ts';

/** Kept of one slot, and of all. Readers at the end of the log are milliseconds behind; whoever is further behind reads the table. */
const bytesMax = { ofSlot: 128 * 1024, ofAll: 4 * 2 ** 20 };
/** What a chunk costs besides its bytes, about. */
const chunkOverheadBytes = 200;

/** Consecutive chunks: each begins where the one before it ends. */
interface SlotTail {
  readonly chunks: LogChunk[];
  bytes: number;
}

/**
 * The youngest records of the log (main thread), all of them durable: a reader that waits at the end gets them without asking the thread of the
 * database, where a question waits for the transaction that is being written. It never passes an offset over: where a chunk is missing (it was
 * large), what came before it is forgotten.
 */
export class LogTail {
  readonly #slots = new Map<number, SlotTail>();
  #bytes = 0;

  /** In the order of the log. */
  add(chunks: readonly LogChunk[]): void {
    for (const chunk of chunks) this.#add(chunk);
    if (this.#bytes > bytesMax.ofAll) this.forget();
  }

  /** undefined: ask the log. */
  read(slot: number, fromOffset: number, limit: ReadLimit): ReadResult | undefined {
    const chunks = this.#slots.get(slot)?.chunks ?? [];
    const first = chunks.findLastIndex(({ firstOffset }) => firstOffset <= fromOffset);
    const records: StreamRecord[] = [];
    let bytes = 0;
    for (const chunk of first === -1 ? [] : chunks.slice(first)) {
      for (const record of unpackRecords(new Uint8Array(chunk.data), chunk.firstOffset, chunk.atMs)) {
        if (record.offset < fromOffset) continue;
        bytes += record.packed?.packedBytes ?? 0;
        if (records.length === limit.records || (records.length > 0 && bytes > limit.bytes)) return answer(records);
        records.push(record);
      }
    }
    return answer(records);
  }

  forget(): void {
    this.#slots.clear();
    this.#bytes = 0;
  }

  #add(chunk: LogChunk): void {
    const tail = this.#slots.get(chunk.slot) ?? { chunks: [], bytes: 0 };
    this.#slots.set(chunk.slot, tail);
    const last = tail.chunks.at(-1);
    if (last !== undefined && last.firstOffset + last.records !== chunk.firstOffset) this.#drop(tail, tail.chunks.length);
    tail.chunks.push(chunk);
    tail.bytes += sizeOf(chunk);
    this.#bytes += sizeOf(chunk);
    let surplus = 0;
    for (let over = tail.bytes - bytesMax.ofSlot; over > 0; surplus += 1) over -= sizeOf(tail.chunks[surplus] ?? chunk);
    this.#drop(tail, surplus);
  }

  #drop(tail: SlotTail, chunks: number): void {
    for (const gone of tail.chunks.splice(0, chunks)) {
      tail.bytes -= sizeOf(gone);
      this.#bytes -= sizeOf(gone);
    }
  }
}

function answer(records: readonly StreamRecord[]): ReadResult | undefined {
  const last = records.at(-1);
  return last === undefined ? undefined : { records, nextOffset: last.offset + 1 };
}

function sizeOf({ data }: LogChunk): number {
  return data.byteLength + chunkOverheadBytes;
}
