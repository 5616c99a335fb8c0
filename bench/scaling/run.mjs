import { pathToFileURL } from 'node:url';
import { runScript } from '../../scripts/run-script.mjs';

/** Arguments are those of bench/scaling/main.ts; with `--real`, those of bench/scaling/real/main.ts. */
if (process.argv.includes('--real')) {
  await runScript('bench/scaling/real/main.ts', folder => {
    process.env.FAAS_BENCH_ROOT = `${process.cwd()}/`;
    process.env.FAAS_BENCH_SCRATCH = folder;
  });
} else {
  process.env.FAAS_TRACES = pathToFileURL('bench/scaling/').href;
  await runScript('bench/scaling/main.ts');
}
