import type { SimulatedView } from '../../controller/scale/simulate.ts';

/** What a peer looks at, of simulated pods as of real ones. */
export type PeerView = Pick<SimulatedView, 'nowMs' | 'replicas' | 'lagEvents' | 'arrivedTotal'>;

/** Asked at each tick, it says how many pods it wishes for; it remembers, and is good for one run. */
export type PeerScaler = (view: PeerView) => number;

export interface Bounds {
  readonly min: number;
  readonly max: number;
}

const syncMs = 15_000;
const stabilizationMs = 300_000;
const tolerance = 0.1;

/**
 * KEDA's Kafka scaler through the HorizontalPodAutoscaler, with the defaults of both: every 15 s ceil(lag / lagThreshold); within 10 % nothing happens; up
 * by at most 100 % or 4 pods per 15 s, whichever is more; down only to the highest wish of the last 300 s.
 * https://keda.sh/docs/latest/scalers/apache-kafka/, https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
 */
export function lagThreshold(threshold: number, { min, max }: Bounds): PeerScaler {
  let nextMs = 0;
  const wishes: { atMs: number; pods: number }[] = [];
  return ({ nowMs, lagEvents, replicas }) => {
    if (nowMs < nextMs) return replicas;
    nextMs = nowMs + syncMs;
    const ratio = lagEvents / (threshold * Math.max(1, replicas));
    const exact = Math.abs(ratio - 1) <= tolerance ? replicas : Math.ceil(lagEvents / threshold);
    const wish = Math.min(max, Math.max(min, exact));
    wishes.push({ atMs: nowMs, pods: wish });
    while ((wishes[0]?.atMs ?? nowMs) < nowMs - stabilizationMs) wishes.shift();
    if (wish >= replicas) return Math.min(wish, Math.max(replicas * 2, replicas + 4));
    return Math.min(replicas, Math.max(...wishes.map(one => one.pods)));
  };
}

const windowMs = 900_000;
const reconcileMs = 60_000;
const stableMs = 300_000;
const scaleDownMs = 3_600_000;
const catchUpSeconds = 1_800;
const utilization = { target: 0.7, low: 0.4, high: 1 };

/**
 * The autoscaler of Flink's Kubernetes operator with its defaults: means over 15 minutes, a target of 70 % busy within 40 to 100 %, a backlog caught up
 * within 30 minutes, 5 minutes of rest after each change, one step down per hour. The restart of the job that a change costs there is left out.
 * https://nightlies.apache.org/flink/flink-kubernetes-operator-docs-main/docs/custom-resource/autoscaler/
 */
export function flink(podRate: number, { min, max }: Bounds): PeerScaler {
  let nextMs = 0;
  let restUntilMs = 0;
  let lastDownMs = Number.NEGATIVE_INFINITY;
  const seen: { atMs: number; arrived: number }[] = [];
  return ({ nowMs, arrivedTotal, lagEvents, replicas }) => {
    if (nowMs < nextMs) return replicas;
    nextMs = nowMs + reconcileMs;
    seen.push({ atMs: nowMs, arrived: arrivedTotal });
    while ((seen[0]?.atMs ?? nowMs) < nowMs - windowMs) seen.shift();
    const first = seen[0];
    if (first === undefined || first.atMs === nowMs || nowMs < restUntilMs) return replicas;
    const rate = ((arrivedTotal - first.arrived) * 1_000) / (nowMs - first.atMs);
    const needed = rate + lagEvents / catchUpSeconds;
    const busy = needed / (replicas * podRate);
    if (busy >= utilization.low && busy <= utilization.high) return replicas;
    const wish = Math.min(max, Math.max(min, Math.ceil(needed / (podRate * utilization.target))));
    if (wish === replicas || (wish < replicas && nowMs - lastDownMs < scaleDownMs)) return replicas;
    if (wish < replicas) lastDownMs = nowMs;
    restUntilMs = nowMs + stableMs;
    return wish;
  };
}
