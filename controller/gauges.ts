import type { PartitionReport, UnitReport } from './dispatch/dispatcher.ts';
import type { FleetPod } from './fleet/plan-fleet.ts';
import type { Metrics } from './telemetry/metrics.ts';

const phases = ['starting', 'generic', 'loading', 'ready', 'draining'] as const;

/** Figures that are read rather than counted; written once a second. A figure that is not known is left as it was. */
export function writeGauges(metrics: Metrics, reports: readonly UnitReport[], pods: readonly FleetPod[], nowMs: number): void {
  for (const { unit, waiting, partitions } of reports) {
    metrics.set('faas_events_waiting', { unit }, waiting);
    const lag = lagOf(partitions);
    if (lag !== undefined) metrics.set('faas_lag_events', { unit }, lag);
    const oldest = Math.min(...partitions.map(one => one.oldestAppendedAtMs ?? Infinity));
    metrics.set('faas_oldest_event_age_seconds', { unit }, oldest === Infinity ? 0 : Math.max(0, nowMs - oldest) / 1000);
  }
  const units = new Set(['', ...reports.map(report => report.unit), ...pods.map(pod => pod.unit ?? '')]);
  for (const unit of units) {
    const mine = pods.filter(pod => (pod.unit ?? '') === unit);
    for (const state of phases) metrics.set('faas_pods', { unit, state }, mine.filter(pod => pod.phase === state).length);
  }
}

export function writeClusterGauges(metrics: Metrics, { hub, hasLeader }: { readonly hub: unknown; readonly hasLeader: boolean }): void {
  metrics.set('faas_leads', {}, hub === undefined ? 0 : 1);
  metrics.set('faas_has_leader', {}, hasLeader ? 1 : 0);
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
