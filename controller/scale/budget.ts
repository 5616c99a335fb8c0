/** What one function would have of a budget that all share. */
export interface BudgetClaim {
  /** Pods that its load needs. */
  readonly needed: number;
  /** Pods that it has; what it has above its need is given up when others need it. */
  readonly held: number;
  /** Never more than these. */
  readonly max: number;
  /** Of two that get less than they need, one of twice the weight gets twice as much. */
  readonly weight: number;
}

/**
 * Shares a budget of pods: a first pod for each function that needs one, in the order of `turns` (places of claims), whatever their weights; all else by weighted max-min: what
 * functions need, then what they have, then room to grow, at each step those with the least for their weight first, so that nobody gets more while another with less for
 * its weight gets too little. Shares are whole, never above `max`, together never above the budget, and all of it as long as somebody could take it. The order of the
 * claims decides between equals.
 */
export function shareBudget(budget: number, claims: readonly BudgetClaim[], turns: Iterable<number> = claims.keys()): readonly number[] {
  const needed = claims.map(one => Math.min(Math.max(0, Math.ceil(one.needed)), one.max));
  const held = claims.map((one, index) => Math.min(Math.max(needed[index] ?? 0, one.held), one.max));
  const weights = claims.map(one => one.weight);
  let shares: readonly number[] = firstPods(budget, needed, turns);
  for (const goals of [needed, held, claims.map(one => one.max)]) shares = fill(budget, shares, goals, weights);
  return shares;
}

function firstPods(budget: number, needed: readonly number[], turns: Iterable<number>): readonly number[] {
  const inNeed = [...turns].filter(index => (needed[index] ?? 0) > 0);
  const first = new Set(inNeed.slice(0, budget));
  return needed.map((_, index) => (first.has(index) ? 1 : 0));
}

/** Levels of whole weights up to 100 are never nearer to each other. */
const hair = 1e-6;

/** Raises shares towards their goals for as long as there is budget, the one with the least for its weight first. */
function fill(budget: number, from: readonly number[], goals: readonly number[], weights: readonly number[]): readonly number[] {
  const at = (level: number) =>
    from.map((share, index) => Math.max(share, Math.min(goals[index] ?? share, Math.floor(level * (weights[index] ?? 1)))));
  if (sum(goals) <= budget) return goals;
  let low = 0;
  let high = Math.max(...goals) / Math.min(...weights) + 1;
  for (let turn = 0; turn < 50; turn += 1) {
    const middle = (low + high) / 2;
    if (sum(at(middle)) <= budget) low = middle;
    else high = middle;
  }
  // Just below it: those who would come over the same level then come in their order, and not as a rounding has it.
  const shares = at(low - hair);
  const open = [...goals.keys()].filter(index => (shares[index] ?? 0) < (goals[index] ?? 0));
  const next = (index: number) => ((shares[index] ?? 0) + 1) / (weights[index] ?? 1);
  const first = open.sort((a, b) => next(a) - next(b) || a - b).slice(0, Math.max(0, budget - sum(shares)));
  const isFirst = new Set(first);
  return shares.map((share, index) => (isFirst.has(index) ? share + 1 : share));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
