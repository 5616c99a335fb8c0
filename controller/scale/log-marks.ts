/**
 * What is known of one partition's log: which end it had when. From that comes the age of any offset, without a fetch and without trusting the time
 * that a producer wrote into a record: an offset is as old as the last moment at which the log had not passed it.
 */
export class LogMarks {
  /** Ascending in both; a mark holds from `firstMs` to `lastMs`, while the end stood still. */
  readonly #marks: { readonly end: number; readonly firstMs: number; lastMs: number }[] = [];

  get end(): number | undefined {
    return this.#marks.at(-1)?.end;
  }

  /** An end that goes back (a topic made anew) begins again. */
  add(end: number, atMs: number): void {
    const last = this.#marks.at(-1);
    if (last !== undefined && end === last.end) {
      last.lastMs = atMs;
      return;
    }
    if (last !== undefined && end < last.end) this.#marks.length = 0;
    this.#marks.push({ end, firstMs: atMs, lastMs: atMs });
    if (this.#marks.length > marksMax) this.#thin();
  }

  /** How old the event at `offset` is; 0 when the log has not passed it. Where all marks are above it, it is at least as old as the first one. */
  ageMs(offset: number, atMs: number): number {
    if (offset >= (this.end ?? 0)) return 0;
    let low = 0;
    let high = this.#marks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#marks[middle]?.end ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    const before = this.#marks[low - 1];
    return Math.max(0, atMs - (before === undefined ? (this.#marks[0]?.firstMs ?? atMs) : before.lastMs));
  }

  /** Whether the age of the event at `offset` is more than a lower bound: the log was seen before it passed it. */
  covers(offset: number): boolean {
    return (this.#marks[0]?.end ?? Number.POSITIVE_INFINITY) <= offset;
  }

  /** Events per second since about `ms` ago. */
  rate(atMs: number, ms: number): number {
    const { end } = this;
    if (end === undefined) return 0;
    let low = 0;
    let high = this.#marks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#marks[middle]?.lastMs ?? 0) <= atMs - ms) low = middle + 1;
      else high = middle;
    }
    const from = this.#marks[Math.max(0, low - 1)];
    if (from === undefined || from.end === end) return 0;
    const fromMs = Math.max(from.lastMs, atMs - ms);
    return atMs <= fromMs ? 0 : ((end - from.end) * 1_000) / (atMs - fromMs);
  }

  /** Every second one of the older half goes: the older an offset, the less its age needs to be exact. */
  #thin(): void {
    const half = this.#marks.length >> 1;
    const kept = this.#marks.filter((_, index) => index >= half || index % 2 === 0);
    this.#marks.splice(0, this.#marks.length, ...kept);
  }
}

/** 48 s without loss at one mark a second. */
const marksMax = 96;
