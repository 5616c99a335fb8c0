import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { buildDashboard } from './build-dashboard.mjs';
import { buildEntries } from './build-entries.mjs';
import { writeImage } from './write-image.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** By the machine number in the head of a program. */
const machines = {
  62: { architecture: 'amd64', node: 'x64', libraries: 'lib/x86_64-linux-gnu', loader: 'lib64/ld-linux-x86-64.so.2' },
  183: { architecture: 'arm64', node: 'arm64', libraries: 'lib/aarch64-linux-gnu', loader: 'lib/ld-linux-aarch64.so.1' },
};
const libraries = ['libc.so.6', 'libdl.so.2', 'libgcc_s.so.1', 'libm.so.6', 'libpthread.so.0', 'libstdc++.so.6'];
/** Of every user that a cluster may choose, so that programs find a name and a home. */
const accounts = {
  'etc/passwd': 'root:x:0:0:root:/:/sbin/nologin\nfaas:x:1000:1000:faas:/tmp:/sbin/nologin\n',
  'etc/group': 'root:x:0:\nfaas:x:1000:\n',
  'etc/nsswitch.conf': 'hosts: files dns\n',
};
/** Programs in the form of a machine, or started from their own files: they stay packages. `esbuild` bundles handlers, which the command does on a desk. */
const packages = ['@photostructure/sqlite', 'lz4-napi', 'esbuild'];

/**
 * The image of server and pods, as an archive: Node with its libraries, certificates, and our bundle. `node` is the program for the image, `system` a root file system
 * of Debian for the same architecture that libraries and certificates come from. Answers its size in bytes.
 */
async function buildImage({ file, tag, node = process.execPath, system = '/' }) {
  const machine = machines[await machineOf(node)];
  if (machine === undefined) throw new Error(`${node} is a program for neither amd64 nor arm64`);
  const folder = await mkdtemp(join(tmpdir(), 'faas-image-'));
  try {
    const base = join(folder, 'base');
    const app = join(folder, 'app');
    await writeBase(base, node, system, machine);
    await writeApp(join(app, 'app'), machine);
    const config = {
      Entrypoint: ['/usr/bin/node'],
      Cmd: ['/app/dist/cli/main.js', 'up'],
      Env: ['PATH=/usr/bin', 'NODE_ENV=production', 'HOME=/tmp', 'SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt'],
      User: '1000:1000',
      WorkingDir: '/tmp',
    };
    await writeImage(file, tag, [base, app], config, machine.architecture);
    return (await stat(file)).size;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function machineOf(program) {
  const file = await open(program);
  const { buffer } = await file.read(Buffer.alloc(20), 0, 20, 0);
  await file.close();
  return buffer.readUInt16LE(18);
}

async function writeBase(folder, node, system, machine) {
  const put = async (from, to) => {
    await mkdir(dirname(join(folder, to)), { recursive: true });
    await cp(from, join(folder, to), { dereference: true });
  };
  await put(node, 'usr/bin/node');
  for (const name of libraries) await put(join(system, machine.libraries, name), join(machine.libraries, name));
  await put(join(system, machine.loader), machine.loader);
  await put(join(system, 'etc/ssl/certs/ca-certificates.crt'), 'etc/ssl/certs/ca-certificates.crt');
  for (const [name, text] of Object.entries(accounts)) await writeFile(join(folder, name), text);
  await mkdir(join(folder, 'tmp'), { mode: 0o1777 });
}

/** The command with all that it imports, in a handful of files; what starts as a process or a thread of its own; the dashboard. */
async function writeApp(folder, machine) {
  await Promise.all([buildEntries(), buildDashboard()]);
  await build({
    entryPoints: { main: `${root}cli/main.ts` },
    outdir: join(folder, 'dist/cli'),
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    minifySyntax: true,
    external: packages,
    // Packages of the older kind ask for Node's modules by a function that files of this kind do not have.
    banner: { js: "import { createRequire as faasRequire } from 'node:module'; const require = faasRequire(import.meta.url);" },
    logLevel: 'warning',
  });
  for (const part of ['entries', 'dashboard']) await cp(`${root}dist/${part}`, join(folder, 'dist', part), { recursive: true });
  await cp(`${root}package.json`, join(folder, 'package.json'));
  const others = Object.values(machines).flatMap(({ node }) => (node === machine.node ? [] : [`linux-${node}`]));
  for (const name of packages.filter(name => name !== 'esbuild')) await copyPackage(name, folder, ['darwin', 'win32', '.musl.', ...others]);
}

/** With the packages that it needs, and without what is for other machines. */
async function copyPackage(name, folder, unwanted, from = root) {
  const places = createRequire(join(from, 'x.js')).resolve.paths(name) ?? [];
  const place = places.map(folder => join(folder, name)).find(folder => existsSync(join(folder, 'package.json')));
  if (place === undefined) throw new Error(`the package ${name} is not installed`);
  const target = join(folder, 'node_modules', name);
  const wanted = path => !unwanted.some(part => path.slice(place.length).includes(part)) && !path.slice(place.length).startsWith('/src');
  await cp(place, target, { recursive: true, filter: wanted });
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(await readFile(join(place, 'package.json'), 'utf8'));
  for (const needed of [...Object.keys(dependencies), ...Object.keys(optionalDependencies)]) {
    if (unwanted.some(part => needed.includes(part))) continue;
    await copyPackage(needed, folder, unwanted, place).catch(error => {
      // For another machine or another C library.
      if (!(needed in optionalDependencies)) throw error;
    });
  }
}

/** `npm run image -- --file faas.tar --tag registry.example/faas:1.0.0 [--node <program>] [--system <folder>]` */
async function main() {
  const { version } = JSON.parse(await readFile(`${root}package.json`, 'utf8'));
  const text = { type: 'string' };
  const { values } = parseArgs({ options: { file: text, tag: text, node: text, system: text } });
  const { file = 'faas-image.tar', tag = `faas.local/faas:${version}` } = values;
  const bytes = await buildImage({ ...values, file, tag });
  process.stdout.write(`${tag} is in ${file}, ${(bytes / 2 ** 20).toFixed(0)} MiB\n`);
}

await main();
