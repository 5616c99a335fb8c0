import { LogMarks } from './log-marks.ts';

export interface PartitionSample {
  readonly name: string;
  readonly endOffset: number;
  /** Every offset below it is done, or gone from the log. */
  readonly frontier: number;
  readonly doneAbove: number;
  /** When the log took the oldest event that is not done, as its dispatcher says; undefined: none has read it. */
  readonly oldestAppendedAtMs?: number | undefined;
}

/** What is kept of one partition from tick to tick. */
export class PartitionRow {
  readonly name: string;
  readonly marks = new LogMarks();
  /** As it was read last. */
  frontier = 0;
  waitingEvents = 0;
  /** By the last minute, in events per second. */
  rateSlow = 0;
  /** Offsets that the log passed while nobody looked, the last time that this was so, and when it was seen. Those of whose time was heard are not among them. */
  #gapFrom = 0;
  #gapTo = 0;
  #gapAtMs = 0;
  /** Since when what waits at the frontier has no time. */
  #unsureSinceMs: number | undefined;

  constructor(name: string) {
    this.name = name;
  }

  take({ endOffset, frontier, doneAbove, oldestAppendedAtMs }: PartitionSample, now: Moment): void {
    const { marks } = this;
    const { steadyMs } = now;
    if (marks.end !== undefined && endOffset !== marks.end) {
      const isGap = endOffset > marks.end && steadyMs - marks.endMs > lookMsMax;
      if (isGap) [this.#gapFrom, this.#gapTo, this.#gapAtMs] = [marks.end, endOffset, steadyMs];
      else if (endOffset < marks.end) this.#gapTo = 0;
    }
    marks.add(endOffset, steadyMs);
    if (frontier !== this.frontier) this.#unsureSinceMs = undefined;
    this.frontier = frontier;
    this.waitingEvents = Math.max(0, endOffset - frontier - doneAbove);
    if (this.waitingEvents === 0) this.#unsureSinceMs = undefined;
    else if (oldestAppendedAtMs === undefined) this.#unsureSinceMs ??= steadyMs;
    else this.hear(frontier, oldestAppendedAtMs, now);
  }

  /**
   * When the log took the oldest event that is not done, the one at `frontier` at that time. It counts where the log was not looked at each second: between two looks,
   * and before the first one. Elsewhere the looks know it as well, and no producer's clock can deceive them.
   */
  hear(frontier: number, appendedAtMs: number, { atMs, steadyMs }: Moment): void {
    if (frontier !== this.frontier) return;
    this.#unsureSinceMs = Number.POSITIVE_INFINITY;
    // Kafka says -1 of a record without a time, and a log that cannot be read says 0.
    if (!(appendedAtMs > 0)) return;
    const cameMs = steadyMs - (atMs - appendedAtMs);
    if (!this.marks.covers(frontier)) this.marks.learn(frontier, cameMs, steadyMs);
    else if (this.#isInGap(frontier)) {
      this.marks.learn(frontier, cameMs, this.#gapAtMs);
      this.#gapFrom = frontier + 1;
    }
  }

  /** Of the oldest event that waits; 0: none does. */
  ageMs(steadyMs: number): number {
    if (this.waitingEvents === 0) return 0;
    // A pod too many stays for minutes, and its time is heard a moment later.
    const seenMs = steadyMs - this.#gapAtMs;
    if (this.#isInGap(this.frontier) && seenMs < hearMsMax) return seenMs;
    return this.marks.ageMs(this.frontier, steadyMs);
  }

  /** Nobody has said for a while when its oldest event came, and no look has seen it. */
  isUnsure(steadyMs: number): boolean {
    if (this.#unsureSinceMs === undefined || steadyMs - this.#unsureSinceMs < askAfterMs) return false;
    return !this.marks.covers(this.frontier) || this.#isInGap(this.frontier);
  }

  #isInGap(offset: number): boolean {
    return offset >= this.#gapFrom && offset < this.#gapTo;
  }
}

/** The same moment by both clocks. */
interface Moment {
  readonly atMs: number;
  readonly steadyMs: number;
}

/** Looks that are no further apart say well enough when an event came. */
const lookMsMax = 1_500;
/** A dispatcher that has the partition has read the event by then, and said so. */
const askAfterMs = 2_000;
/** Who has not heard by then when an event came takes it to be as old as it can be. */
const hearMsMax = 5_000;

/** The partitions of one function as they were read last, in that order. Which they are changes seldom, so that they are found by their place. */
export class PartitionRows {
  #rows: readonly PartitionRow[] = [];

  get all(): readonly PartitionRow[] {
    return this.#rows;
  }

  /** Those of the samples, in their order; others are forgotten. */
  of(samples: readonly { readonly name: string }[]): readonly PartitionRow[] {
    const isSame = samples.length === this.#rows.length && samples.every(({ name }, index) => this.#rows[index]?.name === name);
    if (isSame) return this.#rows;
    const known = new Map(this.#rows.map(row => [row.name, row]));
    this.#rows = samples.map(({ name }) => {
      const row = known.get(name) ?? new PartitionRow(name);
      known.set(name, row);
      return row;
    });
    return this.#rows;
  }
}
