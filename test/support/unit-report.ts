import type { UnitReport } from '../../controller/dispatch/dispatcher.ts';

/** Of a function that has done nothing yet, but for what a test says. */
export function unitReport(unit: string, figures: Partial<UnitReport> = {}): UnitReport {
  return {
    unit,
    waiting: 0,
    inFlight: 0,
    finishedTotal: 0,
    failedTotal: 0,
    deadLettersTotal: 0,
    emitsTotal: 0,
    busyMsTotal: 0,
    isFull: false,
    usablePods: 0,
    inFlightByPod: new Map(),
    partitions: [],
    failing: undefined,
    ...figures,
  };
}

/** Of a partition of which nothing was read yet. */
export function partitionReport(topic: string, partition: number, figures: Partial<UnitReport['partitions'][number]> = {}) {
  return {
    topic,
    partition,
    frontier: 0,
    endOffset: undefined,
    inFlight: 0,
    nextOffset: 0,
    openEvents: 0,
    oldestAppendedAtMs: undefined,
    ...figures,
  };
}
