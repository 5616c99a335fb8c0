import { runScript } from '../scripts/run-script.mjs';

/** Arguments are those of bench/main.ts. What it builds lies beside it, where node_modules can be found from. */
await runScript('bench/main.ts', folder => {
  process.env.FAAS_BENCH_ROOT = `${process.cwd()}/`;
  process.env.FAAS_BENCH_SCRATCH = folder;
});
