import { PackedRecord, recordEnd } from '../../../runtime/protocol/record.ts';
import type { ReadLimit, StreamRecord } from '../../ports/streams.ts';
import { StoredRecord } from '../stored-record.ts';

/**
 * Records that were fetched and wait to be taken, in the order of their offsets. Ten thousands wait for seconds: only their bytes and numbers are held, in flat arrays,
 * because objects for each would be copied by one collection after the other.
 */
export class WaitingRecords {
  readonly #bytes: Uint8Array[] = [];
  readonly #places: number[] = [];
  readonly #offsets: number[] = [];
  readonly #times: number[] = [];

  get length(): number {
    return this.#places.length;
  }

  /** A packed record that begins at `at` of `bytes`. */
  add(offset: number, appendedAtMs: number, bytes: Uint8Array, at: number): void {
    this.#bytes.push(bytes);
    this.#places.push(at);
    this.#offsets.push(offset);
    this.#times.push(appendedAtMs);
  }

  slice(from: number, to: number): StreamRecord[] {
    const records: StreamRecord[] = [];
    for (let index = from; index < to; index += 1) {
      const bytes = this.#bytes[index];
      if (bytes === undefined) break;
      const packed = new PackedRecord(bytes, this.#places[index] ?? 0);
      records.push(new StoredRecord(this.#offsets[index] ?? 0, this.#times[index] ?? 0, packed));
    }
    return records;
  }

  /** Index after the last record that may be taken from `from` on; one may be, whatever its size. */
  endOf(from: number, { records: recordsMax, bytes: bytesMax }: ReadLimit): number {
    let bytes = 0;
    let to = from;
    for (const last = Math.min(this.length, from + recordsMax); to < last; to += 1) {
      const at = this.#places[to] ?? 0;
      bytes += recordEnd(this.#bytes[to] ?? none, at) - at;
      if (to > from && bytes > bytesMax) break;
    }
    return to;
  }

  /** The records from `from` on, and those of `next` behind them. */
  followedBy(next: WaitingRecords, from: number): WaitingRecords {
    const all = new WaitingRecords();
    all.#copy(this, from);
    all.#copy(next, 0);
    return all;
  }

  #copy(source: WaitingRecords, from: number): void {
    for (let index = from; index < source.length; index += 1) {
      this.add(source.#offsets[index] ?? 0, source.#times[index] ?? 0, source.#bytes[index] ?? none, source.#places[index] ?? 0);
    }
  }
}

const none = new Uint8Array(0);
