import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = `${root}controller/dashboard`;
const target = `${root}dist/dashboard`;

/** Bundles the dashboard: script, style and icon under names that change with their content, and the page that names them. */
export async function buildDashboard() {
  const { outputFiles } = await build({
    entryPoints: [`${source}/main.tsx`],
    write: false,
    outdir: target,
    entryNames: 'app-[hash]',
    assetNames: 'icon-[hash]',
    bundle: true,
    minify: true,
    format: 'esm',
    target: ['es2022'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'warning',
  });
  const icon = await readFile(`${source}/icon.svg`);
  const files = new Map(outputFiles.map(({ path, contents }) => [basename(path), Buffer.from(contents)]));
  const nameOf = extension => [...files.keys()].find(name => name.endsWith(extension)) ?? '';
  const page = (await readFile(`${source}/index.html`, 'utf8')).replace('app.js', nameOf('.js')).replace('app.css', nameOf('.css'));
  files.set('index.html', Buffer.from(page)).set('icon.svg', icon);
  await mkdir(target, { recursive: true });
  for (const [name, contents] of files) {
    await replaceFile(`${target}/${name}`, contents);
    await replaceFile(`${target}/${name}.gz`, await promisify(gzip)(contents, { level: 9 }));
  }
  const wanted = new Set([...files.keys()].flatMap(name => [name, `${name}.gz`]));
  for (const name of await readdir(target)) if (!wanted.has(name) && !/\.\d+$/.test(name)) await rm(`${target}/${name}`, { force: true });
}

/** In one step: a server that reads meanwhile gets the old file or the new one. */
async function replaceFile(path, contents) {
  const beside = `${path}.${process.pid}`;
  await writeFile(beside, contents);
  await rename(beside, path);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildDashboard();
