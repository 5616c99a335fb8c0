import type { PartitionReport, UnitReport } from '../dispatch/dispatcher.ts';
import type { LiveFunction } from '../functions/live-function.ts';
import type { LogEnds } from './log-ends.ts';
import type { PartitionSample } from './observe.ts';

/** Ends that are older were not read in this tick. */
const freshMs = 3_000;

/**
 * The partitions of a function as they are now; undefined when one of them is not known: a sum without it would be too small, and too small takes pods
 * away. What the dispatcher reports is newer than the store; tails that it has read and that hold no events (control records) do not count.
 */
export function readPartitions(
  live: LiveFunction,
  report: UnitReport | undefined,
  logs: LogEnds,
  steadyMs: number,
): readonly PartitionSample[] | undefined {
  const reported = byPlace(report?.partitions ?? []);
  const samples: PartitionSample[] = [];
  for (const { topic } of live.subscriptions) {
    const read = logs.ends(topic);
    if (read === undefined || steadyMs - read.steadyMs > freshMs) return undefined;
    const mine = reported.get(topic);
    for (let partition = 0; partition < read.value.length; partition += 1) {
      const end = read.value[partition] ?? 0;
      const name = logs.nameOf(topic, partition);
      const one = mine?.[partition];
      const sample = one === undefined ? stored(live, logs, { topic, partition, name, end }) : ofReport(name, one, end, logs);
      if (sample === undefined) return undefined;
      samples.push(sample);
    }
  }
  return samples;
}

/** By topic, then by partition: a thousand functions are looked at each second. */
function byPlace(reports: readonly PartitionReport[]): ReadonlyMap<string, readonly (PartitionReport | undefined)[]> {
  const places = new Map<string, (PartitionReport | undefined)[]>();
  for (const report of reports) {
    const known = places.get(report.topic);
    if (known === undefined) places.set(report.topic, sparse(report));
    else known[report.partition] = report;
  }
  return places;
}

function sparse(report: PartitionReport): (PartitionReport | undefined)[] {
  const places: (PartitionReport | undefined)[] = [];
  places[report.partition] = report;
  return places;
}

function ofReport(name: string, report: PartitionReport, end: number, logs: LogEnds): PartitionSample {
  const { topic, partition, frontier, nextOffset, openEvents, endOffset } = report;
  // The dispatcher has read all of it: whatever lies behind the last event is no event.
  const isReadToEnd = endOffset !== undefined && nextOffset >= endOffset && nextOffset < end && end <= endOffset;
  const last = isReadToEnd ? nextOffset : Math.max(end, nextOffset);
  const start = nextOffset < last ? logs.start(topic, partition) : 0;
  const doneTo = Math.max(nextOffset, Math.min(start, last));
  return {
    name,
    endOffset: last,
    frontier: Math.min(frontier, doneTo),
    doneAbove: Math.max(0, doneTo - openEvents - Math.min(frontier, doneTo)),
  };
}

function stored(
  live: LiveFunction,
  logs: LogEnds,
  { topic, partition, name, end }: { topic: string; partition: number; name: string; end: number },
): PartitionSample | undefined {
  if (end === 0) return { name, endOffset: 0, frontier: 0, doneAbove: 0 };
  const progress = logs.progress(live)?.get(name);
  if (progress === undefined) return undefined;
  const start = progress.frontier < end ? logs.start(topic, partition) : 0;
  return {
    name,
    endOffset: Math.max(end, progress.frontier),
    frontier: Math.max(progress.frontier, Math.min(start, end)),
    doneAbove: progress.doneAbove,
  };
}
