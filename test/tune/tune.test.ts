import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import type { FunctionSpec } from '../../controller/manifest/spec.ts';
import type { PodInfo } from '../../controller/ports/pods.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { noMetrics } from '../../controller/telemetry/metrics.ts';
import { recordHandling } from '../../controller/tune/handling-loop.ts';
import { HandlingMeter } from '../../controller/tune/handling-meter.ts';
import { handlingOf, type Measured, measuredOf } from '../../controller/tune/handling-record.ts';
import { Spread } from '../../controller/tune/spread.ts';
import { type SeenLoad, suggest } from '../../controller/tune/suggest.ts';
import { liveFunction } from '../gateway/live-functions.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const unit = 'shop.totals';
const Mi = 2 ** 20;

describe('a spread', () => {
  test('law: a quantile is at least the exact one, and at most a fifth above it', () => {
    const times = fc.array(fc.double({ min: 0.06, max: 500_000, noNaN: true }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(times, fc.double({ min: 0.01, max: 1, noNaN: true }), (values, part) => {
        const spread = new Spread();
        for (const value of values) spread.add(value);
        const exact = [...values].sort((a, b) => a - b)[Math.ceil(values.length * part - 1e-9) - 1] ?? 0;
        const found = spread.quantile(part) ?? 0;
        expect(found).toBeGreaterThanOrEqual(exact * 0.999);
        expect(found).toBeLessThanOrEqual(exact * 2 ** 0.25 * 1.001);
      }),
    );
  });

  test('law: stored in parts and put together again it is the same', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }))), parts => {
        const [whole, joined] = [new Spread(), new Spread()];
        for (const values of parts) {
          const part = new Spread();
          for (const value of values) {
            part.add(value);
            whole.add(value);
          }
          joined.addAll(part.sparse());
        }
        expect(joined.sparse()).toEqual(whole.sparse());
      }),
    );
  });

  test('of nothing has no quantile', () => expect(new Spread().quantile(0.5)).toBeUndefined());
});

test('each minute is written down: times, batches and the most memory of a pod that answers', async () => {
  const clock = new VirtualClock();
  const { history } = createMemoryAdapters({ clock, random: seededRandom(1) });
  const meter = new HandlingMeter();
  const metrics = meter.watching(noMetrics);
  const pod = (id: string): PodInfo => ({ id, bootId: id, address: id, pid: undefined, startedAtMs: 0, token: '' });
  const view = { unit, revision: 'r1', state: 'ready', handler: 'event', concurrency: 4 } as const;
  const rss: Record<string, number> = { a: 80 * Mi, b: 120 * Mi };
  const stopping = new AbortController();
  const running = recordHandling(
    {
      ...{ meter, history, clock, log: silentLog },
      pods: { podsOf: () => ['a', 'b', 'gone'].map(id => ({ ...view, pod: pod(id) })) },
      client: {
        status: async ({ id }) => {
          const rssBytes = rss[id];
          if (rssBytes === undefined) throw new Error('no answer');
          return { wireVersions: [1], state: 'ready', bootId: id, unit, revision: 'r1', handler: 'event', eventsInFlight: 0, rssBytes };
        },
      },
    },
    stopping.signal,
  );
  metrics.observeAll('faas_handler_seconds', { unit }, [0.002, 0.002, 0.3]);
  metrics.observe('faas_batch_events', { unit }, 3);
  await clock.advance(61_000);
  metrics.observeAll('faas_handler_seconds', { unit }, [0.004]);
  metrics.observe('faas_batch_events', { unit }, 1);
  await clock.advance(61_000);
  stopping.abort();
  await clock.advance(1_000);
  await running;
  const records = (await history.read({ kind: 'observation', unit, limit: 10 })).flatMap(entry => handlingOf(entry) ?? []);
  expect(records).toHaveLength(2);
  const measured = measuredOf(records);
  expect(measured).toMatchObject({ events: 4, slowestMs: 300, batches: 2, batchEventsMean: 2, largestBatch: 3, memoryBytes: 120 * Mi });
  expect(measured.p50Ms).toBeLessThanOrEqual(2.4);
  expect(measured.p99Ms).toBe(300);
});

test.each([
  ['another kind of entry', { what: 'scale' }],
  ['a spread that is none', { what: 'handling', times: [[999, 1]], slowestMs: 1, batches: 1, batchEvents: 1, largestBatch: 1 }],
  ['a figure that is none', { what: 'handling', times: [], slowestMs: null, batches: 1, batchEvents: 1, largestBatch: 1 }],
])('%s is passed over', (_, data) => {
  expect(handlingOf({ data })).toBeUndefined();
});

describe('suggestions', () => {
  const stream = {
    kind: 'stream',
    streams: [],
    from: 'latest',
    order: 'key',
    batch: { size: 100, windowMs: 0 },
    filter: undefined,
  } as const;
  const usual: Measured = {
    events: 50_000,
    ...{ p50Ms: 3, p99Ms: 40, slowestMs: 900, batches: 2_000, batchEventsMean: 25, largestBatch: 100, memoryBytes: 110 * Mi },
  };
  const load: SeenLoad = { podRate: 800, laneRate: 100, startMs: 800, arrivalRateMost: 1_200 };
  const limits = { timeoutMs: 10_000, lifespanMs: 600_000, memoryBytes: 256 * Mi, cpuMillis: 500, concurrency: 16 };
  const scale = { min: 0, max: 4, maxAgeMs: 30_000, lagThreshold: undefined };
  type Change = { spec?: Partial<FunctionSpec>; measured?: Partial<Measured>; load?: Partial<SeenLoad> };
  const run = (change: Change) => {
    const { spec } = liveFunction(unit, [stream], { limits, scale, ...change.spec });
    return suggest(spec, { ...usual, ...change.measured }, { ...load, ...change.load });
  };
  const { podRate: _, laneRate: __, ...blind } = load;

  test.each<[string, Change, readonly string[]]>([
    ['what fits', {}, []],
    ['nothing measured', { measured: { events: 0 }, load: {} }, []],
    ['a slow event near the time limit', { measured: { slowestMs: 9_000 } }, ['limits.timeout 10000 30000']],
    ['a time limit far above everything', { spec: { limits: { ...limits, timeoutMs: 300_000 } } }, ['limits.timeout 300000 3000']],
    ['too few events to speak of the slowest', { measured: { events: 999, slowestMs: 9_000 } }, []],
    ['memory near its limit', { measured: { memoryBytes: 230 * Mi } }, [`limits.memory ${256 * Mi} ${352 * Mi}`]],
    ['much memory for little', { spec: { limits: { ...limits, memoryBytes: 2_048 * Mi } } }, [`limits.memory ${2_048 * Mi} ${192 * Mi}`]],
    ['a handler that only computes', { load: { podRate: 110 } }, ['limits.concurrency 16 3', 'scale.max 4 15']],
    ['a handler that only waits', { load: { podRate: 1_550 } }, ['limits.concurrency 16 32']],
    [
      'full batches of a quick handler',
      { spec: { on: [{ ...stream, batch: { size: 10, windowMs: 0 } }] }, measured: { batchEventsMean: 10 } },
      ['batch.size 10 1000'],
    ],
    [
      'batches that take seconds',
      { load: { podRate: 160, laneRate: 20, arrivalRateMost: 100 }, measured: { batchEventsMean: 900 } },
      ['batch.size 100 200'],
    ],
    ['more came than the pods can do', { load: { arrivalRateMost: 4_000 } }, ['scale.max 4 8']],
    [
      'the same where pods are to be less busy',
      { spec: { scale: { ...scale, prefer: 'latency' } }, load: { arrivalRateMost: 4_000 } },
      ['scale.max 4 10'],
    ],
    ['more than any manifest takes', { load: { arrivalRateMost: 40_000_000 } }, ['scale.max 4 10000']],
    ['the most there is', { spec: { scale: { ...scale, max: 10_000 } }, load: { arrivalRateMost: 40_000_000 } }, []],
    [
      'a slow event near the longest time limit',
      { spec: { limits: { ...limits, timeoutMs: 80_000_000 } }, measured: { slowestMs: 79_000_000, p99Ms: 70_000_000 } },
      ['limits.timeout 80000000 86400000'],
    ],
    ['a maxAge that cannot be reached', { load: { startMs: 40_000 } }, ['scale.maxAge 30000 50000']],
  ])('%s', (_name, change, expected) => {
    const found =
      change.load !== undefined && Object.keys(change.load).length === 0
        ? suggest(liveFunction(unit, []).spec, { ...usual, events: 0 }, {})
        : run(change);
    expect(found.map(one => `${one.key} ${one.now} ${one.suggested}`)).toEqual(expected);
  });

  test('a pod that was never full: nothing is said of its places', () => {
    const { spec } = liveFunction(unit, [stream], { limits, scale });
    expect(suggest(spec, usual, blind)).toEqual([]);
  });

  test('law: a limit that was taken over is not changed again', () => {
    fc.assert(
      fc.property(
        fc.record({
          slowestMs: fc.integer({ min: 50, max: 100_000 }),
          memory: fc.integer({ min: 60, max: 900 }),
          rate: fc.integer({ min: 10, max: 9_000 }),
        }),
        ({ slowestMs, memory, rate }) => {
          const change = { measured: { slowestMs, memoryBytes: memory * Mi }, load: { arrivalRateMost: rate } };
          const taken = new Map(run(change).map(one => [one.key, one.suggested]));
          const next = run({
            ...change,
            spec: {
              limits: {
                ...limits,
                timeoutMs: taken.get('limits.timeout') ?? limits.timeoutMs,
                memoryBytes: taken.get('limits.memory') ?? limits.memoryBytes,
              },
              scale: { ...scale, max: taken.get('scale.max') ?? scale.max },
            },
          });
          expect(next.map(one => one.key).filter(key => key !== 'limits.concurrency')).toEqual([]);
        },
      ),
    );
  });
});
