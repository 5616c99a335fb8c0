import { unclearedBytes } from '../runtime/protocol/intrinsics.ts';

/** Smaller ones are made anew: the allocator has them at hand. */
const bytesMin = 32 * 1024;

/**
 * Large buffers that were done with, of batches that were sent and answers that were read, for those that come. They are what a busy server allocates most of, and it is by
 * their bytes that the collector is called: each time it copies all events in flight.
 */
export class RecycledBuffers {
  /** By size, which are powers of two. */
  readonly #free = new Map<number, Uint8Array<ArrayBuffer>[]>();
  readonly #keptBytesMax: number;
  #keptBytes = 0;

  /** What is kept for the next ones at most. */
  constructor(keptBytesMax: number) {
    this.#keptBytesMax = keptBytesMax;
  }

  /** At least so many bytes, with whatever was in them. */
  take(bytes: number): Uint8Array<ArrayBuffer> {
    if (bytes < bytesMin) return unclearedBytes(bytes);
    const size = 2 ** Math.ceil(Math.log2(bytes));
    for (let larger = size; larger <= this.#keptBytesMax; larger *= 2) {
      const free = this.#free.get(larger)?.pop();
      if (free === undefined) continue;
      this.#keptBytes -= larger;
      return free;
    }
    return unclearedBytes(size);
  }

  /** The buffer of these bytes, which nobody reads any more. Smaller ones make room for it: they are cheaper to make anew. */
  giveBack({ buffer }: Uint8Array<ArrayBuffer>): void {
    const size = buffer.byteLength;
    if (size < bytesMin || (size & (size - 1)) !== 0 || size > this.#keptBytesMax) return;
    for (let smaller = bytesMin; this.#keptBytes + size > this.#keptBytesMax; ) {
      if (smaller === size) return;
      if (this.#free.get(smaller)?.pop() === undefined) smaller *= 2;
      else this.#keptBytes -= smaller;
    }
    const free = this.#free.get(size);
    if (free === undefined) this.#free.set(size, [new Uint8Array(buffer)]);
    else free.push(new Uint8Array(buffer));
    this.#keptBytes += size;
  }

  /** Keeps none of those that it has. */
  clear(): void {
    this.#free.clear();
    this.#keptBytes = 0;
  }
}
