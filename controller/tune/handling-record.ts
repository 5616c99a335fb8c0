import type { HistoryEntry } from '../ports/history.ts';
import type { Handling } from './handling-meter.ts';
import { isSparseSpread, Spread } from './spread.ts';

/** A minute of handling, as it is kept in the history. */
export interface HandlingRecord extends Handling {
  /** The most memory of any pod of the function when it was looked at; absent: none answered. */
  readonly memoryBytes?: number;
}

export const handlingMark = 'handling';

/** Undefined where an entry is something else, or of another version. */
export function handlingOf({ data }: Pick<HistoryEntry, 'data'>): HandlingRecord | undefined {
  const { what, times, slowestMs, batches, batchEvents, largestBatch, memoryBytes } = data;
  if (what !== handlingMark || !isSparseSpread(times)) return undefined;
  const [slowest, count, events, largest] = [slowestMs, batches, batchEvents, largestBatch].map(amountOf);
  if (slowest === undefined || count === undefined || events === undefined || largest === undefined) return undefined;
  const memory = amountOf(memoryBytes);
  const figures = { times, slowestMs: slowest, batches: count, batchEvents: events, largestBatch: largest };
  return { ...figures, ...(memory !== undefined && { memoryBytes: memory }) };
}

function amountOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

/** All records together. */
export interface Measured {
  readonly events: number;
  /** Time in the handler per event; absent: none was handled. At most a fifth too much. */
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly slowestMs: number;
  readonly batches: number;
  readonly batchEventsMean?: number;
  readonly largestBatch: number;
  readonly memoryBytes?: number;
}

export function measuredOf(records: readonly HandlingRecord[]): Measured {
  const spread = new Spread();
  for (const { times } of records) spread.addAll(times);
  const sum = (pick: (one: HandlingRecord) => number) => records.reduce((total, one) => total + pick(one), 0);
  const most = (pick: (one: HandlingRecord) => number) => records.reduce((highest, one) => Math.max(highest, pick(one)), 0);
  const batches = sum(one => one.batches);
  const slowestMs = most(one => one.slowestMs);
  const [p50Ms, p99Ms] = [0.5, 0.99].map(part => spread.quantile(part));
  const memoryBytes = most(one => one.memoryBytes ?? 0);
  return {
    events: spread.count,
    ...(p50Ms !== undefined && { p50Ms: Math.min(p50Ms, slowestMs) }),
    ...(p99Ms !== undefined && { p99Ms: Math.min(p99Ms, slowestMs) }),
    slowestMs,
    batches,
    ...(batches > 0 && { batchEventsMean: sum(one => one.batchEvents) / batches }),
    largestBatch: most(one => one.largestBatch),
    ...(memoryBytes > 0 && { memoryBytes }),
  };
}
