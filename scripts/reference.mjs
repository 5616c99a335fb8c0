import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** `npm run docs`: writes the reference pages again. The sources are TypeScript, which Node 20 does not read by itself. */
const root = fileURLToPath(new URL('..', import.meta.url));
const folder = await mkdtemp(join(root, 'node_modules', '.reference-'));
try {
  const outdir = join(folder, 'scripts');
  await build({
    entryPoints: [join(root, 'scripts/reference.ts')],
    outdir,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'warning',
  });
  const { referencePages } = await import(pathToFileURL(join(outdir, 'reference.js')).href);
  for (const [file, text] of await referencePages()) {
    await writeFile(join(root, file), text);
    process.stdout.write(`${file}\n`);
  }
} finally {
  await rm(folder, { recursive: true });
}
