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
  ['a first pod for each comes before any weight', 5, [claim(20), claim(20, { weight: 10 })], [1, 4]],
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
        book.claim(unit, policyForTest, weight);
        const explanation = explain(busy(book.within(unit, policyForTest), pods));
        book.note(unit, explanation.decision, nowMs);
        replicas.set(unit, explanation.decision.replicas);
        return explanation;
      });
    for (const unit of replicas.keys()) book.claim(unit, policyForTest, unit === 'shop.a' ? 1 : 3);
    for (let second = 0; second < 5; second += 1) {
      book.share(second * 1_000);
      decideAll(second * 1_000);
      expect([...replicas.values()].reduce((sum, pods) => sum + pods, 0)).toBeLessThanOrEqual(12);
    }
    book.share(6_000);
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
    for (const unit of ['shop.a', 'shop.b']) book.claim(unit, policyForTest, 1);
    book.share(0);
    expect(book.within('shop.b', policyForTest).max).toBe(0);
    book.ask('shop.b', 1, 100);
    expect(book.within('shop.b', policyForTest).max).toBe(1);
  });

  test('a need that was there a moment ago still counts, and is over after a minute', () => {
    const book = new BudgetBook(10);
    const idle = busy(policyForTest, 0);
    const units = ['shop.a', 'shop.b'];
    for (const unit of units) book.claim(unit, policyForTest, 1);
    const policies = () => units.map(unit => book.within(unit, policyForTest).max);
    const need = (unit: string, pods: number, atMs: number) => {
      const { decision } = explain(idle);
      if (decision.sizing === undefined) throw new Error('all figures are known');
      book.note(unit, { ...decision, replicas: 0, sizing: { ...decision.sizing, unclamped: pods, forCalls: 0 } }, atMs);
      book.share(atMs);
    };
    need('shop.b', 9, 0);
    need('shop.a', 8, 0);
    expect(policies()).toEqual([5, 5]);
    need('shop.a', 1, 30_000);
    expect(policies()).toEqual([5, 5]);
    need('shop.a', 1, 61_000);
    expect(policies()).toEqual([1, 9]);
  });

  test('with fewer pods than functions that need one they take turns, and say so', () => {
    const book = new BudgetBook(1);
    for (const unit of ['shop.a', 'shop.b']) book.claim(unit, policyForTest, 1);
    const at = (nowMs: number) => {
      book.share(nowMs);
      return ['shop.a', 'shop.b'].map(unit => {
        const explanation = explain(busy(book.within(unit, policyForTest), 0));
        book.note(unit, explanation.decision, nowMs);
        return explanation;
      });
    };
    const sharesAt = (nowMs: number) => at(nowMs).map(({ decision }) => decision.replicas);
    at(-1_000);
    expect([0, 58_000, 59_000, 60_000, 118_000, 119_000].map(sharesAt)).toEqual([
      [1, 0],
      [1, 0],
      [0, 1],
      [0, 1],
      [0, 1],
      [1, 0],
    ]);
    const [, waits] = at(131_000);
    expect(waits?.arithmetic).toContainEqual(
      expect.stringMatching(/^budget of 1 pod for all: .* its share is 0: 2 functions need one and take turns; it has waited 12s$/),
    );
    expect(waits?.decision.conditions).toMatchObject([{ type: 'BudgetBound', message: expect.stringContaining('they take turns') }]);
  });

  test('law: whoever needs a pod gets one in its turn, and keeps it for that long', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 4 }), (all, budget, needed) => {
        const book = new BudgetBook(budget);
        const [stepMs, turnMs] = [10_000, 60_000];
        const roundMs = all.reduce((sum, weight) => sum + weight, 0) * turnMs;
        const runs = all.map(() => [{ has: false, fromMs: 0, untilMs: 0 }]);
        const { decision } = explain(busy(policyForTest, 0));
        if (decision.sizing === undefined) throw new Error('all figures are known');
        const need = { ...decision, sizing: { ...decision.sizing, unclamped: needed, forCalls: 0 } };
        for (const [index, weight] of all.entries()) book.claim(`shop.${index}`, policyForTest, weight);
        for (let nowMs = 0; nowMs <= 3 * roundMs; nowMs += stepMs) {
          book.share(nowMs);
          for (const index of all.keys()) {
            const replicas = book.within(`shop.${index}`, policyForTest).max;
            book.note(`shop.${index}`, { ...need, replicas }, nowMs);
            const last = runs[index]?.at(-1);
            if (last?.has === replicas > 0) last.untilMs = nowMs;
            else runs[index]?.push({ has: replicas > 0, fromMs: nowMs, untilMs: nowMs });
          }
        }
        for (const [index, ofOne] of runs.entries()) {
          const waits = ofOne.filter(one => !one.has).map(one => one.untilMs - one.fromMs);
          expect(Math.max(0, ...waits)).toBeLessThanOrEqual(roundMs);
          const turns = ofOne.slice(0, -1).filter(one => one.has && one.fromMs > stepMs);
          for (const one of turns) expect(one.untilMs - one.fromMs + stepMs).toBeGreaterThanOrEqual(turnMs * (all[index] ?? 1));
        }
      }),
      { numRuns: 100 },
    );
  });

  test('without a budget nothing is changed', () => {
    const book = new BudgetBook(0);
    book.claim('shop.a', policyForTest, 1);
    book.share(0);
    expect(book.within('shop.a', policyForTest)).toBe(policyForTest);
  });
});
