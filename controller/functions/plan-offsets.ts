import type { PartitionBounds } from '../ports/streams.ts';

/** Where a partition of a function stands, and where it is to go on. */
export interface OffsetMove extends PartitionBounds {
  readonly topic: string;
  /** What is handled next at the moment. */
  readonly current: number;
  readonly target: number;
}

/** What moves mean to the function, in events. */
export interface OffsetEffect {
  /** Handled once already, and handled again. */
  readonly again: number;
  /** Never handled. */
  readonly skipped: number;
}

/** More events than these are not handled again by mistake. */
export const rewindEventsMax = 1_000;

/** Retained offsets alone count: what retention took can be neither handled again nor skipped. */
export function effectOf(moves: readonly OffsetMove[]): OffsetEffect {
  let [again, skipped] = [0, 0];
  for (const { startOffset, current, target } of moves) {
    again += Math.max(0, current - Math.max(target, startOffset));
    skipped += Math.max(0, target - Math.max(current, startOffset));
  }
  return { again, skipped };
}

/** Within what the log has. */
export function withinLog(offset: number, { startOffset, endOffset }: PartitionBounds): number {
  return Math.min(Math.max(offset, startOffset), endOffset);
}
