import { type BudgetClaim, shareBudget } from './budget.ts';
import type { ScaleDecision } from './decision.ts';
import type { BudgetShare, ScalePolicy } from './policy.ts';

/** A need that is over counts for so long still: shares that follow every burst would move pods all the time. */
const needForMs = 60_000;
/** With fewer pods than functions that need one they take turns, each of so long for its weight: shorter ones would be all cold starts. */
const turnMs = 60_000;

interface Entry {
  readonly claim: BudgetClaim;
  /** When it last needed as much. */
  readonly neededAtMs: number;
  /** Since when it has a share, or needs one and has none; undefined: it needs none and has none. */
  readonly turn?: { readonly has: boolean; readonly sinceMs: number };
}

/**
 * Who claims how much of `scale.budget`, by what each last decision said; shares are made once a tick, so that all decisions of a tick go by the same ones. With fewer pods
 * than functions that need one those keep theirs whose turn is not over, then comes who has waited longest.
 */
export class BudgetBook {
  readonly #budget: number;
  readonly #entries = new Map<string, Entry>();
  #shares: ReadonlyMap<string, BudgetShare> = new Map();

  /** `budget` 0: there is none. */
  constructor(budget: number) {
    this.#budget = budget;
  }

  /** What a function may have at least and at most by its own policy. */
  claim(unit: string, { min, max }: ScalePolicy, weight: number): void {
    const known = this.#entries.get(unit);
    if (known?.claim.max === max && known.claim.weight === weight && known.claim.needed >= min) return;
    const claim = { needed: Math.max(known?.claim.needed ?? 0, min), held: known?.claim.held ?? 0, max, weight };
    this.#entries.set(unit, { neededAtMs: Number.NEGATIVE_INFINITY, ...known, claim });
  }

  /** The policy with the share of the budget as its maximum, where that is less. */
  within(unit: string, policy: ScalePolicy): ScalePolicy {
    const budget = this.#shares.get(unit);
    if (budget === undefined || budget.share >= policy.max) return policy;
    return { ...policy, max: budget.share, boundsFrom: 'budget', budget };
  }

  /** What a decision has found; it counts from the next tick on. */
  note(unit: string, decision: ScaleDecision, steadyMs: number): void {
    const entry = this.#entries.get(unit);
    if (entry === undefined) return;
    const needed = neededOf(decision);
    const isOld = steadyMs - entry.neededAtMs > needForMs;
    const claim = { ...entry.claim, held: decision.replicas };
    if (needed >= entry.claim.needed || isOld) this.#entries.set(unit, { ...entry, claim: { ...claim, needed }, neededAtMs: steadyMs });
    else this.#entries.set(unit, { ...entry, claim });
  }

  /** A function without a share that is asked for pods gets its part at once, and not at the next tick. */
  ask(unit: string, pods: number, steadyMs: number): void {
    const entry = this.#entries.get(unit);
    if (this.#budget === 0 || entry === undefined || (this.#shares.get(unit)?.share ?? 0) > 0) return;
    // It waits already, and nothing changes for it before the next tick.
    if (entry.turn?.has === false && entry.claim.needed >= pods) return;
    this.#entries.set(unit, { ...entry, claim: { ...entry.claim, needed: Math.max(entry.claim.needed, pods) } });
    this.share(steadyMs);
  }

  /** Makes the shares of this tick. */
  share(steadyMs: number): void {
    if (this.#budget === 0) return;
    const entries = [...this.#entries].sort(([a], [b]) => (a < b ? -1 : 1));
    const claims = entries.map(([, { claim }]) => claim);
    const shares = shareBudget(this.#budget, claims, turnsOf(entries, steadyMs));
    const [neededByAll, weightOfAll] = [total(claims, one => one.needed), total(claims, one => one.weight)];
    const functionsInNeed = claims.filter(one => one.needed > 0).length;
    const shared = { pods: this.#budget, neededByAll, weightOfAll, functionsInNeed };
    this.#shares = new Map(
      entries.map(([unit, { turn: before, ...entry }], index) => {
        const { needed, weight } = entry.claim;
        const share = shares[index] ?? 0;
        const turn = turnOf(before, share, needed, steadyMs);
        this.#entries.set(unit, { ...entry, ...(turn && { turn }) });
        const waited = turn?.has === false ? { waitedMs: steadyMs - turn.sinceMs } : {};
        return [unit, { ...shared, share, needed, weight, ...waited }];
      }),
    );
  }

  keepOnly(units: ReadonlySet<string>): void {
    for (const unit of this.#entries.keys()) if (!units.has(unit)) this.#entries.delete(unit);
  }
}

function turnOf(before: Entry['turn'], share: number, needed: number, steadyMs: number): Entry['turn'] {
  if (share === 0 && needed === 0) return undefined;
  const has = share > 0;
  return before?.has === has ? before : { has, sinceMs: steadyMs };
}

/** Places of entries: those whose turn it is, then who waits, the longest first, then those whose turn is over, the longest last; between equals as they come. */
function turnsOf(entries: readonly (readonly [string, Entry])[], steadyMs: number): readonly number[] {
  const ranked = entries.map(([, { turn, claim }], place) => {
    const sinceMs = turn?.sinceMs ?? steadyMs;
    if (turn?.has !== true) return { place, rank: 1, before: sinceMs };
    return { place, rank: steadyMs - sinceMs < turnMs * claim.weight ? 0 : 2, before: -sinceMs };
  });
  return ranked.sort((a, b) => a.rank - b.rank || a.before - b.before).map(({ place }) => place);
}

/** What it would be without the share: bounds by partitions and downstreams hold all the same. */
function neededOf({ sizing, replicas }: ScaleDecision): number {
  if (sizing === undefined) return replicas;
  return Math.max(sizing.floor, Math.ceil(Math.min(sizing.unclamped, sizing.useful) - 1e-9), sizing.forCalls);
}

function total(claims: readonly BudgetClaim[], pick: (claim: BudgetClaim) => number): number {
  return claims.reduce((sum, one) => sum + pick(one), 0);
}
