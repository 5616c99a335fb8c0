import { describe, expect, test } from 'vitest';
import { poisson, seeded } from '../../bench/scaling/trace.ts';
import { decide } from '../../controller/scale/decide.ts';
import type { ScaleInputs } from '../../controller/scale/decision.ts';
import type { ScalePolicy } from '../../controller/scale/policy.ts';
import { type SimulatedWorld, scalerOf, simulate } from '../../controller/scale/simulate.ts';
import { policyForTest } from './policy.ts';

const slotMs = 500;
const many = [{ share: 1, rateMax: Number.POSITIVE_INFINITY }];

/** Pods that finish 100 events a second each, and `seconds` of the given rate. */
function world(seconds: number, rate: (second: number) => number, change: Partial<SimulatedWorld> = {}): SimulatedWorld {
  const random = seeded(1);
  const arrivals = Array.from({ length: (seconds * 1_000) / slotMs }, (_, slot) =>
    poisson(rate((slot * slotMs) / 1_000) * (slotMs / 1_000), random),
  );
  return { arrivals, slotMs, lanes: many, serviceMs: 100, concurrency: 10, startMs: 3_000, ...change };
}

function run(given: SimulatedWorld, change: Partial<ScalePolicy> = {}, replicas = 1) {
  const inputs: ScaleInputs[] = [];
  const result = simulate(
    given,
    scalerOf(
      given,
      () => ({ ...policyForTest, ...change }),
      one => inputs.push(one),
    ),
    { replicas, maxAgeMs: 30_000 },
  );
  return { ...result, inputs };
}

const conditionsAt = (inputs: readonly ScaleInputs[], second: number) => {
  const at = inputs[second];
  return at === undefined ? [] : decide(at).conditions.map(one => one.type);
};

test.each([3, 40, 95, 180, 420, 1_000, 2_350])('constant load of %i/s: no change once settled', rate => {
  const { actions, withinMaxAge } = run(world(3_600, () => rate));
  expect(actions.filter(one => one.atMs > 1_200_000)).toEqual([]);
  expect(withinMaxAge).toBeGreaterThan(0.999);
});

test.each([40, 180, 420, 1_000])('a tenth of noise around %i/s: at most one change in 10 minutes, never up and down within 5', rate => {
  const chance = seeded(7);
  const { actions } = run(world(7_200, () => rate * (0.9 + 0.2 * chance())));
  const settled = actions.filter(one => one.atMs > 1_200_000);
  settled.forEach((one, index) => {
    const next = settled[index + 1];
    if (next !== undefined) expect(next.atMs - one.atMs).toBeGreaterThan(600_000);
  });
  actions.forEach((one, index) => {
    const next = actions[index + 1];
    if (one.to > one.from && next !== undefined && next.to < next.from) expect(next.atMs - one.atMs).toBeGreaterThanOrEqual(300_000);
  });
});

test('one hot partition with order: partition: PartitionBound within 60 s, and no useless action after it', () => {
  const lanes = Array.from({ length: 12 }, () => ({ share: 0.04, rateMax: 10 }));
  const hot = [{ share: 0.52, rateMax: 10 }, ...lanes];
  const { inputs, actions } = run(
    world(1_800, second => (second < 600 ? 15 : 60), { lanes: hot }),
    { order: 'partition' },
    1,
  );
  expect(conditionsAt(inputs, 659)).toContain('PartitionBound');
  // 12 lanes of up to 10/s and the hot one: two pods of ten lanes are all that can work.
  expect(Math.max(...actions.map(one => one.to))).toBeLessThanOrEqual(2);
  expect(actions.filter(one => one.atMs > 660_000)).toEqual([]);
});

test.each([400, 600, 2_000, 4_000])('downstream capped at 300/s, and %i/s come: no more than one pod above what is useful', rate => {
  const { inputs, actions } = run(
    world(3_600, second => (second < 300 ? 90 : rate), { downstreamRate: 300 }),
    {},
    1,
  );
  const at = (second: number) => actions.filter(one => one.atMs <= second * 1_000).at(-1)?.to;
  for (const second of [800, 1_200, 2_000, 3_000, 3_500]) expect(at(second), `after ${second} s`).toBeLessThanOrEqual(4);
  expect(conditionsAt(inputs, 1_000)).toContain('DownstreamBound');
});

describe('nothing changes while nobody can see', () => {
  const calm = (change: Partial<SimulatedWorld>) =>
    run(
      world(2_400, () => 420, change),
      {},
      5,
    );
  test.each([
    ['the log cannot be read for 5 minutes', { blind: [900_000, 1_200_000] }],
    ['the controller is gone for 5 minutes', { leaderless: [900_000, 1_200_000] }],
    ['the clock is moved on by an hour', { clockJump: { atMs: 900_000, byMs: 3_600_000 } }],
    ['the clock is moved back by an hour', { clockJump: { atMs: 900_000, byMs: -3_600_000 } }],
  ] as const)('%s', (_, change) => {
    const { actions } = calm(change);
    expect(actions.filter(one => one.atMs > 600_000)).toEqual([]);
  });
});
