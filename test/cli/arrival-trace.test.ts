import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arrivalsOf, longestStretch, parseTrace, printTrace, spanOf } from '../../cli/arrival-trace.ts';
import { CommandFailure } from '../../cli/failure.ts';
import { missedBounds, tryPolicy } from '../../cli/try-policy.ts';
import { shopManifest, specOf } from '../api/start-admin.ts';

const every = (stepMs: number, ...rates: readonly number[]) => rates.map((arrivalRate, index) => ({ atMs: index * stepMs, arrivalRate }));
const lines = (points: readonly unknown[]) => points.map(point => JSON.stringify(point)).join('\n');

test('a rate holds until the next point, the last one as long as they usually are apart', () => {
  const trace = parseTrace(lines(every(10_000, 2, 4)), 'a.ndjson');
  expect(spanOf(trace)).toBe(20_000);
  expect(arrivalsOf(trace, 5_000)).toEqual([10, 10, 20, 20]);
});

test('law: what is written is read again, and no event is lost on the way to slots', () => {
  const rates = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 2, maxLength: 50 });
  fc.assert(
    fc.property(rates, values => {
      const trace = parseTrace(lines(every(10_000, ...values)), 'a');
      expect(parseTrace(printTrace(trace), 'b')).toEqual(trace);
      const events = values.reduce((sum, rate) => sum + rate * 10, 0);
      expect(arrivalsOf(trace, 500).reduce((sum, count) => sum + count, 0)).toBeCloseTo(events, 0);
    }),
  );
});

const hole = [...every(10_000, 1, 2, 3), { atMs: 200_000, arrivalRate: 4 }];
test.each([
  ['nothing', '', 'f has 0 points', ''],
  ['one point', lines(every(1, 5)), 'f has 1 point', ''],
  ['no JSON', '{"atMs": 1, "arrivalRate": 1}\n\nabc', '1 line of f cannot be read as points of a trace', 'f:3 is not JSON'],
  [
    'a rate that is not known',
    '{"atMs": 1, "arrivalRate": null}',
    '1 line of f cannot be read as points of a trace',
    'f:1 "arrivalRate" is no rate in events per second',
  ],
  [
    'a rate below zero',
    '{"atMs": 1, "arrivalRate": -1}',
    '1 line of f cannot be read as points of a trace',
    'f:1 "arrivalRate" is no rate in events per second',
  ],
  [
    'a time as text',
    '{"atMs": "now", "arrivalRate": 1}',
    '1 line of f cannot be read as points of a trace',
    'f:1 "atMs" is no time in milliseconds',
  ],
  [
    'time that goes back',
    lines([...every(10, 1, 2), { atMs: 5, arrivalRate: 1 }]),
    '1 line of f cannot be read as points of a trace',
    'f:3 "atMs" is not after that of the line before',
  ],
  [
    'a hole',
    lines(hole),
    'f has 1 hole: what came then is not known',
    'nothing from 1970-01-01T00:00:20.000Z to 1970-01-01T00:03:20.000Z (3m00s)',
  ],
  ['more than a week', lines(every(86_400_000, ...Array.from({ length: 9 }, () => 1))), 'f is 9d00h long, at most 7d00h are simulated', ''],
])('a bad file: %s', (_, text, message, where) => {
  let failure: unknown;
  try {
    parseTrace(text, 'f');
  } catch (cause) {
    failure = cause;
  }
  if (!(failure instanceof CommandFailure)) throw new Error('it was taken', { cause: failure });
  expect([failure.code, failure.message, failure.where[0] ?? '']).toEqual(['FAAS_TRACE_BAD', message, where]);
});

test('of what was recorded the longest stretch without a hole is taken, and what is left out is counted', () => {
  const late = every(10_000, 5, 6, 7, 8).map(point => ({ ...point, atMs: point.atMs + 500_000 }));
  const found = longestStretch([...every(10_000, 1, 2), ...late]);
  expect(found?.trace.points).toEqual(late);
  expect(found?.leftMs).toBe(500_000);
  expect(longestStretch(every(10_000, 1))).toBeUndefined();
});

const [fn] = specOf(shopManifest).functions;
const scaled = (scale: object) => {
  if (fn === undefined) throw new Error('the manifest has a function');
  return { ...fn, scale: { ...fn.scale, ...scale } };
};
/** An hour at 50/s, and 20 minutes of it at 500/s. */
const trace = parseTrace(lines(every(60_000, ...Array.from({ length: 60 }, (_, minute) => (minute >= 20 && minute < 40 ? 500 : 50)))), 'f');
const world = { trace, pod: { podRate: 100, startMs: 2_000, concurrency: 10 }, idleLimitMs: 300_000, replicas: 1 };

test('a policy is tried with the arrivals; one with too few pods is seen to miss, and a scheduled minimum costs pod hours', () => {
  const good = tryPolicy('good', scaled({ max: 20 }), world);
  expect(good.within).toBeGreaterThan(99.9);
  expect(good.podHours).toBeLessThan(5);
  expect(tryPolicy('good', scaled({ max: 20 }), world)).toEqual(good);
  const poor = tryPolicy('poor', scaled({ max: 2 }), world);
  expect(poor.within).toBeLessThan(50);
  const scheduled = tryPolicy('scheduled', scaled({ max: 20, schedule: [{ cron: '0 0 * * *', timezone: 'UTC', min: 8, max: 20 }] }), world);
  expect(scheduled.podHours).toBeGreaterThan(7.9);
  expect(missedBounds(good, { within: 99.9, p99Ms: 30_000, podHours: 5, actions: 10 }, String)).toEqual([]);
  expect(missedBounds(poor, { within: 99.9, p99Ms: 30_000, podHours: 0.1, actions: 0 }, String)).toHaveLength(4);
});

test('a maxAge below the start of a pod is tried, with a warning that says what is reachable', () => {
  expect(tryPolicy('quick', scaled({ maxAgeMs: 1_000 }), world).warning).toMatch(/^maxAge 1s is below the 4s /);
  expect(tryPolicy('calm', scaled({}), world)).not.toHaveProperty('warning');
});
