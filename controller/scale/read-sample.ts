import type { PartitionReport, UnitReport } from '../dispatch/dispatcher.ts';
import type { LiveFunction } from '../functions/live-function.ts';
import type { LogEnds } from './log-ends.ts';
import type { PartitionSample } from './partition-rows.ts';

/** Ends that are older were not read in this tick. */
const freshMs = 3_000;

type Sample = { -readonly [Member in keyof PartitionSample]: PartitionSample[Member] };

/** Reads the partitions of one function, each second: its samples are written over by the next reading, so that a server with many makes none anew. */
export class PartitionReader {
  readonly #samples: Sample[] = [];

  /**
   * The partitions as they are now; undefined when one of them is not known: a sum without it would be too small, and too small takes pods away. What the
   * dispatcher reports is newer than the store; tails that it has read and that hold no events (control records) do not count. Good until the next call.
   */
  read(live: LiveFunction, report: UnitReport | undefined, logs: LogEnds, steadyMs: number): readonly PartitionSample[] | undefined {
    const reports = new ReportsByPlace(report?.partitions ?? []);
    let count = 0;
    for (const { topic } of live.subscriptions) {
      const read = logs.ends(topic);
      if (read === undefined || steadyMs - read.steadyMs > freshMs) return undefined;
      const names = logs.namesOf(topic, read.value.length);
      for (let partition = 0; partition < read.value.length; partition += 1) {
        const sample = this.#at(count);
        count += 1;
        sample.name = names[partition] ?? '';
        const end = read.value[partition] ?? 0;
        const one = reports.find(topic, partition);
        if (one !== undefined) takeReport(sample, one, end, logs);
        else if (!takeStored(sample, live, logs, { topic, partition, end })) return undefined;
      }
    }
    this.#samples.length = count;
    return this.#samples;
  }

  #at(index: number): Sample {
    const known = this.#samples[index];
    if (known !== undefined) return known;
    const sample = { name: '', endOffset: 0, frontier: 0, doneAbove: 0, oldestAppendedAtMs: undefined };
    this.#samples.push(sample);
    return sample;
  }
}

/** Reports come mostly in the order in which they are asked for; a map of them is made only where they do not. */
class ReportsByPlace {
  readonly #reports: readonly PartitionReport[];
  #next = 0;
  #places: ReadonlyMap<string, ReadonlyMap<number, PartitionReport>> | undefined;

  constructor(reports: readonly PartitionReport[]) {
    this.#reports = reports;
  }

  find(topic: string, partition: number): PartitionReport | undefined {
    const next = this.#reports[this.#next];
    if (next?.topic === topic && next.partition === partition) {
      this.#next += 1;
      return next;
    }
    if (next === undefined && this.#next === 0) return undefined;
    this.#places ??= byPlace(this.#reports);
    return this.#places.get(topic)?.get(partition);
  }
}

/** By topic, then by partition. */
function byPlace(reports: readonly PartitionReport[]): ReadonlyMap<string, ReadonlyMap<number, PartitionReport>> {
  const places = new Map<string, Map<number, PartitionReport>>();
  for (const report of reports) {
    const mine = places.get(report.topic);
    if (mine === undefined) places.set(report.topic, new Map([[report.partition, report]]));
    else mine.set(report.partition, report);
  }
  return places;
}

function takeReport(sample: Sample, report: PartitionReport, end: number, logs: LogEnds): void {
  const { topic, partition, frontier, nextOffset, openEvents, endOffset } = report;
  // The dispatcher has read all of it: whatever lies behind the last event is no event.
  const isReadToEnd = endOffset !== undefined && nextOffset >= endOffset && nextOffset < end && end <= endOffset;
  const last = isReadToEnd ? nextOffset : Math.max(end, nextOffset);
  const start = nextOffset < last ? logs.start(topic, partition) : 0;
  const doneTo = Math.max(nextOffset, Math.min(start, last));
  sample.endOffset = last;
  sample.frontier = Math.min(frontier, doneTo);
  sample.doneAbove = Math.max(0, doneTo - openEvents - sample.frontier);
  sample.oldestAppendedAtMs = report.oldestAppendedAtMs;
}

/** False: nobody can say how far it is. */
function takeStored(
  sample: Sample,
  live: LiveFunction,
  logs: LogEnds,
  { topic, partition, end }: { topic: string; partition: number; end: number },
): boolean {
  const progress = end === 0 ? nothingDone : logs.progress(live)?.get(sample.name);
  if (progress === undefined) return false;
  const start = progress.frontier < end ? logs.start(topic, partition) : 0;
  sample.endOffset = Math.max(end, progress.frontier);
  sample.frontier = Math.max(progress.frontier, Math.min(start, end));
  sample.doneAbove = progress.doneAbove;
  sample.oldestAppendedAtMs = undefined;
  return true;
}

const nothingDone = { frontier: 0, doneAbove: 0 };
