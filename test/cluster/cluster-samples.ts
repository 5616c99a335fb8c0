import type { Hosting, ProcessReport, UnitExit } from '../../controller/cluster/messages.ts';
import type { UnitReport } from '../../controller/dispatch/dispatcher.ts';
import type { PodView } from '../../controller/wire/pod-directory.ts';
import { partitionReport, unitReport } from '../support/unit-report.ts';

export const unit = 'shop.totals';

export function podOf(id: string, state: PodView['state'] = 'ready'): PodView {
  const pod = { id, bootId: `boot-${id}`, address: `http://127.0.0.1:1`, token: `token-${id}`, startedAtMs: 1, pid: undefined };
  return { pod, unit, revision: 'r1-00000000', state, handler: 'event', concurrency: 4 };
}

export function exitOf(id: string): UnitExit {
  return { id, bootId: `boot-${id}`, reason: 'crashed', code: 1, signal: null, unit };
}

export function reportOfUnit(figures: Partial<UnitReport> = {}): UnitReport {
  return unitReport(unit, figures);
}

export function partition(number: number, frontier: number) {
  return partitionReport('orders', number, { frontier, nextOffset: frontier });
}

export function reportOf(process: string, hosting?: Partial<Hosting>, units: readonly UnitReport[] = [], takenTotal = 0): ProcessReport {
  const whole = hosting && { podsMax: 10, revision: 1, pods: [], replicas: new Map(), exits: [], ...hosting };
  return { process, hosting: whole, units, calls: [{ unit, open: 1, takenTotal }] };
}
