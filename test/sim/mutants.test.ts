import { availableParallelism } from 'node:os';
import { describe, expect, test } from 'vitest';
import { type Mutant, mutants } from './mutants.ts';
import { runSeeds } from './seed-pool.ts';
import type { SeedRequest } from './seed-worker.ts';

const seedsMax = 300;

function* seedsOf({ mode }: Mutant): Iterable<SeedRequest> {
  for (let seed = 1; seed <= seedsMax; seed += 1) yield { seed, mode, traced: false };
}

describe(`a planted bug is found within ${seedsMax} seeds`, () => {
  test.each(mutants.map(mutant => [mutant.name, mutant] as const))('%s', { timeout: 120_000 }, async (_, mutant) => {
    let found: readonly string[] = [];
    await runSeeds(seedsOf(mutant), { threads: Math.min(2, availableParallelism()), mutations: [mutant] }, ({ violations }) => {
      found = violations.map(violation => violation.slice(0, violation.indexOf(':')));
      return found.length > 0 ? 'stop' : 'go on';
    });
    expect(found.filter(invariant => mutant.breaks.includes(invariant))).not.toEqual([]);
  });
});
