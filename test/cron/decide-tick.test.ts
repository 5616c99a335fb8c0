import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decideTick, missedMax, onTimeMs, type TickInput } from '../../controller/cron/decide-tick.ts';

const minute = 60_000;
const every = { when: { everyMs: minute }, timezone: 'UTC' } as const;
const input = (
  missed: 'latest' | 'all' | 'skip',
  overlap: 'forbid' | 'allow',
  decided: number,
  now: number,
  previousDone = true,
): TickInput => ({
  trigger: { ...every, missed, overlap },
  decidedUntilMs: decided * minute,
  nowMs: now * minute,
  previousDone,
});

test.each([
  // what                                      missed    overlap   decided now   done   fire       missed        overlap
  ['nothing is due', 'latest', 'forbid', 5, 5.9, true, [], [], []],
  ['one is due', 'latest', 'forbid', 5, 6, true, [6], [], []],
  ['one is due, a little late', 'skip', 'forbid', 5, 6.08, true, [6], [], []],
  ['one is due while the last one runs', 'latest', 'forbid', 5, 6, false, [], [], [6]],
  ['… which may overlap', 'latest', 'allow', 5, 6, false, [6], [], []],
  ['one was missed', 'latest', 'forbid', 5, 6.5, true, [6], [], []],
  ['… and is skipped', 'skip', 'forbid', 5, 6.5, true, [], [6], []],
  ['… while the last one runs', 'latest', 'forbid', 5, 6.5, false, [], [], [6]],
  ['three were missed: the latest', 'latest', 'forbid', 5, 8.5, true, [8], [6, 7], []],
  ['three were missed: all', 'all', 'forbid', 5, 8.5, true, [6, 7, 8], [], []],
  ['three were missed: all, though the last one runs', 'all', 'forbid', 5, 8.5, false, [6, 7, 8], [], []],
  ['two were missed and one is due now', 'latest', 'forbid', 5, 8, true, [8], [6, 7], []],
  ['two were missed and one is due now: all', 'all', 'forbid', 5, 8, true, [6, 7, 8], [], []],
  ['two were missed and one is due now: skip', 'skip', 'allow', 5, 8, true, [8], [6, 7], []],
  ['the clock went back', 'all', 'allow', 8, 5, true, [], [], []],
] as const)('%s (%s, %s)', (_, missed, overlap, decided, now, done, fire, skippedMissed, skippedOverlap) => {
  const decision = decideTick(input(missed, overlap, decided, now, done));
  const of = (why: string) => decision.skipped.filter(skip => skip.why === why).map(({ dueMs }) => dueMs / minute);
  expect([decision.fire.map(ms => ms / minute), of('missed'), of('overlap')]).toEqual([fire, skippedMissed, skippedOverlap]);
  expect(decision.decidedUntilMs / minute).toBe(Math.max(decided, Math.floor(now)));
});

test('all means the latest thousand', () => {
  const { fire } = decideTick(input('all', 'forbid', 0, 5_000.5));
  expect([fire.length, fire[0], fire.at(-1)]).toEqual([missedMax, 4_001 * minute, 5_000 * minute]);
});

const inputs = fc.record({
  trigger: fc.record({
    when: fc.integer({ min: 500, max: 120_000 }).map(everyMs => ({ everyMs })),
    timezone: fc.constant('UTC'),
    missed: fc.constantFrom('latest', 'all', 'skip'),
    overlap: fc.constantFrom('forbid', 'allow'),
  }),
  decidedUntilMs: fc.integer({ min: 0, max: 1_000_000 }),
  nowMs: fc.integer({ min: 0, max: 1_100_000 }),
  previousDone: fc.boolean(),
});

test('each due time is fired or skipped, never both, and decided once', () => {
  fc.assert(
    fc.property(inputs, given => {
      const { fire, skipped, decidedUntilMs } = decideTick(given);
      const all = [...fire, ...skipped.map(({ dueMs }) => dueMs)].sort((a, b) => a - b);
      expect(new Set(all).size).toBe(all.length);
      expect(all.every(ms => ms > given.decidedUntilMs && ms <= given.nowMs)).toBe(true);
      expect(decidedUntilMs).toBeGreaterThanOrEqual(given.decidedUntilMs);
      expect(decideTick({ ...given, decidedUntilMs })).toEqual({ fire: [], skipped: [], decidedUntilMs });
    }),
  );
});

test('with forbid nothing fires while the last one runs, except a series that is caught up with', () => {
  fc.assert(
    fc.property(inputs, given => {
      const { fire } = decideTick({ ...given, previousDone: false, trigger: { ...given.trigger, overlap: 'forbid' } });
      if (given.trigger.missed !== 'all') expect(fire).toEqual([]);
      else expect(fire.length === 0 || given.nowMs - (fire[0] ?? 0) > onTimeMs).toBe(true);
    }),
  );
});
