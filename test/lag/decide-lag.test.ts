import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Crossing, crossingOf, type LagFigures } from '../../controller/lag/decide-lag.ts';
import { LagWatch, type PartitionProgress } from '../../controller/lag/group-lag.ts';

const events = { above: { events: 100 }, below: { events: 50 } };
const age = { above: { ageMs: 60_000 }, below: { ageMs: 30_000 } };
const seen = (lagEvents: number, oldestAgeMs = 0, atLeast = false): LagFigures => ({ lagEvents, oldestAgeMs, atLeast });

test.each([
  ['nothing waits', false, seen(0), events, undefined],
  ['at the bound', false, seen(100), events, undefined],
  ['above it', false, seen(101), events, 'above'],
  ['between both, still above', true, seen(51), events, undefined],
  ['at the lower one', true, seen(50), events, 'below'],
  ['as old as the bound', false, seen(1, 60_000), age, undefined],
  ['older', false, seen(1, 60_001), age, 'above'],
  ['at least so old is enough to be above', false, seen(1, 60_001, true), age, 'above'],
  ['at least so old is not enough to be over', true, seen(1, 10, true), age, undefined],
  ['young again', true, seen(1, 30_000), age, 'below'],
  ['the age of many events does not matter to a bound in events', true, seen(10, 90_000, true), events, 'below'],
] as const)('%s', (_rule, isAbove, figures, bounds, crossed) => {
  expect(crossingOf(isAbove, figures, bounds)).toBe(crossed);
});

test('law: crossings alternate, and one is due exactly when the other bound is passed', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(200)), lags => {
      let isAbove = false;
      const crossings: Crossing[] = [];
      for (const lagEvents of lags) {
        const crossed = crossingOf(isAbove, seen(lagEvents), events);
        if (crossed !== undefined) crossings.push(crossed);
        isAbove = crossed === undefined ? isAbove : crossed === 'above';
        expect(lagEvents > 100 ? isAbove : lagEvents > 50 || !isAbove).toBe(true);
      }
      expect(crossings).toEqual(crossings.map((_, index) => (index % 2 === 0 ? 'above' : 'below')));
    }),
  );
});

const partition = (change: Partial<PartitionProgress>): PartitionProgress => ({
  topic: 'orders',
  partition: 0,
  startOffset: 0,
  endOffset: 0,
  frontier: 0,
  doneAbove: 0,
  ...change,
});

test('a lag is counted from the log start at least, without what is done out of order, and only where the group has committed', () => {
  const watch = new LagWatch();
  const lag = watch.look(
    [
      partition({ startOffset: 40, endOffset: 100, frontier: 10 }),
      partition({ partition: 1, endOffset: 100, frontier: 90, doneAbove: 3 }),
      partition({ partition: 2, endOffset: 1_000, frontier: undefined }),
      partition({ partition: 3, endOffset: 5, frontier: 9 }),
    ],
    0,
  );
  expect(lag?.lagEvents).toBe(67);
  expect(lag?.partitions.map(one => [one.partition, one.lagEvents])).toEqual([
    [0, 60],
    [1, 7],
  ]);
});

test('a group that has committed nowhere has no lag to speak of', () => {
  expect(new LagWatch().look([partition({ endOffset: 7, frontier: undefined })], 0)).toBeUndefined();
});

test('an age is a lower bound until the log was seen to pass the oldest event', () => {
  const watch = new LagWatch();
  const look = (endOffset: number, frontier: number, steadyMs: number) => {
    const { oldestAgeMs, atLeast } = watch.look([partition({ endOffset, frontier })], steadyMs) ?? {};
    return [oldestAgeMs, atLeast];
  };
  expect(look(10, 5, 0)).toEqual([0, true]);
  expect(look(20, 5, 10_000)).toEqual([10_000, true]);
  expect(look(20, 12, 20_000)).toEqual([20_000, false]);
  expect(look(20, 20, 30_000)).toEqual([0, false]);
});
