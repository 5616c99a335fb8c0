import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** Starts bench/main.ts: Node 20 does not run TypeScript, so it is bundled to where node_modules can be found from. */
const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(root, 'node_modules', '.bench-'));
const outfile = join(folder, 'bench.mjs');
await build({
  entryPoints: [join(root, 'bench/main.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  logLevel: 'warning',
});
process.env.FAAS_BENCH_ROOT = root;
process.env.FAAS_BENCH_SCRATCH = folder;
await import(pathToFileURL(outfile).href);
