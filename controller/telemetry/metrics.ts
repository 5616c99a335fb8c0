/**
 * All metrics, in one table: what `/metrics` shows, what docs/reference/metrics.md lists. Prometheus names and base units.
 * No label per partition. Histograms are in seconds unless their name says otherwise.
 */
export const metricTable = {
  faas_events_total: {
    kind: 'counter',
    labels: ['unit', 'outcome'],
    help: 'Events whose handling was committed, by outcome: ok, filtered, duplicate, dead_letter, held (kept back with its key).',
  },
  faas_attempts_failed_total: { kind: 'counter', labels: ['unit', 'reason'], help: 'Attempts that ended in a failure of the handler.' },
  faas_emits_total: { kind: 'counter', labels: ['unit'], help: 'Events emitted by committed results, dead letters not counted.' },
  faas_dead_letters_total: { kind: 'counter', labels: ['unit', 'reason'], help: 'Dead letters written.' },
  faas_handler_seconds: {
    kind: 'histogram',
    labels: ['unit'],
    help: 'Time in the handler per event.',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  },
  faas_append_to_handler_seconds: {
    kind: 'histogram',
    labels: ['unit'],
    help: 'From the append of an event to the entry of its handler.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
  },
  faas_commit_seconds: {
    kind: 'histogram',
    labels: ['unit'],
    help: 'Time of a commit in the state store.',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
  },
  faas_commit_results_total: { kind: 'counter', labels: ['unit', 'result'], help: 'Answers of the state store to commits.' },
  faas_batch_events: {
    kind: 'histogram',
    labels: ['unit'],
    help: 'Events per batch sent to a pod.',
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
  },
  faas_events_waiting: { kind: 'gauge', labels: ['unit'], help: 'Events read and not yet done, in flight included.' },
  faas_lag_events: { kind: 'gauge', labels: ['unit'], help: 'Events between the frontier and the end of all partitions.' },
  faas_oldest_event_age_seconds: { kind: 'gauge', labels: ['unit'], help: 'Age of the oldest unfinished event that was read.' },
  faas_pods: {
    kind: 'gauge',
    labels: ['unit', 'state'],
    help: 'Pods by state: starting, generic, loading, ready, draining; the unit is empty for those without a function.',
  },
  faas_pod_exits_total: { kind: 'counter', labels: ['unit', 'reason'], help: 'Pods that ended, by reason.' },
  faas_cold_start_seconds: {
    kind: 'histogram',
    labels: ['unit', 'phase'],
    help: 'Cold starts by phase: boot, load, init, first_event.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  },
  faas_webhook_requests_total: { kind: 'counter', labels: ['context', 'status'], help: 'Requests at webhook endpoints by answer.' },
  faas_webhook_duplicates_total: { kind: 'counter', labels: ['context'], help: 'Deliveries whose id was already stored.' },
  faas_direct_calls_total: { kind: 'counter', labels: ['unit', 'result'], help: 'Direct calls by answer.' },
  faas_direct_call_seconds: {
    kind: 'histogram',
    labels: ['unit'],
    help: 'Time of direct calls at the gateway.',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  },
  faas_fire_and_forget_total: { kind: 'counter', labels: ['unit'], help: 'Calls made without waiting and without promise.' },
  faas_schedule_ticks_total: {
    kind: 'counter',
    labels: ['unit', 'result'],
    help: 'Due times by what became of them: appended, missed, overlapped.',
  },
  faas_lag_crossings_total: {
    kind: 'counter',
    labels: ['unit', 'crossed'],
    help: 'Events of lag triggers: above when a group fell behind, below when it had caught up.',
  },
  faas_resource_changes_total: {
    kind: 'counter',
    labels: ['unit', 'event'],
    help: 'Changes of Kubernetes resources that were appended to inboxes: added, modified, deleted.',
  },
  faas_scale_decisions_total: { kind: 'counter', labels: ['unit', 'reason'], help: 'Scale decisions that changed the number of pods.' },
  faas_leads: { kind: 'gauge', labels: [], help: 'Whether the process leads its cluster: 1 or 0. Written by processes of a cluster.' },
  faas_has_leader: {
    kind: 'gauge',
    labels: [],
    help: 'Whether a leader answers this process: 1 or 0. At 0 pods stay as they are, and none is started. Written by processes of a cluster.',
  },
  faas_history_dropped_total: { kind: 'counter', labels: [], help: 'History entries dropped because the writer was too slow.' },
  faas_dedupe_bound_hit_total: {
    kind: 'counter',
    labels: [],
    help: 'Times that ids were removed before their window was over, because their bound in bytes was reached.',
  },
} as const satisfies Record<string, MetricRow>;

export interface MetricRow {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
  readonly buckets?: readonly number[];
}

export type MetricName = keyof typeof metricTable;
export type CounterName = { [N in MetricName]: (typeof metricTable)[N]['kind'] extends 'counter' ? N : never }[MetricName];
export type GaugeName = { [N in MetricName]: (typeof metricTable)[N]['kind'] extends 'gauge' ? N : never }[MetricName];
export type HistogramName = { [N in MetricName]: (typeof metricTable)[N]['kind'] extends 'histogram' ? N : never }[MetricName];
export type Labels<N extends MetricName> = { readonly [L in (typeof metricTable)[N]['labels'][number]]: string };

/** Values for labels are checked by the type; anything unbounded (keys, ids, offsets) has no place here. */
export interface Metrics {
  count<N extends CounterName>(name: N, labels: Labels<N>, by?: number): void;
  set<N extends GaugeName>(name: N, labels: Labels<N>, value: number): void;
  observe<N extends HistogramName>(name: N, labels: Labels<N>, value: number): void;
  /** Several values of one series. */
  observeAll<N extends HistogramName>(name: N, labels: Labels<N>, values: Iterable<number>): void;
  /** Forgets all series with this unit. */
  forget(unit: string): void;
}

export const noMetrics: Metrics = { count() {}, set() {}, observe() {}, observeAll() {}, forget() {} };
