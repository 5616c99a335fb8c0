import { poisson, seeded } from '../../bench/scaling/trace.ts';
import { decide } from '../../controller/scale/decide.ts';
import type { ScaleInputs } from '../../controller/scale/decision.ts';
import type { ScalePolicy } from '../../controller/scale/policy.ts';
import { type SimulatedResult, type SimulatedWorld, scalerOf, simulate } from '../../controller/scale/simulate.ts';
import { policyForTest } from './policy.ts';

const slotMs = 500;
const many = [{ share: 1, rateMax: Number.POSITIVE_INFINITY }];

/** Pods that finish 100 events a second each, and `seconds` of the given rate. */
export function world(seconds: number, rate: (second: number) => number, change: Partial<SimulatedWorld> = {}): SimulatedWorld {
  const random = seeded(1);
  const arrivals = Array.from({ length: (seconds * 1_000) / slotMs }, (_, slot) =>
    poisson(rate((slot * slotMs) / 1_000) * (slotMs / 1_000), random),
  );
  return { arrivals, slotMs, lanes: many, serviceMs: 100, concurrency: 10, startMs: 3_000, ...change };
}

export interface WorldRun extends SimulatedResult {
  /** Of each second. */
  readonly inputs: readonly ScaleInputs[];
}

export function run(given: SimulatedWorld, change: Partial<ScalePolicy> = {}, replicas = 1): WorldRun {
  const inputs: ScaleInputs[] = [];
  const policy = { ...policyForTest, ...change };
  const scaler = scalerOf(
    given,
    () => policy,
    one => inputs.push(one),
  );
  return { ...simulate(given, scaler, { replicas, maxAgeMs: 30_000 }), inputs };
}

export function conditionsAt(inputs: readonly ScaleInputs[], second: number) {
  const at = inputs[second];
  return at === undefined ? [] : decide(at).conditions.map(one => one.type);
}

/** After what was decided in that second. */
export function podsAt({ actions }: SimulatedResult, second: number): number | undefined {
  return actions.filter(one => one.atMs <= second * 1_000).at(-1)?.to;
}
