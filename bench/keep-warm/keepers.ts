import { IdleTimes } from '../../controller/scale/idle-times.ts';
import { planWarm, type WarmPlan } from '../../controller/scale/keep-warm.ts';

/** Says what to do about the next idle time, then learns how long it was. */
export interface Keeper {
  readonly name: string;
  plan(): WarmPlan;
  learn(gapMs: number): void;
}

const minute = 60_000;

export function ours(coldMs: number, leadMs: number): Keeper {
  const times = IdleTimes.none();
  let plan: WarmPlan | undefined;
  return {
    name: 'faas, least expected cost',
    plan: () => {
      plan ??= planWarm(times, coldMs, leadMs);
      return plan;
    },
    learn(gapMs) {
      times.add(gapMs);
      plan = undefined;
    },
  };
}

export function fixed(keepMs: number): Keeper {
  return { name: `fixed ${keepMs / minute} minutes`, plan: () => ({ fromMs: 0, untilMs: keepMs }), learn() {} };
}

const bins = 240;

/**
 * The hybrid histogram policy of Shahrad et al., Serverless in the Wild (ATC'20): idle times in bins of a minute up to four hours; called back at the 5th percentile less
 * 10 %, kept until the 99th plus 10 %; where the bins say nothing (the coefficient of variation of their counts is below 2) kept for four hours from the start; where most idle
 * times are longer than that, a forecast with 15 % on both sides, here the mean of the last ten in place of ARIMA.
 */
export function hybridHistogram(): Keeper {
  const counts = new Float64Array(bins);
  const beyond: number[] = [];
  let seen = 0;
  return {
    name: 'hybrid histogram',
    plan() {
      const inside = seen - beyond.length;
      if (seen > 0 && beyond.length > seen / 2) {
        const last = beyond.slice(-10);
        const mean = last.reduce((sum, gap) => sum + gap, 0) / last.length;
        return { fromMs: mean * 0.85, untilMs: mean * 1.15 };
      }
      if (inside === 0 || variation(counts) < 2) return { fromMs: 0, untilMs: bins * minute };
      const head = percentile(counts, inside, 0.05) * minute * 0.9;
      const tail = (percentile(counts, inside, 0.99) + 1) * minute * 1.1;
      return { fromMs: head < minute ? 0 : head, untilMs: tail };
    },
    learn(gapMs) {
      seen += 1;
      const bin = Math.floor(gapMs / minute);
      if (bin >= bins) beyond.push(gapMs);
      else counts[bin] = (counts[bin] ?? 0) + 1;
    },
  };
}

function percentile(counts: Float64Array, total: number, part: number): number {
  let below = 0;
  for (const [bin, count] of counts.entries()) {
    below += count;
    if (below >= total * part) return bin;
  }
  return bins;
}

function variation(counts: Float64Array): number {
  const mean = counts.reduce((sum, count) => sum + count, 0) / bins;
  const variance = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / bins;
  return mean === 0 ? 0 : Math.sqrt(variance) / mean;
}
