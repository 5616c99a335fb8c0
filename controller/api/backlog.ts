import type { UnitReport } from '../dispatch/dispatcher.ts';
import type { LiveFunction } from '../functions/live-function.ts';
import type { SourceProgress } from '../ports/state.ts';
import type { PartitionBounds } from '../ports/streams.ts';
import type { LagAnswer } from './contract.ts';

export type PartitionBacklog = LagAnswer['functions'][number]['partitions'][number];

/**
 * What waits in each partition that a function reads: from its frontier to the end of the log. Where nothing was ever read, the committed
 * offset of its group counts (pinned at the deploy), else the start of the log. Offsets that retention has removed are not waiting:
 * a frontier below the log start counts from the log start.
 */
export function partitionBacklogs(
  live: Pick<LiveFunction, 'subscriptions'>,
  bounds: ReadonlyMap<string, readonly PartitionBounds[]>,
  progress: readonly SourceProgress[],
  committed: ReadonlyMap<string, number>,
): readonly PartitionBacklog[] {
  const frontiers = new Map(progress.map(one => [one.source, one]));
  return live.subscriptions.flatMap(({ topic }) =>
    (bounds.get(topic) ?? []).map(({ partition, startOffset, endOffset }) => {
      const source = `${topic}.${partition}`;
      const at = frontiers.get(source);
      const from = Math.max(at?.frontier ?? committed.get(source) ?? startOffset, startOffset);
      const backlogEvents = Math.max(0, endOffset - from - (at?.doneAbove ?? 0));
      return { topic, partition, startOffset, endOffset, ...(at && { frontier: at.frontier }), backlogEvents };
    }),
  );
}

export function backlogEvents(partitions: readonly PartitionBacklog[]): number {
  return partitions.reduce((sum, one) => sum + one.backlogEvents, 0);
}

/** Age of the oldest event that was read and is not done; undefined when nothing waits or nobody reports. */
export function oldestAgeMs(report: UnitReport | undefined, nowMs: number): number | undefined {
  const times = (report?.partitions ?? []).flatMap(one => (one.oldestAppendedAtMs === undefined ? [] : [one.oldestAppendedAtMs]));
  return times.length === 0 ? undefined : Math.max(0, nowMs - Math.min(...times));
}
