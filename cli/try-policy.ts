import type { ScalePolicy } from '../controller/scale/policy.ts';
import { unreachable } from '../controller/scale/reachable.ts';
import { policyOf, type ScaledSpec } from '../controller/scale/resolve-policy.ts';
import { scalerOf, simulate } from '../controller/scale/simulate.ts';
import { type ArrivalTrace, arrivalsOf } from './arrival-trace.ts';

/** What one pod of the function is like. */
export interface PodFacts {
  /** Events per second. */
  readonly podRate: number;
  readonly startMs: number;
  readonly concurrency: number;
}

export interface Trial {
  readonly policy: string;
  readonly maxAgeMs: number;
  /** Percent. */
  readonly within: number;
  readonly p99AgeMs: number;
  readonly podHours: number;
  readonly actions: number;
  /** What the policy wants and cannot get. */
  readonly warning?: string;
}

interface World {
  readonly trace: ArrivalTrace;
  readonly pod: PodFacts;
  readonly idleLimitMs: number;
  /** Undefined: as many as the policy has at least. */
  readonly replicas: number | undefined;
}

const slotMs = 500;

/** Runs arrivals through the scaler of the server with a policy: the same decisions, over a model of pods and in virtual time. */
export function tryPolicy(policy: string, spec: ScaledSpec, { trace, pod, idleLimitMs, replicas }: World): Trial {
  const startAtMs = trace.points[0]?.atMs ?? 0;
  const policyAt = (nowMs: number): ScalePolicy => policyOf(spec, { nowMs, idleLimitMs });
  const world = {
    arrivals: arrivalsOf(trace, slotMs),
    slotMs,
    startAtMs,
    lanes: [{ share: 1, rateMax: Number.POSITIVE_INFINITY }],
    serviceMs: (pod.concurrency * 1_000) / pod.podRate,
    concurrency: pod.concurrency,
    startMs: pod.startMs,
  };
  const first = policyAt(startAtMs);
  const result = simulate(world, scalerOf(world, policyAt), { replicas: replicas ?? first.min, maxAgeMs: first.maxAgeMs });
  const warning = unreachable(first, pod.startMs);
  return {
    policy,
    maxAgeMs: first.maxAgeMs,
    within: result.withinMaxAge * 100,
    p99AgeMs: result.p99AgeMs,
    podHours: result.podHours,
    actions: result.actions.length,
    ...(warning !== undefined && { warning }),
  };
}

export interface Bounds {
  /** Percent of the events, at least. */
  readonly within?: number;
  readonly p99Ms?: number;
  readonly podHours?: number;
  readonly actions?: number;
}

/** Which bounds a trial does not meet, with its figures. */
export function missedBounds(trial: Trial, bounds: Bounds, time: (ms: number) => string): readonly string[] {
  const { within, p99Ms, podHours, actions } = bounds;
  const missed: string[] = [];
  if (within !== undefined && trial.within < within) missed.push(`${percentText(trial.within)} within maxAge, at least ${within} % wanted`);
  if (p99Ms !== undefined && trial.p99AgeMs > p99Ms) missed.push(`p99 age ${time(trial.p99AgeMs)}, at most ${time(p99Ms)} wanted`);
  if (podHours !== undefined && trial.podHours > podHours)
    missed.push(`${trial.podHours.toFixed(2)} pod hours, at most ${podHours} wanted`);
  if (actions !== undefined && trial.actions > actions) missed.push(`${trial.actions} actions, at most ${actions} wanted`);
  return missed;
}

/** Rounded down: 99.9999 % are not all. */
export function percentText(percent: number): string {
  return `${(Math.floor(percent * 1_000) / 1_000).toFixed(3)} %`;
}
