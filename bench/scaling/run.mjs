import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** Starts bench/scaling/main.ts: Node 20 does not run TypeScript, so it is bundled to where node_modules can be found from. */
const here = fileURLToPath(new URL('.', import.meta.url));
const folder = mkdtempSync(join(here, '../../node_modules/.bench-'));
const outfile = join(folder, 'scaling.mjs');
await build({
  entryPoints: [join(here, 'main.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  logLevel: 'warning',
});
process.env.FAAS_TRACES = pathToFileURL(join(here, 'traces.json')).href;
try {
  await import(pathToFileURL(outfile).href);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
