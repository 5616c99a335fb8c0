import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backlogEvents, oldestAgeMs, partitionBacklogs } from '../../controller/api/backlog.ts';
import { partitionReport, unitReport } from '../support/unit-report.ts';

const live = {
  subscriptions: [
    { topic: 't', stream: 't', order: 'key', batch: { size: 1, windowMs: 0 }, filter: undefined, from: 'earliest', inbox: false },
  ],
} as const;

interface Given {
  readonly start: number;
  readonly end: number;
  readonly frontier?: number;
  readonly doneAbove?: number;
  readonly committed?: number;
}

function backlogOf({ start, end, frontier, doneAbove = 0, committed }: Given) {
  const bounds = new Map([['t', [{ partition: 0, startOffset: start, endOffset: end }]]]);
  const progress = frontier === undefined ? [] : [{ source: 't.0', frontier, doneAbove }];
  return partitionBacklogs(live, bounds, progress, new Map(committed === undefined ? [] : [['t.0', committed]]))[0];
}

test.each<[string, Given, number]>([
  ['nothing in the log', { start: 0, end: 0 }, 0],
  ['all done', { start: 0, end: 10, frontier: 10 }, 0],
  ['behind the frontier', { start: 0, end: 10, frontier: 4 }, 6],
  ['done above the frontier does not wait', { start: 0, end: 10, frontier: 4, doneAbove: 5 }, 1],
  ['never read: from the committed offset, pinned at the deploy', { start: 0, end: 10, committed: 7 }, 3],
  ['never read, nothing committed: the whole log', { start: 2, end: 10 }, 8],
  ['the frontier comes before the committed offset', { start: 0, end: 10, frontier: 8, committed: 3 }, 2],
  ['what retention has removed does not wait', { start: 6, end: 10, frontier: 2 }, 4],
  ['a log that lost its end (a topic made again) is not a negative backlog', { start: 0, end: 3, frontier: 10 }, 0],
])('%s', (_, given, expected) => {
  expect(backlogOf(given)?.backlogEvents).toBe(expected);
});

test('a partition that was never read has no frontier, rather than 0', () => {
  expect(backlogOf({ start: 0, end: 1 })).not.toHaveProperty('frontier');
  expect(backlogOf({ start: 0, end: 1, frontier: 0 })).toHaveProperty('frontier', 0);
});

test('a topic that is not there has no partitions', () => {
  expect(partitionBacklogs(live, new Map(), [], new Map())).toStrictEqual([]);
});

const offset = fc.integer({ min: 0, max: 1_000 });

test('law: never negative, never more than the log holds, and no more after progress', () => {
  fc.assert(
    fc.property(offset, offset, offset, offset, (start, length, frontier, step) => {
      const log = { start, end: start + length };
      const before = backlogOf({ ...log, frontier })?.backlogEvents ?? -1;
      const after = backlogOf({ ...log, frontier: frontier + step })?.backlogEvents ?? -1;
      expect(before).toBeGreaterThanOrEqual(0);
      expect(before).toBeLessThanOrEqual(length);
      expect(after).toBeLessThanOrEqual(before);
    }),
  );
});

test('the backlog of a function is that of its partitions', () => {
  expect(backlogEvents([])).toBe(0);
  expect(
    backlogEvents([
      { topic: 't', partition: 0, startOffset: 0, endOffset: 3, backlogEvents: 3 },
      { topic: 't', partition: 1, startOffset: 0, endOffset: 4, backlogEvents: 4 },
    ]),
  ).toBe(7);
});

const report = (times: readonly (number | undefined)[]) =>
  unitReport('a.b', { partitions: times.map((oldestAppendedAtMs, partition) => partitionReport('t', partition, { oldestAppendedAtMs })) });

test.each([
  ['nobody reports', undefined, undefined],
  ['nothing waits', report([undefined, undefined]), undefined],
  ['the oldest of all partitions', report([900, undefined, 400]), 600],
  ['a clock that went back', report([1_500]), 0],
])('age of the oldest event: %s', (_, given, expected) => {
  expect(oldestAgeMs(given, 1_000)).toBe(expected);
});
