import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What starts as a process or a thread of its own: one bundled file each, because thirty files cost 25 ms more to start than one. */
const entries = {
  pod: 'runtime/pod/main.ts',
  'pod-worker': 'runtime/pod/worker.ts',
  'sqlite-worker': 'controller/adapters/sqlite/sqlite-worker.ts',
};

export async function buildEntries() {
  const entryPoints = Object.fromEntries(
    Object.entries(entries)
      .filter(([, file]) => existsSync(`${root}${file}`))
      .map(([name, file]) => [name, `${root}${file}`]),
  );
  const { outputFiles } = await build({
    entryPoints,
    write: false,
    outdir: `${root}dist/entries`,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: true,
    packages: 'external',
    logLevel: 'warning',
  });
  await mkdir(`${root}dist/entries`, { recursive: true });
  for (const { path, contents } of outputFiles) await replaceFile(path, contents);
}

/** In one step: something that starts meanwhile reads the old file or the new one. */
async function replaceFile(path, contents) {
  const beside = `${path}.${process.pid}`;
  await writeFile(beside, contents);
  await rename(beside, path);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildEntries();
