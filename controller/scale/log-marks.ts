/**
 * What is known of one partition's log: which end it had when. From that comes the age of any offset, without a fetch and without trusting the time
 * that a producer wrote into a record: an offset is as old as the last moment at which the log had not passed it.
 */
export class LogMarks {
  /**
   * Pairs, ascending in both: an end, and when the log was last seen to stand there. Plain numbers in one piece: a server may keep millions of them, and
   * as objects they would cost the collector of garbage more than scaling itself.
   */
  #pairs = new Float64Array(2 * marksAtFirst);
  #count = 0;
  /** When the oldest of them was seen first. */
  #firstMs = 0;
  /** What lies below all of them is at least that old. */
  #belowMs = 0;
  #end: number | undefined;
  /** Where `rate` found what it looked for: the next time it is there or nearby. */
  #hint = 0;

  get end(): number | undefined {
    return this.#end;
  }

  /** When the log was last seen to stand at its end. */
  get endMs(): number {
    return this.#lastMsOf(this.#count - 1);
  }

  /** An end that goes back (a topic made anew) begins again. */
  add(end: number, atMs: number): void {
    const last = this.#end;
    if (last === end) {
      this.#pairs[2 * this.#count - 1] = atMs;
      return;
    }
    if (last !== undefined && end < last) this.#count = 0;
    if (this.#count === marksMax) this.#thin();
    if (2 * this.#count === this.#pairs.length) this.#grow();
    if (this.#count === 0) this.#firstMs = this.#belowMs = atMs;
    this.#pairs[2 * this.#count] = end;
    this.#pairs[2 * this.#count + 1] = atMs;
    this.#count += 1;
    this.#end = end;
  }

  /** How old the event at `offset` is; 0 when the log has not passed it. Where all marks are above it, it is at least as old as the first one. */
  ageMs(offset: number, atMs: number): number {
    if (this.#end === undefined || offset >= this.#end) return 0;
    const passed = this.#firstAbove(offset);
    return Math.max(0, atMs - (passed === 0 ? this.#belowMs : this.#lastMsOf(passed - 1)));
  }

  /**
   * The event at `offset` came then, and all before it are done: the log stood there until that time. Never earlier than it was seen to stand there, and
   * never later than `passedMs`, when it was seen to have passed it; of what nobody saw coming the first look is that time.
   */
  learn(offset: number, cameMs: number, passedMs: number): void {
    if (this.#end === undefined || offset >= this.#end) return;
    const passed = this.#firstAbove(offset);
    if (passed === 0) this.#belowMs = Math.min(cameMs, this.#firstMs);
    else this.#pairs[2 * passed - 1] = Math.max(this.#lastMsOf(passed - 1), Math.min(cameMs, passedMs));
  }

  /** The first mark above an offset that is below the end. */
  #firstAbove(offset: number): number {
    // What waits came mostly a moment ago: from the end on, in steps that double.
    let high = this.#count - 1;
    let low = high;
    for (let step = 1; low > 0 && this.#endOf(low - 1) > offset; step *= 2) {
      high = low - 1;
      low = Math.max(0, high - step);
    }
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#endOf(middle) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Whether the age of the event at `offset` is more than a lower bound: the log was seen before it passed it. */
  covers(offset: number): boolean {
    return this.#count > 0 && this.#endOf(0) <= offset;
  }

  /** Events per second since about `ms` ago. */
  rate(atMs: number, ms: number): number {
    const end = this.#end;
    if (end === undefined) return 0;
    let low = Math.min(this.#hint, this.#count);
    while (low > 0 && this.#lastMsOf(low - 1) > atMs - ms) low -= 1;
    while (low < this.#count && this.#lastMsOf(low) <= atMs - ms) low += 1;
    this.#hint = low;
    const from = Math.max(0, low - 1);
    if (this.#endOf(from) === end) return 0;
    const fromMs = Math.max(this.#lastMsOf(from), atMs - ms);
    return atMs <= fromMs ? 0 : ((end - this.#endOf(from)) * 1_000) / (atMs - fromMs);
  }

  #endOf(index: number): number {
    return this.#pairs[2 * index] ?? 0;
  }

  #lastMsOf(index: number): number {
    return this.#pairs[2 * index + 1] ?? 0;
  }

  #grow(): void {
    const pairs = new Float64Array(Math.min(2 * this.#pairs.length, 2 * marksMax));
    pairs.set(this.#pairs);
    this.#pairs = pairs;
  }

  /** Every second one of the older half goes: the older an offset, the less its age needs to be exact. */
  #thin(): void {
    const half = this.#count >> 1;
    const kept = (half + 1) >> 1;
    for (let index = 1; index < kept; index += 1) {
      this.#pairs[2 * index] = this.#endOf(2 * index);
      this.#pairs[2 * index + 1] = this.#lastMsOf(2 * index);
    }
    this.#pairs.copyWithin(2 * kept, 2 * half, 2 * this.#count);
    this.#count += kept - half;
  }
}

/** Most partitions of most functions see few events. */
const marksAtFirst = 4;
/** 48 s without loss at one mark a second. */
const marksMax = 96;
