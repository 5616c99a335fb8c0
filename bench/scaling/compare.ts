import type { ScalePolicy } from '../../controller/scale/policy.ts';
import { type SimulatedResult, scalerOf, simulate } from '../../controller/scale/simulate.ts';
import { type Bounds, flink, lagThreshold, type PeerScaler } from './peers.ts';
import { type TraceSet, type TraceSpec, worldOf } from './trace.ts';

export interface Row {
  readonly name: 'faas' | 'tuned' | 'rule' | 'keda' | 'flink';
  readonly scaler: string;
  /** The rule itself, anew for each run; absent: faas. */
  readonly peer?: () => PeerScaler;
  readonly result: SimulatedResult;
}

export interface Comparison {
  readonly trace: TraceSpec;
  readonly ours: SimulatedResult;
  readonly tuned: SimulatedResult;
  readonly rows: readonly Row[];
}

export const sloShare = 0.999;
/** Between a threshold and the next one that is tried. Pod hours jump between neighbours, so two grids are tried. */
const stepsOfSearch = [1.1, 1.3];
/** KEDA's default. */
const defaultThreshold = 5;

/** `tunedFor`: the part of `maxAge` that the threshold tuned in hindsight is to keep; under 1 it leaves room for what the model does not know. */
export function compare(set: TraceSet, trace: TraceSpec, tunedFor = 1): Comparison {
  const world = worldOf(trace);
  const bounds: Bounds = { min: set.min, max: set.max };
  const podRate = (trace.concurrency * 1_000) / trace.serviceMs;
  const start = { replicas: set.min, maxAgeMs: set.maxAgeMs };
  const ours = simulate(
    world,
    scalerOf(world, () => policyFor(set, trace)),
    start,
  );
  const byThreshold = (threshold: number) => () => lagThreshold(threshold, bounds);
  const rowOf = (name: Row['name'], scaler: string, peer: () => PeerScaler): Row => ({
    name,
    scaler,
    peer,
    result: simulate(world, peer(), start),
  });
  const ruleOfThumb = Math.round(0.5 * podRate * (set.maxAgeMs / 1_000));
  const tuning = { ...start, maxAgeMs: set.maxAgeMs * tunedFor };
  const threshold = tune(podRate * (set.maxAgeMs / 1_000), one => simulate(world, byThreshold(one)(), tuning));
  const tuned = simulate(world, byThreshold(threshold)(), start);
  return {
    trace,
    ours,
    tuned,
    rows: [
      { name: 'faas', scaler: 'faas, untuned', result: ours },
      { name: 'tuned', scaler: `lag threshold ${threshold}, tuned in hindsight`, peer: byThreshold(threshold), result: tuned },
      rowOf('rule', `lag threshold ${ruleOfThumb} = 0.5 x pod rate x maxAge`, byThreshold(ruleOfThumb)),
      rowOf('keda', `lag threshold ${defaultThreshold}, KEDA's default`, byThreshold(defaultThreshold)),
      rowOf('flink', 'Flink autoscaler', () => flink(podRate, bounds)),
    ],
  };
}

export function policyFor(set: Pick<TraceSet, 'min' | 'max' | 'maxAgeMs'>, trace: Pick<TraceSpec, 'concurrency'>): ScalePolicy {
  return {
    maxAgeMs: set.maxAgeMs,
    min: set.min,
    max: set.max,
    boundsFrom: 'manifest',
    prefer: 'balanced',
    concurrency: trace.concurrency,
    order: 'key',
    keepMs: 300_000,
  };
}

/** Knowing the trace: of the thresholds that keep the level, the one with the fewest pod hours; where none does, the one that comes nearest. */
function tune(most: number, run: (threshold: number) => SimulatedResult): number {
  let best: { threshold: number; result: SimulatedResult } | undefined;
  for (const threshold of new Set(stepsOfSearch.flatMap(step => thresholds(most * 2, step)))) {
    const result = run(threshold);
    if (best === undefined || isBetter(result, best.result)) best = { threshold, result };
  }
  if (best === undefined) throw new Error('no threshold was tried');
  return best.threshold;
}

function thresholds(most: number, step: number): readonly number[] {
  const all: number[] = [];
  for (let exact = 2; exact <= most; exact *= step) all.push(Math.round(exact));
  return all;
}

function isBetter(one: SimulatedResult, other: SimulatedResult): boolean {
  const keeps = one.withinMaxAge >= sloShare;
  if (keeps !== other.withinMaxAge >= sloShare) return keeps;
  return keeps ? one.podHours < other.podHours : one.withinMaxAge > other.withinMaxAge;
}
