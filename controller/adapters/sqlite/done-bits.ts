/**
 * Which offsets of a partition are done: all below the frontier, and above it one bit each. Setting and testing cost the same however many
 * gaps there are. Stored as the frontier and the bytes from its own byte on, up to the last that is not zero.
 */
export class DoneBits {
  #frontier: number;
  /** Offset of bit 0; a multiple of 8, at most the frontier. */
  #base: number;
  #bits: Uint8Array;

  constructor(frontier: number, stored: Uint8Array = new Uint8Array()) {
    this.#frontier = frontier;
    this.#base = byteStart(frontier);
    this.#bits = Uint8Array.from(stored);
  }

  get frontier(): number {
    return this.#frontier;
  }

  /** The first offset of [from, to) that is done already; undefined: none is. */
  firstDone(from: number, to: number): number | undefined {
    if (from < to && from < this.#frontier) return from;
    const end = Math.min(to, this.#base + this.#bits.length * 8);
    for (let offset = from; offset < end; offset += 1) if (this.#has(offset)) return offset;
    return undefined;
  }

  /** Marks [from, to) as done and advances the frontier over what is done. */
  add(from: number, to: number): void {
    if (from <= this.#frontier) this.#frontier = Math.max(this.#frontier, to);
    else this.#set(from, to);
    const end = this.#base + this.#bits.length * 8;
    while (this.#frontier < end && this.#has(this.#frontier)) this.#frontier += 1;
    this.#rebase();
  }

  /** Done offsets above the frontier, ascending. */
  above(): number[] {
    const offsets: number[] = [];
    const end = this.#base + this.#bits.length * 8;
    for (let offset = this.#frontier + 1; offset < end; offset += 1) if (this.#has(offset)) offsets.push(offset);
    return offsets;
  }

  /** To be given to the constructor together with the frontier. */
  stored(): Uint8Array {
    const from = (byteStart(this.#frontier) - this.#base) / 8;
    let to = this.#bits.length;
    while (to > from && this.#bits[to - 1] === 0) to -= 1;
    const nothingAbove = this.#base + to * 8 <= this.#frontier || (to === from + 1 && this.above().length === 0);
    return nothingAbove ? new Uint8Array() : this.#bits.slice(from, to);
  }

  #has(offset: number): boolean {
    const bit = offset - this.#base;
    return ((this.#bits[bit >>> 3] ?? 0) & (1 << (bit & 7))) !== 0;
  }

  #set(from: number, to: number): void {
    const bytes = Math.ceil((to - this.#base) / 8);
    if (bytes > this.#bits.length) {
      const grown = new Uint8Array(Math.max(bytes, this.#bits.length * 2));
      grown.set(this.#bits);
      this.#bits = grown;
    }
    for (let bit = from - this.#base; bit < to - this.#base; bit += 1) {
      this.#bits[bit >>> 3] = (this.#bits[bit >>> 3] ?? 0) | (1 << (bit & 7));
    }
  }

  /** Drops whole bytes below the frontier, seldom enough that it costs nothing per call. */
  #rebase(): void {
    if (this.#frontier - this.#base < 8192) return;
    const base = byteStart(this.#frontier);
    this.#bits = this.#bits.slice((base - this.#base) / 8);
    this.#base = base;
  }
}

function byteStart(offset: number): number {
  return offset - (offset % 8);
}
