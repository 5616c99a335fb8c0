import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter(file => file !== '' && existsSync(join(root, file)));
const text = (file: string) => readFileSync(join(root, file), 'utf8');
const product = files.filter(file => /^(runtime|controller|cli)\/.*\.ts$/.test(file) && !file.startsWith('cli/template/'));

/** Folders and files that say nothing about their subject, and what to do instead. */
const banned = /(^|\/)(utils?|helpers?|common|shared|misc|types|lib)(\.ts)?(\/|$)/;

test('no file or folder is named after nothing: put it into the file of its noun', () => {
  expect(files.filter(file => banned.test(file))).toEqual([]);
});

test('sources are named in kebab-case', () => {
  expect(files.filter(file => /\.(ts|mjs)$/.test(file) && !/^(.*\/)?\.?[a-z0-9]+([-.][a-z0-9]+)*\.(d\.)?(ts|mjs|mts)$/.test(file))).toEqual(
    [],
  );
});

test('no work is left as a note in the sources', () => {
  const note = new RegExp(`\\b(${['TO', 'FIX', 'XX'].map((start, i) => start + ['DO', 'ME', 'X'][i]).join('|')})\\b`);
  expect(product.filter(file => note.test(text(file)))).toEqual([]);
});

/** Where time, chance and the environment may come in. A pod, a command and a page are processes of their own, with their own edges. */
const edges: readonly [pattern: RegExp, what: string, allowed: RegExp][] = [
  [
    /\bDate\.now\(|new Date\(\)/,
    'the time of day',
    /^(controller\/clock\.ts|controller\/dashboard\/|runtime\/pod\/|runtime\/testing\/|cli\/)/,
  ],
  [
    /(?<!\.)\bset(Timeout|Interval)\(/,
    'a timer',
    /^(controller\/clock\.ts|controller\/dashboard\/|runtime\/pod\/|runtime\/testing\/|cli\/)/,
  ],
  [/\bMath\.random\(|\brandomUUID\(|\brandomBytes\(/, 'chance', /^(controller\/random\.ts|runtime\/pod\/|runtime\/testing\/|cli\/)/],
  [
    /\bprocess\.env\b/,
    'the environment',
    /^(controller\/(main|settings[a-z-]*)\.ts|controller\/adapters\/(kubernetes|process|sqlite)\/|runtime\/pod\/|cli\/)/,
  ],
  [/\bprocess\.exit\(/, 'the end of the process', /^(runtime\/pod\/|cli\/(main|commands\/(up|dev))\.ts)/],
];

test.each(edges)('%s (%s) comes in at the edges alone', (pattern, _, allowed) => {
  expect(product.filter(file => !allowed.test(file) && pattern.test(withoutComments(text(file))))).toEqual([]);
});

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}

test('every link between our pages leads somewhere', () => {
  const broken: string[] = [];
  for (const page of files.filter(file => file.endsWith('.md') && !file.startsWith('cli/template/'))) {
    for (const [, target = ''] of text(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      const path = target.split('#')[0] ?? '';
      if (path === '' || /^[a-z]+:/.test(path)) continue;
      if (!existsSync(join(root, normalize(join(dirname(page), path))))) broken.push(`${page}: ${target}`);
    }
  }
  expect(broken).toEqual([]);
});

test('nothing that is stored or sent is larger than a person reads: sources stay under 500 lines', () => {
  expect(product.filter(file => text(file).split('\n').length > 500)).toEqual([]);
});

test('the lockfile names the packages of every platform: npm ci refuses it otherwise', () => {
  const { packages }: { packages: Record<string, { optionalDependencies?: Record<string, string> }> } = JSON.parse(
    text('package-lock.json'),
  );
  const locked = new Set(Object.keys(packages).map(path => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)));
  const wanted = Object.values(packages).flatMap(one => Object.keys(one.optionalDependencies ?? {}));
  expect(wanted.filter(name => !locked.has(name))).toEqual([]);
});
