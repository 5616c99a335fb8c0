/** Smaller ones are made anew: the allocator has them at hand. */
const bytesMin = 32 * 1024;
/** What is kept for the next batches. */
const keptBytesMax = 4 * 2 ** 20;

/**
 * Buffers of batches that were sent, for those that come. Large buffers are what a busy server allocates most of, and it is by their bytes that the
 * collector is called: each time it copies all events in flight.
 */
export class BatchBuffers {
  /** By size, which are powers of two. */
  readonly #free = new Map<number, Uint8Array<ArrayBuffer>[]>();
  #keptBytes = 0;

  /** At least so many bytes, with whatever was in them. */
  take(bytes: number): Uint8Array<ArrayBuffer> {
    if (bytes < bytesMin) return new Uint8Array(bytes);
    const size = 2 ** Math.ceil(Math.log2(bytes));
    const free = this.#free.get(size)?.pop();
    if (free === undefined) return new Uint8Array(size);
    this.#keptBytes -= size;
    return free;
  }

  /** The buffer of these bytes, which nobody reads any more. */
  giveBack({ buffer }: Uint8Array<ArrayBuffer>): void {
    const size = buffer.byteLength;
    if (size < bytesMin || (size & (size - 1)) !== 0 || this.#keptBytes + size > keptBytesMax) return;
    const free = this.#free.get(size);
    if (free === undefined) this.#free.set(size, [new Uint8Array(buffer)]);
    else free.push(new Uint8Array(buffer));
    this.#keptBytes += size;
  }
}
