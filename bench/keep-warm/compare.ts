import { fixed, hybridHistogram, type Keeper, ours } from './keepers.ts';
import { type Pattern, patterns } from './patterns.ts';

export interface KeepResult {
  readonly keeper: string;
  /** Hours that a pod waited. */
  readonly idleHours: number;
  readonly coldStarts: number;
  /** Both, a cold start at what it is worth. */
  readonly costHours: number;
}

export interface KeepComparison {
  readonly pattern: Pattern;
  readonly results: readonly KeepResult[];
  /** Ours costs no more than the better of the two others. */
  readonly isBest: boolean;
}

/** From the wish for a pod until it works. */
const leadMs = 2_000;
const hour = 3_600_000;

export function compareKeepers(seed: number, coldMs: number): readonly KeepComparison[] {
  return patterns(seed).map(pattern => {
    const results = [ours(coldMs, leadMs), fixed(600_000), hybridHistogram()].map(keeper => run(keeper, pattern, coldMs));
    const [mine, ...others] = results.map(one => one.costHours);
    return { pattern, results, isBest: (mine ?? Number.POSITIVE_INFINITY) <= Math.min(...others) };
  });
}

function run(keeper: Keeper, { gaps }: Pattern, coldMs: number): KeepResult {
  let idleMs = 0;
  let coldStarts = 0;
  for (const gap of gaps) {
    const { fromMs, untilMs } = keeper.plan();
    const isCold = gap < fromMs || gap >= untilMs;
    idleMs += Math.max(0, Math.min(gap, untilMs) - fromMs);
    if (isCold) coldStarts += 1;
    keeper.learn(gap);
  }
  return { keeper: keeper.name, idleHours: idleMs / hour, coldStarts, costHours: (idleMs + coldStarts * coldMs) / hour };
}
