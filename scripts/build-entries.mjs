import { mkdir, rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What starts as a process or a thread of its own: one bundled file each, because thirty files cost 25 ms more to start than one. */
const entries = {
  pod: { file: 'runtime/pod/main.ts', format: 'cjs' },
  'pod-alone': { file: 'runtime/pod/main-alone.ts', format: 'cjs' },
  'pod-worker': { file: 'runtime/pod/worker.ts', format: 'cjs' },
  'pod-empty': { file: 'runtime/pod/empty.ts', format: 'esm' },
  'sqlite-worker': { file: 'controller/adapters/sqlite/sqlite-worker.ts', format: 'esm' },
};

export async function buildEntries() {
  const built = await Promise.all(Object.entries(entries).map(([name, { file, format }]) => buildEntry(name, file, format)));
  await mkdir(`${root}dist/entries`, { recursive: true });
  for (const { path, contents } of built.flatMap(({ outputFiles }) => outputFiles)) await replaceFile(path, contents);
}

function buildEntry(name, file, format) {
  return build({
    entryPoints: { [name]: `${root}${file}` },
    write: false,
    outdir: `${root}dist/entries`,
    outExtension: { '.js': format === 'cjs' ? '.cjs' : '.js' },
    bundle: true,
    platform: 'node',
    format,
    target: 'node20',
    // Read together with the module, as the map of a function is.
    sourcemap: name === 'pod-empty' ? 'inline' : true,
    packages: 'external',
    logLevel: 'warning',
  });
}

/** In one step: something that starts meanwhile reads the old file or the new one. */
async function replaceFile(path, contents) {
  const beside = `${path}.${process.pid}`;
  await writeFile(beside, contents);
  await rename(beside, path);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildEntries();
