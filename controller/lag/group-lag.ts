import { LogMarks } from '../scale/log-marks.ts';
import type { LagFigures } from './decide-lag.ts';

/** One partition as the log and the group say. */
export interface PartitionProgress {
  readonly topic: string;
  readonly partition: number;
  readonly startOffset: number;
  readonly endOffset: number;
  /** Every event below it is done; undefined: the group has committed nothing here. */
  readonly frontier: number | undefined;
  /** Events above it that are done as well. */
  readonly doneAbove: number;
}

export interface PartitionLag {
  readonly topic: string;
  readonly partition: number;
  readonly lagEvents: number;
  readonly committedOffset: number;
  readonly endOffset: number;
}

export interface GroupLag extends LagFigures {
  /** Those in which something waits, the most first. */
  readonly partitions: readonly PartitionLag[];
}

/**
 * The lag of a group over looks. Ages come from when the log was seen to pass an offset, as in scaling: never from the time in a record. A partition in which
 * the group has committed nothing does not count: what it would begin with is its own business.
 */
export class LagWatch {
  readonly #marks = new Map<string, LogMarks>();

  /** Undefined: the group has committed in none of them, so that there is no lag to speak of. */
  look(partitions: readonly PartitionProgress[], steadyMs: number): GroupLag | undefined {
    const lags: PartitionLag[] = [];
    let oldestAgeMs = 0;
    let atLeast = false;
    let isKnown = false;
    for (const { topic, partition, startOffset, endOffset, frontier, doneAbove } of partitions) {
      const marks = this.#marksOf(`${topic}.${partition}`);
      marks.add(endOffset, steadyMs);
      if (frontier === undefined) continue;
      isKnown = true;
      const from = Math.max(frontier, startOffset);
      const lagEvents = Math.max(0, endOffset - from - doneAbove);
      if (lagEvents === 0) continue;
      lags.push({ topic, partition, lagEvents, committedOffset: frontier, endOffset });
      oldestAgeMs = Math.max(oldestAgeMs, marks.ageMs(from, steadyMs));
      atLeast ||= !marks.covers(from);
    }
    if (!isKnown) return undefined;
    lags.sort((a, b) => b.lagEvents - a.lagEvents);
    return { lagEvents: lags.reduce((sum, one) => sum + one.lagEvents, 0), oldestAgeMs, atLeast, partitions: lags };
  }

  #marksOf(name: string): LogMarks {
    const found = this.#marks.get(name) ?? new LogMarks();
    this.#marks.set(name, found);
    return found;
  }
}
