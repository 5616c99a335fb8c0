import fc from 'fast-check';
import { createTask } from 'node-cron';
import { afterEach, expect, test, vi } from 'vitest';
import { type Calendar, dueTimes, nextDue } from '../../controller/cron/due-times.ts';

const at = (text: string) => Date.parse(text);
const iso = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString().slice(0, 16));
const cron = (pattern: string, timezone = 'UTC'): Calendar => ({ when: { cron: pattern }, timezone });

/** The next `n` due times after `from`. */
function following(calendar: Calendar, from: string, n: number): readonly (string | undefined)[] {
  const times: (string | undefined)[] = [];
  for (let due = nextDue(calendar, at(from)); due !== undefined && times.length < n; due = nextDue(calendar, due)) times.push(iso(due));
  return times;
}

test.each([
  ['every day at noon', cron('0 12 * * *'), '2026-01-01T00:00Z', ['2026-01-01T12:00', '2026-01-02T12:00']],
  ['strictly after', cron('0 12 * * *'), '2026-01-01T12:00Z', ['2026-01-02T12:00', '2026-01-03T12:00']],
  ['in a zone', cron('0 6 * * *', 'Europe/Kyiv'), '2026-01-01T00:00Z', ['2026-01-01T04:00', '2026-01-02T04:00']],
  [
    'a day of the month or a day of the week',
    cron('0 0 1 * 1'),
    '2026-01-26T12:00Z',
    ['2026-02-01T00:00', '2026-02-02T00:00', '2026-02-09T00:00'],
  ],
  [
    'the spring day runs 02:30 once, when the clock has passed it',
    cron('30 2 * * *', 'America/New_York'),
    '2026-03-07T12:00Z',
    ['2026-03-08T07:00', '2026-03-09T06:30'],
  ],
  ['the spring day of another zone', cron('30 3 * * *', 'Europe/Kyiv'), '2026-03-28T12:00Z', ['2026-03-29T01:00', '2026-03-30T00:30']],
  [
    'the autumn day runs 01:30 once, the first time',
    cron('30 1 * * *', 'America/New_York'),
    '2026-10-31T12:00Z',
    ['2026-11-01T05:30', '2026-11-02T06:30'],
  ],
  [
    'the autumn day has both hours of an hourly schedule',
    cron('0 * * * *', 'America/New_York'),
    '2026-11-01T04:30Z',
    ['2026-11-01T05:00', '2026-11-01T06:00', '2026-11-01T07:00'],
  ],
  [
    'a zone that moves by half an hour',
    cron('0 2 * * *', 'Australia/Lord_Howe'),
    '2026-04-03T20:00Z',
    ['2026-04-04T15:30', '2026-04-05T15:30'],
  ],
  [
    'every counts from the epoch',
    { when: { everyMs: 86_400_000 }, timezone: 'UTC' },
    '2026-01-01T11:11Z',
    ['2026-01-02T00:00', '2026-01-03T00:00'],
  ],
  ['at is once', { when: { atMs: at('2026-05-05T05:05Z') }, timezone: 'UTC' }, '2026-01-01T00:00Z', ['2026-05-05T05:05']],
  ['at is never after it', { when: { atMs: at('2026-05-05T05:05Z') }, timezone: 'UTC' }, '2026-05-05T05:05Z', []],
] as const)('%s', (_, calendar, from, expected) => {
  expect(following(calendar, from, Math.max(expected.length, 1))).toEqual(expected);
});

const zones = [
  'UTC',
  'Europe/Kyiv',
  'America/New_York',
  'Australia/Lord_Howe',
  'Africa/Casablanca',
  'Asia/Kolkata',
  'Pacific/Apia',
] as const;
const patterns = [
  '*/7 * * * *',
  '0 * * * *',
  '30 2 * * *',
  '0 0 * * *',
  '15 1 * * *',
  '0 3 1 * 1',
  '*/20 1-3 * * *',
  '59 23 28-31 * *',
] as const;
const calendars: fc.Arbitrary<Calendar> = fc.oneof(
  fc.record({ when: fc.constantFrom(...patterns).map(pattern => ({ cron: pattern })), timezone: fc.constantFrom(...zones) }),
  fc.record({ when: fc.integer({ min: 1_000, max: 90_000_000 }).map(everyMs => ({ everyMs })), timezone: fc.constant('UTC') }),
  fc.record({
    when: fc.integer({ min: at('2026-01-01T00:00Z'), max: at('2027-01-01T00:00Z') }).map(atMs => ({ atMs })),
    timezone: fc.constant('UTC'),
  }),
);
const instants = fc.integer({ min: at('2026-01-01T00:00Z'), max: at('2026-12-31T00:00Z') });

test('looking back finds what looking ahead finds, and keeps the latest', () => {
  fc.assert(
    fc.property(
      calendars,
      instants,
      fc.integer({ min: 0, max: 4 * 86_400_000 }),
      fc.integer({ min: 1, max: 50 }),
      (calendar, afterMs, spanMs, max) => {
        const untilMs = afterMs + spanMs;
        const ahead: number[] = [];
        for (
          let due = nextDue(calendar, afterMs);
          due !== undefined && due <= untilMs && ahead.length < 3_000;
          due = nextDue(calendar, due)
        )
          ahead.push(due);
        fc.pre(ahead.length < 3_000);
        expect(dueTimes(calendar, afterMs, untilMs, max)).toEqual(ahead.slice(-max));
      },
    ),
    { numRuns: 300 },
  );
});

test('due times of adjoining spans are those of the whole: none twice, none missing', () => {
  fc.assert(
    fc.property(
      calendars,
      instants,
      fc.array(fc.integer({ min: 0, max: 3_600_000 }), { minLength: 1, maxLength: 8 }),
      (calendar, startMs, steps) => {
        let fromMs = startMs;
        const pieces = steps.flatMap(step => {
          const piece = dueTimes(calendar, fromMs, fromMs + step, 100_000);
          fromMs += step;
          return piece;
        });
        expect(pieces).toEqual(dueTimes(calendar, startMs, fromMs, 100_000));
      },
    ),
    { numRuns: 100 },
  );
});

afterEach(() => vi.useRealTimers());

/** The next runs that node-cron plans at an instant. It asks the machine's clock, so that is set. */
function planned(pattern: string, timezone: string, from: string, n: number): readonly (string | undefined)[] {
  vi.useFakeTimers({ now: at(from), toFake: ['Date', 'setTimeout', 'clearTimeout'] });
  const task = createTask(pattern, () => {}, { timezone });
  void task.start();
  const runs = task.getNextRuns(n).map(date => iso(date.getTime()));
  void task.destroy();
  vi.useRealTimers();
  return runs;
}

test('on ordinary days node-cron plans the same times', () => {
  const ordinary = fc.constantFrom('2026-01-14T10:10:10Z', '2026-06-17T03:03:03Z', '2026-07-22T22:22:22Z', '2026-12-09T00:00:00Z');
  const usual = fc.constantFrom('*/5 * * * *', '0 6 * * *', '30 14 * * 1-5', '15 */3 * * *', '0 0 * * 0', '1,31 9-17 * * *', '0 12 20 * *');
  fc.assert(
    fc.property(usual, fc.constantFrom('UTC', 'Europe/Kyiv', 'America/New_York', 'Asia/Kolkata'), ordinary, (pattern, timezone, from) => {
      expect(following(cron(pattern, timezone), from, 3)).toEqual(planned(pattern, timezone, from, 3));
    }),
    { numRuns: 112 },
  );
});

test('node-cron wants both a day of the month and a day of the week: the 1st that is a Monday', () => {
  expect(following(cron('0 0 1 * 1'), '2026-01-01T12:00Z', 2)).toEqual(['2026-01-05T00:00', '2026-01-12T00:00']);
  expect(planned('0 0 1 * 1', 'UTC', '2026-01-01T12:00Z', 2)).toEqual(['2026-06-01T00:00', '2027-02-01T00:00']);
});

test('node-cron skips 02:30 on the spring day', () => {
  expect(following(cron('30 2 * * *', 'America/New_York'), '2026-03-07T12:00Z', 2)).toEqual(['2026-03-08T07:00', '2026-03-09T06:30']);
  expect(planned('30 2 * * *', 'America/New_York', '2026-03-07T12:00Z', 1)).toEqual(['2026-03-09T06:30']);
});

test('node-cron misses the second 01:00 of the autumn day', () => {
  expect(following(cron('0 * * * *', 'America/New_York'), '2026-11-01T04:30Z', 3)).toEqual([
    '2026-11-01T05:00',
    '2026-11-01T06:00',
    '2026-11-01T07:00',
  ]);
  expect(planned('0 * * * *', 'America/New_York', '2026-11-01T04:30Z', 2)).toEqual(['2026-11-01T05:00', '2026-11-01T07:00']);
});
