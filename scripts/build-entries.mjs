import { existsSync } from 'node:fs';
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
  await build({
    entryPoints,
    outdir: `${root}dist/entries`,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: true,
    packages: 'external',
    logLevel: 'warning',
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildEntries();
