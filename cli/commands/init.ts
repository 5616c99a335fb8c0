import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import type { Invocation } from '../command.ts';
import { CommandFailure } from '../failure.ts';
import { printable } from '../output.ts';
import { packageFile } from '../package-file.ts';
import { shellWord } from '../shell-word.ts';

/** What the template's files are called where they go: npm leaves a .gitignore out of packages. */
const renamed: Readonly<Record<string, string>> = { gitignore: '.gitignore' };

export async function run({ args, out, cwd }: Invocation): Promise<number> {
  const folder = resolve(cwd, args.argument('folder') ?? '.');
  await checkFolder(folder);
  const values = await placeholders(folder);
  const template = packageFile('cli/template');
  const files = (await readdir(template, { recursive: true, withFileTypes: true })).filter(entry => entry.isFile());
  const written: string[] = [];
  for (const entry of files) {
    const from = join(entry.parentPath, entry.name);
    const path = relative(template, from);
    const to = join(folder, dirname(path), renamed[entry.name] ?? entry.name);
    const text = (await readFile(from, 'utf8')).replace(/\{\{([a-z]+)\}\}/g, (whole, name: string) => values[name] ?? whole);
    await mkdir(dirname(to), { recursive: true });
    await writeFile(to, text, { flag: 'wx' });
    written.push(relative(cwd, to));
  }
  await out.result({ folder, files: written }, () => written.map(printable).join('\n'));
  const enter = folder === cwd ? '' : `cd ${shellWord(relative(cwd, folder))} && `;
  out.progress(`\nNext: ${enter}npm install && npm test\nThen: npx faas dev`);
  return 0;
}

/** Nothing of the user's is ever overwritten. */
async function checkFolder(folder: string): Promise<void> {
  const found = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return [];
    throw new CommandFailure('FAAS_INIT_FOLDER', `${folder} cannot be used: ${cause.message}`, {
      hint: 'Name a folder that is empty or not there yet.',
      cause,
    });
  });
  const other = found.find(name => name !== '.git');
  if (other === undefined) return;
  throw new CommandFailure('FAAS_INIT_FOLDER', `${folder} is not empty: there is ${other}`, {
    hint: 'Name a folder that is empty or not there yet.',
  });
}

async function placeholders(folder: string): Promise<Readonly<Record<string, string>>> {
  const { version, devDependencies } = JSON.parse(await readFile(packageFile('package.json'), 'utf8'));
  const root = dirname(packageFile('package.json'));
  // From a clone the package is taken from there: nothing of that version may be published.
  const installed = root.split(sep).includes('node_modules');
  return {
    name: nameOf(folder),
    faas: installed ? `^${version}` : `file:${relative(folder, root).replaceAll(sep, '/')}`,
    vitest: devDependencies.vitest,
    typescript: devDependencies.typescript,
  };
}

/** The folder's name as an identifier of the manifest. */
function nameOf(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
    .slice(0, 40);
  return name === '' || name === 'faas' ? 'app' : name;
}
