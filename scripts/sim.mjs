import { mkdtemp, rm } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** `npm run sim`: bundles test/sim/main.ts and runs it, because Node 20 does not run TypeScript by itself. Arguments are those of main.ts. */
const folder = await mkdtemp(`${process.cwd()}/node_modules/.sim-`);
const outfile = `${folder}/main.mjs`;
try {
  await build({
    entryPoints: [`${process.cwd()}/test/sim/main.ts`],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    packages: 'external',
    logLevel: 'warning',
  });
  await import(pathToFileURL(outfile).href);
} finally {
  await rm(folder, { recursive: true, force: true });
}
