import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BudgetClaim, shareBudget } from '../../controller/scale/budget.ts';
import { BudgetBook } from '../../controller/scale/budget-book.ts';
import { emptyMemory, type ScaleInputs } from '../../controller/scale/decision.ts';
import { explain } from '../../controller/scale/explain.ts';
import { known } from '../../controller/scale/figure.ts';
import { policyForTest } from './policy.ts';

const claim = (needed: number, change: Partial<BudgetClaim> = {}): BudgetClaim => ({ needed, held: 0, max: 50, weight: 1, ...change });

test.each<[string, number, readonly BudgetClaim[], readonly number[]]>([
  ['nobody', 10, [], []],
  ['enough for all: what is left is room to grow', 20, [claim(3), claim(5)], [10, 10]],
  ['all that each may have', 200, [claim(3), claim(5)], [50, 50]],
  ['the small needs are met, the rest is shared', 12, [claim(2), claim(9), claim(9)], [2, 5, 5]],
  ['one that cannot be halved goes to the first', 11, [claim(9), claim(9)], [6, 5]],
  ['twice the weight, twice the pods', 12, [claim(20), claim(20, { weight: 2 })], [4, 8]],
  ['needs come before what is held', 10, [claim(2, { held: 8 }), claim(6)], [4, 6]],
  ['what is held comes before room to grow', 10, [claim(2, { held: 6 }), claim(2)], [6, 4]],
  ['never above its maximum', 10, [claim(9, { max: 3 }), claim(2)], [3, 7]],
  ['fewer pods than functions', 2, [claim(1), claim(1), claim(1)], [1, 1, 0]],
])('%s', (_name, budget, claims, shares) => {
  expect(shareBudget(budget, claims)).toEqual(shares);
});

describe('laws', () => {
  const claims = fc.array(
    fc.record({ needed: fc.nat(60), held: fc.nat(60), max: fc.integer({ min: 1, max: 50 }), weight: fc.integer({ min: 1, max: 10 }) }),
    { minLength: 1, maxLength: 20 },
  );
  const budget = fc.integer({ min: 1, max: 400 });
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const runs = { numRuns: 3_000 };

  test('never above a maximum, together never above the budget, and all of it while somebody could take it', () => {
    fc.assert(
      fc.property(budget, claims, (pods, all) => {
        const shares = shareBudget(pods, all);
        if (shares.some((share, index) => share > (all[index]?.max ?? 0))) expect(shares).toBe(all);
        expect(sum(shares)).toBe(Math.min(pods, sum(all.map(one => one.max))));
      }),
      runs,
    );
  });

  test('weighted max-min: who gets less than it needs could only get more from one that has no more for its weight', () => {
    fc.assert(
      fc.property(budget, claims, (pods, all) => {
        const shares = shareBudget(pods, all);
        all.forEach(({ needed, max, weight }, index) => {
          const share = shares[index] ?? 0;
          if (share >= Math.min(needed, max)) return;
          const unfair = all.findIndex((other, at) => {
            const others = shares[at] ?? 0;
            const isOwed = others > 0 && (others - 1) / other.weight >= (share + 1) / weight + 1e-6;
            return isOwed || others > Math.min(other.needed, other.max);
          });
          expect(unfair).toBe(-1);
        });
      }),
      runs,
    );
  });

  test('more budget takes nothing from anybody, more need of one gives it no less', () => {
    fc.assert(
      fc.property(budget, claims, fc.nat(10), fc.nat(20), (pods, all, more, which) => {
        const needs = all.map(one => ({ ...one, held: 0, max: one.needed }));
        const [small, large] = [shareBudget(pods, needs), shareBudget(pods + more, needs)];
        expect(small.findIndex((share, index) => (large[index] ?? 0) < share)).toBe(-1);
        const at = which % all.length;
        const raised = all.map((one, index) => (index === at ? { ...one, needed: one.needed + more } : one));
        expect(shareBudget(pods, raised)[at]).toBeGreaterThanOrEqual(Math.min(shareBudget(pods, all)[at] ?? 0, all[at]?.needed ?? 0));
      }),
      runs,
    );
  });
});

describe('in decisions', () => {
  /** 1 000 events a second wait for pods that finish 100 each. */
  const busy = (policy: ScaleInputs['policy'], replicas: number): ScaleInputs => ({
    observation: {
      ...{ atMs: 0, steadyMs: 0, backlogEvents: known(9_000), oldestAgeMs: known(9_000), arrivalTrend: 0, finishedRate: known(200) },
      ...{ arrivalRate: known(1_000), arrivalRateSlow: known(1_000), arrivalRateCalm: known(1_000), podRate: known(100) },
      ...{ podRateBest: known(100), laneRate: known(10), startMs: known(3_000), inFlight: 20, openCalls: 0, askedPods: 0 },
      ...{ pods: { ready: replicas, starting: 0, draining: 0 }, paused: false },
    },
    policy,
    replicas,
    memory: { ...emptyMemory, sinceMs: 0 },
  });

  test('two that need more than there is get their shares, and say why with the arithmetic', () => {
    const book = new BudgetBook(12);
    const replicas = new Map([
      ['shop.a', 2],
      ['shop.b', 2],
    ]);
    const decideAll = (nowMs: number) =>
      [...replicas].map(([unit, pods]) => {
        const weight = unit === 'shop.a' ? 1 : 3;
        const explanation = explain(busy(book.within(unit, policyForTest, weight), pods));
        book.note(unit, explanation.decision, nowMs);
        replicas.set(unit, explanation.decision.replicas);
        return explanation;
      });
    for (const unit of replicas.keys()) book.within(unit, policyForTest, unit === 'shop.a' ? 1 : 3);
    for (let second = 0; second < 5; second += 1) {
      book.share();
      decideAll(second * 1_000);
      expect([...replicas.values()].reduce((sum, pods) => sum + pods, 0)).toBeLessThanOrEqual(12);
    }
    book.share();
    const [a, b] = decideAll(6_000);
    expect([...replicas]).toEqual([
      ['shop.a', 3],
      ['shop.b', 9],
    ]);
    expect(a?.arithmetic).toContainEqual(
      expect.stringMatching(/^budget of 12 pods for all: needed \d+ here and \d+ by all, weight 1 of 4; its share is 3$/),
    );
    expect(a?.decision.conditions.map(one => one.type)).toEqual(['BudgetBound']);
    expect(b?.decision.replicas).toBe(9);
    expect(a?.inputs.at(-1)).toContain('0 to 3 pods (budget)');
  });

  test('a function that had no share is woken at once', () => {
    const book = new BudgetBook(1);
    for (const unit of ['shop.a', 'shop.b']) book.within(unit, policyForTest, 1);
    book.share();
    expect(book.within('shop.b', policyForTest, 1).max).toBe(0);
    book.ask('shop.b', 1);
    expect(book.within('shop.b', policyForTest, 1).max).toBe(1);
  });

  test('a need that was there a moment ago still counts, and is over after a minute', () => {
    const book = new BudgetBook(10);
    const idle = busy(policyForTest, 0);
    const policies = () => ['shop.a', 'shop.b'].map(unit => book.within(unit, policyForTest, 1).max);
    policies();
    const need = (unit: string, pods: number, atMs: number) => {
      const { decision } = explain(idle);
      if (decision.sizing === undefined) throw new Error('all figures are known');
      book.note(unit, { ...decision, replicas: 0, sizing: { ...decision.sizing, unclamped: pods, forCalls: 0 } }, atMs);
      book.share();
    };
    need('shop.b', 9, 0);
    need('shop.a', 8, 0);
    expect(policies()).toEqual([5, 5]);
    need('shop.a', 1, 30_000);
    expect(policies()).toEqual([5, 5]);
    need('shop.a', 1, 61_000);
    expect(policies()).toEqual([1, 9]);
  });

  test('without a budget nothing is changed', () => {
    expect(new BudgetBook(0).within('shop.a', policyForTest, 1)).toBe(policyForTest);
  });
});
