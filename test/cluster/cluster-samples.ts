import type { Hosting, ProcessReport, UnitExit } from '../../controller/cluster/messages.ts';
import type { UnitReport } from '../../controller/dispatch/dispatcher.ts';
import type { PodView } from '../../controller/wire/pod-directory.ts';

export const unit = 'shop.totals';

export function podOf(id: string, state: PodView['state'] = 'ready'): PodView {
  const pod = { id, bootId: `boot-${id}`, address: `http://127.0.0.1:1`, token: `token-${id}`, startedAtMs: 1, pid: undefined };
  return { pod, unit, revision: 'r1-00000000', state, handler: 'event', concurrency: 4 };
}

export function exitOf(id: string): UnitExit {
  return { id, bootId: `boot-${id}`, reason: 'crashed', code: 1, signal: null, unit };
}

export function unitReport(figures: Partial<UnitReport> = {}): UnitReport {
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

export function partition(number: number, frontier: number) {
  return {
    topic: 'orders',
    partition: number,
    frontier,
    endOffset: undefined,
    inFlight: 0,
    nextOffset: frontier,
    openEvents: 0,
    oldestAppendedAtMs: undefined,
  };
}

export function reportOf(process: string, hosting?: Partial<Hosting>, units: readonly UnitReport[] = [], takenTotal = 0): ProcessReport {
  const whole = hosting && { podsMax: 10, revision: 1, pods: [], replicas: new Map(), exits: [], ...hosting };
  return { process, hosting: whole, units, calls: [{ unit, open: 1, takenTotal }] };
}
