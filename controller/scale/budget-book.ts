import { type BudgetClaim, shareBudget } from './budget.ts';
import type { ScaleDecision } from './decision.ts';
import type { BudgetShare, ScalePolicy } from './policy.ts';

/** A need that is over counts for so long still: shares that follow every burst would move pods all the time. */
const needForMs = 60_000;

interface Entry {
  readonly claim: BudgetClaim;
  /** When it last needed as much. */
  readonly neededAtMs: number;
}

/** Who claims how much of `scale.budget`, by what each last decision said; shares are made once a tick, so that all decisions of a tick go by the same ones. */
export class BudgetBook {
  readonly #budget: number;
  readonly #entries = new Map<string, Entry>();
  #shares: ReadonlyMap<string, BudgetShare> = new Map();

  /** `budget` 0: there is none. */
  constructor(budget: number) {
    this.#budget = budget;
  }

  /** The policy with the share of the budget as its maximum, where that is less. */
  within(unit: string, policy: ScalePolicy, weight: number): ScalePolicy {
    if (this.#budget === 0) return policy;
    const entry = this.#entries.get(unit);
    if (entry?.claim.max !== policy.max || entry.claim.weight !== weight) this.#claim(unit, policy, weight, entry);
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
    if (needed >= entry.claim.needed || isOld) this.#entries.set(unit, { claim: { ...claim, needed }, neededAtMs: steadyMs });
    else this.#entries.set(unit, { ...entry, claim });
  }

  /** A function without a share that is asked for pods gets its part at once, and not at the next tick. */
  ask(unit: string, pods: number): void {
    const entry = this.#entries.get(unit);
    if (this.#budget === 0 || entry === undefined || (this.#shares.get(unit)?.share ?? 0) > 0) return;
    this.#entries.set(unit, { ...entry, claim: { ...entry.claim, needed: Math.max(entry.claim.needed, pods) } });
    this.share();
  }

  /** Makes the shares of this tick. */
  share(): void {
    if (this.#budget === 0) return;
    const entries = [...this.#entries].sort(([a], [b]) => (a < b ? -1 : 1));
    const claims = entries.map(([, { claim }]) => claim);
    const shares = shareBudget(this.#budget, claims);
    const [neededByAll, weightOfAll] = [total(claims, one => one.needed), total(claims, one => one.weight)];
    this.#shares = new Map(
      entries.map(([unit, { claim }], index) => {
        const { needed, weight } = claim;
        return [unit, { pods: this.#budget, share: shares[index] ?? 0, needed, neededByAll, weight, weightOfAll }];
      }),
    );
  }

  keepOnly(units: ReadonlySet<string>): void {
    for (const unit of this.#entries.keys()) if (!units.has(unit)) this.#entries.delete(unit);
  }

  #claim(unit: string, { min, max }: ScalePolicy, weight: number, known: Entry | undefined): void {
    const claim = { needed: Math.max(known?.claim.needed ?? 0, min), held: known?.claim.held ?? 0, max, weight };
    this.#entries.set(unit, { claim, neededAtMs: known?.neededAtMs ?? Number.NEGATIVE_INFINITY });
  }
}

/** What it would be without the share: bounds by partitions and downstreams hold all the same. */
function neededOf({ sizing, replicas }: ScaleDecision): number {
  if (sizing === undefined) return replicas;
  return Math.max(sizing.floor, Math.ceil(Math.min(sizing.unclamped, sizing.useful) - 1e-9), sizing.forCalls);
}

function total(claims: readonly BudgetClaim[], pick: (claim: BudgetClaim) => number): number {
  return claims.reduce((sum, one) => sum + pick(one), 0);
}
