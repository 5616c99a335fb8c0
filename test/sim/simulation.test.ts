import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { modeNames } from './modes.ts';
import { regressions } from './regressions.ts';
import type { SeedResult } from './run-seed.ts';
import { runSeeds } from './seed-pool.ts';
import type { SeedRequest } from './seed-worker.ts';

const threads = Math.min(2, availableParallelism());
const seeds = 2_000;

async function failures(requests: readonly SeedRequest[]): Promise<readonly string[]> {
  const failed: SeedResult[] = [];
  let ran = 0;
  await runSeeds(requests, { threads }, result => {
    ran += 1;
    if (result.violations.length > 0) failed.push(result);
    return failed.length < 5 ? 'go on' : 'stop';
  });
  if (failed.length === 0) expect(ran).toBe(requests.length);
  return failed.map(({ seed, mode, violations }) => `npm run sim -- --seeds 1 --seed ${seed} --mode ${mode}: ${violations.join('; ')}`);
}

test(`the invariants hold over ${seeds} seeds in ${modeNames.length} modes`, { timeout: 900_000 }, async () => {
  const requests: SeedRequest[] = [];
  for (let seed = 1; seed <= seeds; seed += 1) {
    const mode = modeNames[seed % modeNames.length];
    if (mode !== undefined) requests.push({ seed, mode, traced: false });
  }
  expect(await failures(requests)).toEqual([]);
});

test('seeds that failed once hold', { timeout: 300_000 }, async () => {
  expect(await failures(regressions.map(({ seed, mode }) => ({ seed, mode, traced: false })))).toEqual([]);
});

test('the same seed is the same run, to the last line of its history', { timeout: 300_000 }, async () => {
  const histories: string[] = [];
  const request: SeedRequest = { seed: 7, mode: 'everything', traced: true };
  await runSeeds([request, request], { threads: 1 }, ({ history }) => {
    histories.push(history.join('\n'));
    return 'go on';
  });
  expect(histories).toHaveLength(2);
  expect(histories[0]?.length).toBeGreaterThan(10_000);
  expect(histories[1]).toBe(histories[0]);
});
