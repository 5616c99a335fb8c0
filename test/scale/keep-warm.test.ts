import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareKeepers } from '../../bench/keep-warm/compare.ts';
import { known, unknown } from '../../controller/scale/figure.ts';
import { IdleTimes } from '../../controller/scale/idle-times.ts';
import { isWarm, planWarm, worthOf } from '../../controller/scale/keep-warm.ts';
import type { ScaleObservation } from '../../controller/scale/observation.ts';
import { WarmBook } from '../../controller/scale/warm-book.ts';
import { liveFunction } from '../gateway/live-functions.ts';
import { policyForTest } from './policy.ts';

const minute = 60_000;
const coldMs = 5 * minute;
const leadMs = 5_000;

function idleFor(...times: readonly number[]): IdleTimes {
  const idle = IdleTimes.none();
  for (const ms of times) idle.add(ms);
  return idle;
}
const often = (ms: number, count = 50) => Array.from({ length: count }, () => ms);

describe('the plan', () => {
  test.each<[string, readonly number[], number, boolean]>([
    ['nothing known: kept as long as a cold start is worth', [], 299_999, true],
    ['nothing known: and no longer', [], 300_000, false],
    ['three idle times are no habit', often(2_000, 3), 299_000, true],
    ['seconds apart: kept', often(20_000), 19_000, true],
    ['seconds apart: given up soon after', often(20_000), 2 * minute, false],
    ['hours apart at random: not kept', [1, 2, 3, 5, 7, 11, 13, 17, 19, 23].map(hours => hours * 60 * minute), 10_000, false],
    ['every 15 minutes: given up meanwhile', often(15 * minute), 10 * minute, false],
    ['every 15 minutes: called back ahead', often(15 * minute), 15 * minute - leadMs, true],
    ['every 15 minutes: it did not come', often(15 * minute), 20 * minute, false],
  ])('%s', (_rule, times, idleMs, warm) => {
    expect(isWarm(planWarm(idleFor(...times), coldMs, leadMs), idleMs)).toBe(warm);
  });

  // The middle of a step stands for all of it: a window that costs a cold start at the middle costs at most two at its end.
  test('law: over idle times of one length it never costs more than two cold starts', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1_000, max: 3 * 86_400_000 }), ms => {
        const { fromMs, untilMs } = planWarm(idleFor(...often(ms)), coldMs, leadMs);
        const cost = ms < fromMs ? coldMs : ms < untilMs ? ms - fromMs : untilMs - fromMs + coldMs;
        expect(cost).toBeLessThanOrEqual(coldMs * 2);
        expect(untilMs).toBeGreaterThanOrEqual(fromMs);
      }),
    );
  });

  test('law: what was stored and read again gives the same plan', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1e9 }), { maxLength: 40 }), times => {
        const idle = idleFor(...times);
        const again = IdleTimes.read(JSON.parse(JSON.stringify(idle.print())));
        expect(again.print()).toEqual(idle.print());
        expect(planWarm(again, coldMs, leadMs)).toEqual(planWarm(idle, coldMs, leadMs));
      }),
    );
  });

  test.each([[null], [7], [{ version: 2 }], [{ version: 1, count: 3, weights: [[9_999, 1], 'x', [1, -1]] }]])(
    'what is no memory is none: %j',
    stored => {
      expect(
        IdleTimes.read(stored)
          .steps()
          .every(step => step.weight === 0),
      ).toBe(true);
    },
  );

  test('a pod for which something may come any moment is worth more than one whose time has passed', () => {
    const [soon, late] = [idleFor(...often(20_000)), idleFor(...often(3_600_000))];
    expect(worthOf(soon, coldMs, 5_000)).toBeGreaterThan(worthOf(late, coldMs, 5_000));
    expect(worthOf(soon, coldMs, 5_000)).toBeGreaterThan(worthOf(soon, coldMs, 20 * minute));
  });
});

test.each([0, 1_000])(
  'on six patterns it costs no more than the best of fixed 10 minutes and a hybrid histogram on five, seeds + %i',
  seed => {
    expect(compareKeepers(seed, coldMs).filter(one => one.isBest).length).toBeGreaterThanOrEqual(5);
  },
);

describe('the book', () => {
  const idle: ScaleObservation = {
    ...{ atMs: 0, steadyMs: 0, backlogEvents: known(0), oldestAgeMs: known(0), arrivalRate: known(0), arrivalRateSlow: known(0) },
    ...{ arrivalRateCalm: known(0), arrivalTrend: 0, finishedRate: known(0), podRate: unknown, podRateBest: unknown, laneRate: unknown },
    ...{ startMs: known(2_000), inFlight: 0, openCalls: 0, askedPods: 0, pods: { ready: 0, starting: 0, draining: 0 }, paused: false },
  };
  const live = liveFunction('shop.totals', []);
  const at = (ms: number) => ({ nowMs: ms, steadyMs: ms });
  const see = (book: WarmBook, steadyMs: number, idleMs: number | undefined, change: Partial<ScaleObservation> = {}) =>
    book.observe(live.unit, { ...idle, steadyMs, ...(idleMs !== undefined && { idleMs }), ...change });

  /** Idle for `ms` between events, `times` times; answers when the last one came. */
  function habit(book: WarmBook, ms: number, times: number): number {
    let now = 0;
    for (let turn = 0; turn < times; turn += 1) {
      see(book, now, undefined);
      see(book, now + 1_000, 1_000);
      now += ms;
    }
    see(book, now, undefined);
    return now;
  }

  test('a function that comes every quarter of an hour is given up, called back ahead, and given up when nothing came', () => {
    const book = new WarmBook(coldMs);
    const now = habit(book, 15 * minute, 20);
    const policyAfter = (ms: number) => {
      see(book, now + ms, ms);
      return book.within(live, policyForTest, idle, at(now + ms));
    };
    expect(policyAfter(5_000)).toMatchObject({ min: 0, keepMs: 10_000 });
    expect(policyAfter(5 * minute)).toMatchObject({ min: 0, keepMs: 10_000 });
    expect(book.isExpected(live, idle, at(now + 5 * minute))).toBe(false);
    expect(policyAfter(15 * minute - 5_000)).toMatchObject({ min: 1, boundsFrom: 'habit' });
    expect(book.isExpected(live, idle, at(now + 15 * minute - 5_000))).toBe(true);
    expect(policyAfter(25 * minute)).toMatchObject({ min: 0 });
  });

  test('a figure that is not known ends no idle time, and gaps of a function at work are none', () => {
    const book = new WarmBook(coldMs);
    see(book, 10_000, 5_000);
    see(book, 20_000, undefined, { backlogEvents: unknown });
    see(book, 30_000, 25_000);
    expect(book.changed()).toEqual([]);
    see(book, 31_000, undefined);
    expect(book.changed()).toEqual([live.unit]);
    const printed = book.print(live.unit);
    expect(printed).toMatchObject({ count: 1 });
    book.stored(live.unit, printed);
    see(book, 32_000, 100);
    see(book, 32_500, undefined);
    expect(book.changed()).toEqual([]);
  });

  test('what was stored is remembered, unless more is known already', () => {
    const first = new WarmBook(coldMs);
    habit(first, 15 * minute, 20);
    const stored = first.print(live.unit);
    const second = new WarmBook(coldMs);
    second.remember(live.unit, stored);
    expect(second.within(live, policyForTest, idle, at(0)).keepMs).toBe(10_000);
    habit(second, 20_000, 3);
    second.remember(live.unit, undefined);
    expect(second.changed().map(unit => second.print(unit))).toMatchObject([{ count: 23 }]);
  });

  test('a schedule is warmed ahead, and until its event has had time to come', () => {
    const schedule = {
      kind: 'schedule',
      name: 's',
      when: { everyMs: 60 * minute },
      timezone: 'UTC',
      missed: 'latest',
      overlap: 'allow',
    } as const;
    const book = new WarmBook(coldMs);
    const scheduled = liveFunction('shop.report', [schedule]);
    const due = 60 * minute;
    const min = (ms: number) => book.within(scheduled, policyForTest, idle, at(ms)).min;
    expect([due - 60_000, due - 10_000, due + 5_000, due + 11_000].map(min)).toEqual([0, 1, 1, 0]);
  });

  test('what a function declares to call is warmed when it wakes, for a minute', () => {
    const book = new WarmBook(coldMs);
    book.woke(liveFunction('shop.caller', [], { calls: [live.unit] }), 1_000);
    expect(book.within(live, policyForTest, idle, at(2_000))).toMatchObject({ min: 1, boundsFrom: 'caller' });
    expect(book.within(live, policyForTest, idle, at(62_000)).min).toBe(0);
  });

  test('of too many idle pods those are given up that are worth least', () => {
    const book = new WarmBook(coldMs);
    habit(book, 20_000, 20);
    const other = liveFunction('shop.seldom', []);
    const pods = (unit: string, count: number) => ({ unit, idleMs: 5_000, pods: count });
    book.evict([pods(live.unit, 2), pods(other.unit, 3)], 5);
    expect(book.within(other, policyForTest, idle, at(0)).keepMs).toBe(coldMs);
    book.evict([pods(live.unit, 2), pods(other.unit, 3)], 4);
    expect(book.within(other, policyForTest, idle, at(0)).keepMs).toBe(0);
    expect(book.within(live, policyForTest, idle, at(0)).keepMs).toBeGreaterThan(0);
  });

  test.each([0, 60_000])('a time that the manifest gives is left alone: %i ms', keepMs => {
    const fixed = liveFunction('shop.fixed', [], { warm: { keepMs, min: 0 } });
    expect(new WarmBook(coldMs).within(fixed, policyForTest, idle, at(0))).toBe(policyForTest);
  });
});
