import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type FleetPod, type FleetWish, loadBackoffMs, planFleet } from '../../controller/fleet/plan-fleet.ts';

const small = 2 ** 28;
const limits = { pool: 1, podsMax: 6, refillNotBeforeMs: 0, memoryBytes: small };
const generic = (id: string): FleetPod => ({
  id,
  phase: 'generic',
  unit: undefined,
  revision: undefined,
  eventsInFlight: 0,
  startedAtMs: 0,
  memoryBytes: small,
});
const ready = (id: string, revision = 'r2', eventsInFlight = 0): FleetPod => ({
  id,
  phase: 'ready',
  unit: 'shop.totals',
  revision,
  eventsInFlight,
  startedAtMs: 0,
  memoryBytes: small,
});
const wish = (replicas: number, change: Partial<FleetWish> = {}): FleetWish => ({
  unit: 'shop.totals',
  revision: 'r2',
  replicas,
  notBeforeMs: 0,
  memoryBytes: small,
  drainBusyAtMs: Number.POSITIVE_INFINITY,
  ...change,
});
const brief = (pods: readonly FleetPod[], wishes: readonly FleetWish[], given = limits) =>
  planFleet(pods, wishes, given, 1_000).map(action =>
    action.kind === 'start'
      ? 'start'
      : action.kind === 'load'
        ? `load ${action.podId} ${action.unit}`
        : `drain ${action.podId} ${action.why}`,
  );

describe('plan', () => {
  test.each<[string, readonly FleetPod[], readonly FleetWish[], readonly string[]]>([
    ['nothing wished: the pool is filled', [], [], ['start']],
    ['the pool is full', [generic('a')], [], []],
    ['a pool that is too large shrinks', [generic('a'), generic('b')], [], ['drain b pool-surplus']],
    ['a wish takes the generic pod, and the pool is refilled later', [generic('a')], [wish(1)], ['load a shop.totals']],
    ['no generic pod: one for the wish, one for the pool', [], [wish(1)], ['start', 'start']],
    ['what is wished for is there', [ready('a'), generic('b')], [wish(1)], []],
    ['surplus goes, the idle one first', [ready('a', 'r2', 3), ready('b'), generic('c')], [wish(1)], ['drain b surplus']],
    ['a surplus pod with work in flight stays', [ready('a', 'r2', 3), generic('c')], [wish(0)], []],
    [
      'of surplus pods that are never idle, the one with the least work goes in the end',
      [ready('a', 'r2', 3), ready('b', 'r2', 2), generic('c')],
      [wish(1, { drainBusyAtMs: 1_000 })],
      ['drain b surplus'],
    ],
    ['but not before', [ready('a', 'r2', 3), ready('b', 'r2', 2), generic('c')], [wish(1, { drainBusyAtMs: 1_001 })], []],
    ['an old revision stays while the new one has no ready pod', [ready('a', 'r1'), generic('b')], [wish(1)], ['load b shop.totals']],
    ['an old revision goes when the new one is ready', [ready('a', 'r1', 2), ready('b'), generic('c')], [wish(1)], ['drain a replaced']],
    ['an old revision goes when nothing is wished', [ready('a', 'r1'), generic('c')], [wish(0)], ['drain a replaced']],
    ['a function that is gone', [ready('a'), generic('c')], [], ['drain a removed']],
    ['after a failed load nothing is started for it before its time', [generic('a')], [wish(1, { notBeforeMs: 1_001 })], []],
    ['no more pods than the machine may have', ['a', 'b', 'c', 'd', 'e', 'f'].map(id => ready(id)), [wish(9)], []],
    [
      'a function without a pod comes before one that wants more',
      [ready('a'), generic('b')],
      [wish(2), wish(1, { unit: 'shop.vips' })],
      ['load b shop.vips', 'start'],
    ],
  ])('%s', (_, pods, wishes, expected) => {
    expect(brief(pods, wishes)).toEqual(expected);
  });

  test('after a load the pool is refilled only when its time has come', () => {
    expect(brief([], [], { ...limits, refillNotBeforeMs: 1_001 })).toEqual([]);
    expect(brief([], [wish(1)], { ...limits, refillNotBeforeMs: 1_001 })).toEqual(['start']);
    expect(brief([], [], { ...limits, refillNotBeforeMs: 1_000 })).toEqual(['start']);
  });

  test('a pod of fixed memory takes only functions of its size, and each size in use has its pool', () => {
    const large = { memoryBytes: 2 * small };
    const sizes = (pods: readonly FleetPod[], wishes: readonly FleetWish[], podsMax = 6) =>
      planFleet(pods, wishes, { ...limits, podsMax }, 1_000).map(action =>
        action.kind === 'start' ? `start ${action.memoryBytes / small}` : `${action.kind} ${action.podId}`,
      );
    expect(sizes([generic('a')], [wish(1, large)])).toEqual(['start 2', 'start 2']);
    expect(sizes([generic('a'), { ...generic('b'), ...large }], [wish(1, large)])).toEqual(['load b']);
    expect(sizes([generic('a'), { ...generic('b'), ...large }], [])).toEqual(['drain b']);
    expect(sizes([generic('a')], [wish(1, large)], 1)).toEqual(['drain a']);
  });

  const pods = fc.uniqueArray(
    fc.record({
      id: fc.stringMatching(/^[a-z]{1,3}$/),
      phase: fc.constantFrom('starting' as const, 'generic' as const, 'loading' as const, 'ready' as const, 'draining' as const),
      owner: fc.constantFrom('shop.totals', 'shop.vips'),
      revision: fc.constantFrom('r1', 'r2'),
      eventsInFlight: fc.nat(3),
      startedAtMs: fc.nat(10),
      memoryBytes: fc.constantFrom(small, 2 * small),
    }),
    { selector: pod => pod.id, maxLength: 8 },
  );
  const fleets = pods.map(list =>
    list.map(
      ({ owner, revision, ...pod }): FleetPod =>
        pod.phase === 'generic' || pod.phase === 'starting'
          ? { ...pod, unit: undefined, revision: undefined }
          : { ...pod, unit: owner, revision },
    ),
  );
  const wishLists = fc.tuple(fc.nat(4), fc.nat(4)).map(([totals, vips]) => [wish(totals), wish(vips, { unit: 'shop.vips' })]);

  test('law: never more pods than the limit, never one pod for two things', () => {
    fc.assert(
      fc.property(fleets, wishLists, (fleet, wishes) => {
        const actions = planFleet(fleet, wishes, limits, 0);
        expect(fleet.length + actions.filter(action => action.kind === 'start').length).toBeLessThanOrEqual(
          Math.max(fleet.length, limits.podsMax),
        );
        const touched = actions.flatMap(action => (action.kind === 'start' ? [] : [action.podId]));
        expect(new Set(touched).size).toBe(touched.length);
      }),
    );
  });

  test('law: a function that is wished for and has a ready pod keeps one', () => {
    fc.assert(
      fc.property(fleets, wishLists, (fleet, wishes) => {
        const actions = planFleet(fleet, wishes, limits, 0);
        const drained = new Set(actions.flatMap(action => (action.kind === 'drain' ? [action.podId] : [])));
        for (const { unit, replicas } of wishes) {
          const serving = fleet.filter(pod => pod.unit === unit && pod.phase === 'ready');
          if (replicas > 0 && serving.length > 0) expect(serving.some(pod => !drained.has(pod.id))).toBe(true);
        }
      }),
    );
  });
});

test.each([
  [0, 0],
  [1, 500],
  [2, 1_000],
  [6, 16_000],
  [7, 30_000],
  [1_000, 30_000],
])('after %i failed loads the next start waits %i ms', (failures, waitMs) => {
  expect(loadBackoffMs(failures)).toBe(waitMs);
});
