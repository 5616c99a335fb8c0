export type OffsetRange = readonly [from: number, to: number];

/** A set of offsets as half-open ranges, ascending and disjoint: what comes in rising order is one comparison. */
export class OffsetRanges {
  #ranges: [from: number, to: number][] = [];

  constructor(offsets: Iterable<number> = []) {
    for (const offset of offsets) this.add(offset, offset + 1);
  }

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  /** How many offsets are in it. */
  get size(): number {
    return this.#ranges.reduce((sum, [from, to]) => sum + to - from, 0);
  }

  toArray(): readonly OffsetRange[] {
    return this.#ranges;
  }

  has(offset: number): boolean {
    const range = this.#ranges[this.#firstEndingAfter(offset)];
    return range !== undefined && range[0] <= offset;
  }

  add(from: number, to: number): void {
    if (from >= to) return;
    const last = this.#ranges.at(-1);
    if (last === undefined || last[1] < from) this.#ranges.push([from, to]);
    else if (last[1] === from) last[1] = to;
    else this.#merge(from, to);
  }

  addAll(others: OffsetRanges): void {
    for (const [from, to] of others.#ranges) this.add(from, to);
  }

  remove(offset: number): void {
    const at = this.#firstEndingAfter(offset);
    const range = this.#ranges[at];
    if (range === undefined || range[0] > offset) return;
    const parts: [number, number][] = [
      [range[0], offset],
      [offset + 1, range[1]],
    ];
    this.#ranges.splice(at, 1, ...parts.filter(([from, to]) => from < to));
  }

  /** Forgets all offsets below. */
  dropBelow(offset: number): void {
    const at = this.#firstEndingAfter(offset);
    if (at > 0) this.#ranges.splice(0, at);
    const first = this.#ranges[0];
    if (first !== undefined && first[0] < offset) first[0] = offset;
  }

  #merge(from: number, to: number): void {
    const at = this.#firstEndingAfter(from - 1);
    let end = at;
    let [low, high] = [from, to];
    for (let range = this.#ranges[end]; range !== undefined && range[0] <= to; range = this.#ranges[end]) {
      low = Math.min(low, range[0]);
      high = Math.max(high, range[1]);
      end += 1;
    }
    this.#ranges.splice(at, end - at, [low, high]);
  }

  /** Index of the first range whose end is above the offset. */
  #firstEndingAfter(offset: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ranges[middle]?.[1] ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
