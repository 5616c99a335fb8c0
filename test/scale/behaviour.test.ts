import { describe, expect, test } from 'vitest';
import { seeded } from '../../bench/scaling/trace.ts';
import type { SimulatedWorld } from '../../controller/scale/simulate.ts';
import { conditionsAt, run, world } from './run-world.ts';

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
