import { PackedRecord, recordEnd } from '../../../runtime/protocol/record.ts';
import type { ReadLimit, StreamRecord } from '../../ports/streams.ts';
import { StoredRecord } from '../stored-record.ts';

/** Records that one fetch answered, in the order of their offsets. */
export class FetchedRecords {
  readonly #bytes: Uint8Array[] = [];
  readonly #places: number[] = [];
  readonly #offsets: number[] = [];
  readonly #times: number[] = [];
  /** Of all of them. */
  bytes = 0;

  get length(): number {
    return this.#places.length;
  }

  /** A packed record that begins at `at` of `bytes`. */
  add(offset: number, appendedAtMs: number, bytes: Uint8Array, at: number): void {
    this.bytes += recordEnd(bytes, at) - at;
    this.#bytes.push(bytes);
    this.#places.push(at);
    this.#offsets.push(offset);
    this.#times.push(appendedAtMs);
  }

  /** What the record takes, in bytes. */
  bytesOf(index: number): number {
    const at = this.#places[index] ?? 0;
    return recordEnd(this.#bytes[index] ?? none, at) - at;
  }

  at(index: number): StreamRecord {
    const packed = new PackedRecord(this.#bytes[index] ?? none, this.#places[index] ?? 0);
    return new StoredRecord(this.#offsets[index] ?? 0, this.#times[index] ?? 0, packed);
  }
}

const none = new Uint8Array(0);

/**
 * Records that were fetched and wait to be taken. Ten thousands wait for seconds: only their bytes and numbers are held, in flat arrays that stay as they came,
 * because objects for each, and copies of the arrays, would be copied by one collection after the other.
 */
export class WaitingRecords {
  #fetched: FetchedRecords[] = [];
  /** First record of the first of them that was not taken. */
  #head = 0;
  #length = 0;
  #bytes = 0;

  get length(): number {
    return this.#length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(fetched: FetchedRecords): void {
    if (fetched.length === 0) return;
    this.#fetched.push(fetched);
    this.#length += fetched.length;
    this.#bytes += fetched.bytes;
  }

  /** The next records up to the limit; one may be taken, whatever its size. */
  take({ records: recordsMax, bytes: bytesMax }: ReadLimit): StreamRecord[] {
    const taken: StreamRecord[] = [];
    let bytes = 0;
    for (let first = this.#fetched[0]; first !== undefined && taken.length < recordsMax; first = this.#fetched[0]) {
      const more = first.bytesOf(this.#head);
      if (taken.length > 0 && bytes + more > bytesMax) break;
      taken.push(first.at(this.#head));
      bytes += more;
      this.#head += 1;
      if (this.#head < first.length) continue;
      this.#fetched.shift();
      this.#head = 0;
    }
    this.#length -= taken.length;
    this.#bytes -= bytes;
    return taken;
  }
}
