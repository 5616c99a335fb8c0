import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from './run-cli.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'faas-init-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What `npm install` would do, with the packages that are here. */
async function install(project: string): Promise<void> {
  await mkdir(join(project, 'node_modules'));
  await symlink(repository, join(project, 'node_modules/faas'));
  for (const name of ['vitest', 'typescript', '.bin'])
    await symlink(join(repository, 'node_modules', name), join(project, 'node_modules', name));
}

describe('a new project', () => {
  test('is complete: files on stdout, what to do next on stderr, no placeholder left', async () => {
    const { code, stdout, stderr } = await runCli(['init', 'My Shop'], { cwd: folder });
    expect(code).toBe(0);
    expect(stdout.trim().split('\n').sort()).toEqual(
      [
        '.gitignore',
        'README.md',
        'faas.yaml',
        'package.json',
        'schemas/order.json',
        'src/customer-totals.ts',
        'src/greet-vip.ts',
        'test/customer-totals.test.ts',
        'tsconfig.json',
        'vitest.config.ts',
      ].map(file => `My Shop/${file}`),
    );
    expect(stderr).toContain("Next: cd 'My Shop' && npm install && npm test\n");
    for (const file of stdout.trim().split('\n')) expect(await readFile(join(folder, file), 'utf8')).not.toContain('{{');
    expect(JSON.parse(await readFile(join(folder, 'My Shop/package.json'), 'utf8')).name).toBe('my-shop');
    expect(await readFile(join(folder, 'My Shop/faas.yaml'), 'utf8')).toMatch(
      /^# yaml-language-server: \$schema=\.\/node_modules\/faas\/\S+\nversion: 1\ncontext: my-shop\n/,
    );
  });

  test('runs: npm test passes, its types check, and its manifest and handlers deploy', async () => {
    const project = join(folder, 'My Shop');
    await install(project);
    const npm = (...words: string[]) =>
      promisify(execFile)('npm', words, { cwd: project, env: { ...process.env, NO_COLOR: '1', CI: 'true' } });
    expect((await npm('test')).stdout).toMatch(/Tests +2 passed/);
    await npm('run', 'check');
    const { code, stdout } = await runCli(['deploy', '--dry-run', '-o', 'json'], { cwd: project });
    expect(code).toBe(0);
    expect(JSON.parse(stdout).functions.map((one: { function: string }) => one.function)).toEqual([
      'my-shop.customer-totals',
      'my-shop.greet-vip',
    ]);
  }, 60_000);
});

test.each([
  ['shop', 'cd shop && '],
  ["it's mine!", `cd 'it'\\''s mine!' && `],
  ['./-x', 'cd ./-x && '],
  ['$HOME', `cd '$HOME' && `],
])('%s is entered by what is printed', async (name, enter) => {
  const { stderr } = await runCli(['init', name], { cwd: folder });
  expect(stderr).toContain(`Next: ${enter}npm install`);
});

test('the files are one value for a program', async () => {
  const { stdout } = await runCli(['init', 'plain', '-o', 'json'], { cwd: folder });
  expect(JSON.parse(stdout)).toEqual({
    folder: join(folder, 'plain'),
    files: expect.arrayContaining(['plain/faas.yaml', 'plain/.gitignore']),
  });
});

test('its tests run with its own configuration, whatever lies in the folders above', async () => {
  const above = join(folder, 'above');
  await mkdir(above);
  await writeFile(join(above, 'vitest.config.ts'), "throw new Error('of somebody else');");
  expect((await runCli(['init', 'inner'], { cwd: above })).code).toBe(0);
  await install(join(above, 'inner'));
  const { stdout } = await promisify(execFile)('npm', ['test'], {
    cwd: join(above, 'inner'),
    env: { ...process.env, NO_COLOR: '1', CI: 'true' },
  });
  expect(stdout).toMatch(/Tests +2 passed/);
}, 60_000);

describe('nothing of the user is touched', () => {
  test('a folder with anything in it is refused', async () => {
    await mkdir(join(folder, 'full'));
    await writeFile(join(folder, 'full/notes.txt'), 'mine');
    const { code, stderr } = await runCli(['init', 'full'], { cwd: folder });
    expect(code).toBe(1);
    expect(stderr).toContain('is not empty: there is notes.txt (FAAS_INIT_FOLDER)');
    expect(await readdir(join(folder, 'full'))).toEqual(['notes.txt']);
  });

  test('a file is no folder', async () => {
    const { code, stderr } = await runCli(['init', 'full/notes.txt'], { cwd: folder });
    expect(code).toBe(1);
    expect(stderr).toContain('(FAAS_INIT_FOLDER)');
  });

  test('a fresh repository is fine, and the folder it is in gives the name', async () => {
    await mkdir(join(folder, '9-lives/.git'), { recursive: true });
    const { code, stdout } = await runCli(['init'], { cwd: join(folder, '9-lives') });
    expect(code).toBe(0);
    expect(stdout).toContain('faas.yaml\n');
    expect(await readFile(join(folder, '9-lives/faas.yaml'), 'utf8')).toContain('context: lives\n');
  });
});
