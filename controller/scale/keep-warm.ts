import type { IdleStep, IdleTimes } from './idle-times.ts';

/** When a function that has become idle has a pod: from `fromMs` of idleness on (0: it is kept from the start), until `untilMs`. */
export interface WarmPlan {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** What is assumed before anything was seen weighs as much as so many idle times. */
const priorWeight = 2;
/** Fewer idle times are no habit: the pod is kept for as long as a cold start is worth, which at most doubles the cost of the best plan. */
const habitLeast = 4;

/**
 * The plan of least expected cost over a function's own idle times. A pod that waits costs its time, a cold start `coldMs` of it; so does a pod that was given up
 * too early, or called back too late. `leadMs`: a pod that is called back works so much later.
 */
export function planWarm(times: IdleTimes, coldMs: number, leadMs: number): WarmPlan {
  const unknown: WarmPlan = { fromMs: 0, untilMs: coldMs };
  if (times.count < habitLeast) return unknown;
  const steps = withPrior(times.steps(), coldMs);
  const sums = prefixSums(steps);
  let best = unknown;
  let bestCost = Number.POSITIVE_INFINITY;
  for (let from = 0; from < steps.length; from += 1) {
    const fromMs = Math.max(0, (steps[from]?.fromMs ?? 0) - leadMs);
    // Given up and called back within moments is kept.
    if (from > 0 && fromMs <= 2 * leadMs) continue;
    for (let until = from; until <= steps.length; until += 1) {
      const cost = costOf(sums, from, until, { fromMs, untilMs: until === 0 ? 0 : (steps[until - 1]?.toMs ?? 0), coldMs });
      if (cost >= bestCost - 1e-9) continue;
      bestCost = cost;
      best = until === from ? { fromMs: 0, untilMs: 0 } : { fromMs, untilMs: steps[until - 1]?.toMs ?? 0 };
    }
  }
  return best;
}

/** Whether a function that has been idle for so long has a pod by this plan. */
export function isWarm({ fromMs, untilMs }: WarmPlan, idleMs: number): boolean {
  return idleMs >= fromMs && idleMs < untilMs;
}

/**
 * What keeping an idle pod saves in the next minute, per millisecond of it: the chance that something comes by then, times what a cold start is worth. Who has the
 * least is given up first.
 */
export function worthOf(times: IdleTimes, coldMs: number, idleMs: number): number {
  const steps = withPrior(times.steps(), coldMs);
  const later = weightBetween(steps, idleMs, Number.POSITIVE_INFINITY);
  if (later === 0) return 0;
  return (weightBetween(steps, idleMs, idleMs + soonMs) / later) * (coldMs / soonMs);
}

const soonMs = 60_000;

function weightBetween(steps: readonly IdleStep[], fromMs: number, toMs: number): number {
  let sum = 0;
  for (const step of steps) {
    const part = Math.min(step.toMs, toMs) - Math.max(step.fromMs, fromMs);
    if (part > 0) sum += step.weight * (part / (step.toMs - step.fromMs));
  }
  return sum;
}

/** Idle times of any length, as likely in each octave around what a cold start is worth. */
function withPrior(steps: readonly IdleStep[], coldMs: number): readonly IdleStep[] {
  const isNear = ({ fromMs, toMs }: IdleStep) => toMs > coldMs / 16 && fromMs < coldMs * 16;
  const near = steps.filter(isNear).length;
  return steps.map(step => (isNear(step) ? { ...step, weight: step.weight + priorWeight / near } : step));
}

interface Sums {
  /** Of the steps before. */
  readonly weight: readonly number[];
  readonly idleMs: readonly number[];
}

function prefixSums(steps: readonly IdleStep[]): Sums {
  const weight = [0];
  const idleMs = [0];
  for (const [index, step] of steps.entries()) {
    weight.push((weight[index] ?? 0) + step.weight);
    idleMs.push((idleMs[index] ?? 0) + step.weight * ((step.fromMs + step.toMs) / 2));
  }
  return { weight, idleMs };
}

interface Priced {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly coldMs: number;
}

/** Too early: cold. In the window: what was waited. Too late: all of the window, and cold. */
function costOf({ weight, idleMs }: Sums, from: number, until: number, { fromMs, untilMs, coldMs }: Priced): number {
  const at = (sums: readonly number[], index: number) => sums[index] ?? 0;
  const all = at(weight, weight.length - 1);
  const early = at(weight, from);
  const within = at(weight, until) - early;
  const late = all - early - within;
  const waited = at(idleMs, until) - at(idleMs, from) - within * fromMs;
  const held = until === from ? 0 : untilMs - fromMs;
  return (early + late) * coldMs + waited + late * held;
}
