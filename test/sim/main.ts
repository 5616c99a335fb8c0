import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { type ModeName, modeNames } from './modes.ts';
import { mutants } from './mutants.ts';
import type { SeedResult } from './run-seed.ts';
import { runSeeds } from './seed-pool.ts';
import type { SeedRequest } from './seed-worker.ts';

/** `npm run sim -- [--seeds N] [--seed S] [--mode M] [--threads T] [--history lines] [--keep failures] [--mutant name]`: seeds from S on, over all modes or in one. */
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    mode: { type: 'string' },
    threads: { type: 'string', default: String(Math.min(availableParallelism(), 8)) },
    history: { type: 'string', default: '400' },
    keep: { type: 'string', default: '5' },
    mutant: { type: 'string' },
  },
});
const mode = modeNames.find(name => name === values.mode);
if (values.mode !== undefined && mode === undefined) {
  console.error(`unknown mode ${values.mode}; there are: ${modeNames.join(', ')}`);
  process.exit(2);
}
const [seeds, first, keep] = [Number(values.seeds), Number(values.seed), Number(values.keep)];
const mutant = mutants.find(({ name }) => name === values.mutant);
if (values.mutant !== undefined && mutant === undefined) {
  console.error(`unknown mutant; there are:\n${mutants.map(({ name }) => name).join('\n')}`);
  process.exit(2);
}
const mutations = mutant === undefined ? [] : [mutant];
const startedAt = performance.now();
const failed: SeedResult[] = [];
let ran = 0;

await runSeeds(requests(first, seeds, mode ?? mutant?.mode, false), { threads: Number(values.threads), mutations }, result => {
  ran += 1;
  if (result.violations.length > 0) failed.push(result);
  return failed.length >= keep ? 'stop' : 'go on';
});
const seconds = (performance.now() - startedAt) / 1000;
for (const { seed, mode: failedMode } of failed) {
  await runSeeds([{ seed, mode: failedMode, traced: true }], { threads: 1, mutations }, result => {
    print(result);
    return 'go on';
  });
}
console.log(`${ran} seeds in ${seconds.toFixed(1)} s, ${failed.length} failed`);
process.exitCode = failed.length > 0 ? 1 : 0;

function* requests(from: number, count: number, only: ModeName | undefined, traced: boolean): Iterable<SeedRequest> {
  for (let seed = from; seed < from + count; seed += 1) {
    const name = only ?? modeNames[seed % modeNames.length];
    if (name !== undefined) yield { seed, mode: name, traced };
  }
}

function print({ seed, mode: name, violations, history, setting }: SeedResult): void {
  console.log(`\nseed ${seed}, mode ${name}: ${setting}`);
  for (const line of history.slice(history.length - Math.min(history.length, Number(values.history)))) console.log(line);
  for (const violation of violations) console.log(`FAILED ${violation}`);
  console.log(`again: npm run sim -- --seeds 1 --seed ${seed} --mode ${name}`);
}
