import { mkdtemp, rm } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** Bundles a TypeScript file and runs it here, because Node 20 does not run TypeScript by itself. `prepare` is told the folder, which goes in the end. */
export async function runScript(entry, prepare = _folder => {}) {
  const folder = await mkdtemp(`${process.cwd()}/node_modules/.script-`);
  const outfile = `${folder}/main.mjs`;
  try {
    await build({
      entryPoints: [`${process.cwd()}/${entry}`],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      sourcemap: 'inline',
      packages: 'external',
      logLevel: 'warning',
    });
    prepare(folder);
    await import(pathToFileURL(outfile).href);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
