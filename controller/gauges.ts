import type { PartitionReport, UnitReport } from './dispatch/dispatcher.ts';
import type { FleetPod } from './fleet/plan-fleet.ts';
import type { Metrics } from './telemetry/metrics.ts';

const phases = ['starting', 'generic', 'loading', 'ready', 'draining'] as const;

interface Written {
  readonly report: UnitReport | undefined;
  readonly hasPods: boolean;
}

/** Figures that are read rather than counted; written once a second, those of functions of which nothing has changed once. A figure that is not known is left as it was. */
export class Gauges {
  readonly #metrics: Metrics;
  #written: ReadonlyMap<string, Written> = new Map();
  #last: readonly UnitReport[] = [];

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  write(reports: readonly UnitReport[], pods: readonly FleetPod[], nowMs: number): void {
    if (this.#isAsBefore(reports, pods)) return;
    this.#last = reports;
    const byUnit = podsByUnit(pods);
    const reported = new Map(reports.map(report => [report.unit, report]));
    const emptied = [...this.#written].flatMap(([unit, { hasPods }]) => (hasPods ? [unit] : []));
    const written = new Map<string, Written>();
    for (const unit of new Set(['', ...reported.keys(), ...byUnit.keys(), ...emptied])) {
      const before = this.#written.get(unit);
      const report = reported.get(unit);
      const mine = byUnit.get(unit) ?? [];
      if (report !== undefined && (report !== before?.report || hasAge(report))) this.#writeReport(report, nowMs);
      if (mine.length > 0 || before?.hasPods !== false) this.#writePods(unit, mine);
      written.set(unit, { report, hasPods: mine.length > 0 });
    }
    this.#written = written;
  }

  /** Without pods, then and now. */
  #isAsBefore(reports: readonly UnitReport[], pods: readonly FleetPod[]): boolean {
    if (pods.length > 0 || reports.length !== this.#last.length || this.#written.size === 0) return false;
    if (!reports.every((report, index) => report === this.#last[index] && !hasAge(report))) return false;
    return ![...this.#written.values()].some(({ hasPods }) => hasPods);
  }

  #writeReport({ unit, waiting, partitions }: UnitReport, nowMs: number): void {
    this.#metrics.set('faas_events_waiting', { unit }, waiting);
    const lag = lagOf(partitions);
    if (lag !== undefined) this.#metrics.set('faas_lag_events', { unit }, lag);
    const oldest = Math.min(...partitions.map(one => one.oldestAppendedAtMs ?? Infinity));
    this.#metrics.set('faas_oldest_event_age_seconds', { unit }, oldest === Infinity ? 0 : Math.max(0, nowMs - oldest) / 1000);
  }

  #writePods(unit: string, pods: readonly FleetPod[]): void {
    for (const state of phases) this.#metrics.set('faas_pods', { unit, state }, pods.filter(pod => pod.phase === state).length);
  }
}

export function writeClusterGauges(metrics: Metrics, { hub, hasLeader }: { readonly hub: unknown; readonly hasLeader: boolean }): void {
  metrics.set('faas_leads', {}, hub === undefined ? 0 : 1);
  metrics.set('faas_has_leader', {}, hasLeader ? 1 : 0);
}

function podsByUnit(pods: readonly FleetPod[]): ReadonlyMap<string, readonly FleetPod[]> {
  const byUnit = new Map<string, FleetPod[]>();
  for (const pod of pods) {
    const unit = pod.unit ?? '';
    const mine = byUnit.get(unit);
    if (mine === undefined) byUnit.set(unit, [pod]);
    else mine.push(pod);
  }
  return byUnit;
}

/** The only figure that changes by itself. */
function hasAge({ partitions }: UnitReport): boolean {
  return partitions.some(one => one.oldestAppendedAtMs !== undefined);
}

/** Undefined when the end of one partition is not known: a sum without it would be too small. */
function lagOf(partitions: readonly PartitionReport[]): number | undefined {
  let lag = 0;
  for (const { frontier, endOffset } of partitions) {
    if (endOffset === undefined) return undefined;
    lag += Math.max(0, endOffset - frontier);
  }
  return lag;
}
