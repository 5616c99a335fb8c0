import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { failureCodes } from '../cli/failure-codes.ts';
import { errorRows, isErrorCode, statusOf } from '../controller/error-codes.ts';
import { manifestProblems } from '../controller/manifest/problem.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

const sources = ['runtime', 'controller', 'cli'].flatMap(folder =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map(file => `${folder}/${file}`)
    .filter(file => file.endsWith('.ts') && file !== 'controller/error-codes.ts' && !file.startsWith('cli/template/')),
);

/** Quoted codes outside of comments (`env:` names a variable), with the file that has them. */
const used = sources.flatMap(source =>
  [
    ...readFileSync(join(root, source), 'utf8')
      .replace(/\/\*\*[\s\S]*?\*\//g, '')
      .matchAll(/(?<!env: )(['"`])(FAAS_[A-Z0-9_]+)\1/g),
  ].map(match => ({ code: match[2] ?? '', source })),
);

const tables: readonly (readonly [name: string, codes: readonly string[]])[] = [
  ['controller/error-codes.ts', [...errorRows.keys()]],
  ['controller/manifest/problem.ts', Object.keys(manifestProblems)],
  ['cli/failure-codes.ts', Object.keys(failureCodes)],
];

test('every code that the sources use is in a table, those of the server and of pods in that of the server', () => {
  const everywhere = new Set(tables.flatMap(([, codes]) => codes));
  const server = new Set(tables.slice(0, 2).flatMap(([, codes]) => codes));
  expect(used.filter(({ code, source }) => !(source.startsWith('cli/') ? everywhere : server).has(code))).toStrictEqual([]);
});

test.each(tables)('every code of %s is used', (_, codes) => {
  const inUse = new Set(used.map(({ code }) => code));
  expect(codes.filter(code => !inUse.has(code))).toStrictEqual([]);
});

test.each([...errorRows])('%s: a title in plain words, and a status that is one', (code, { title, status }) => {
  expect(title).toMatch(/^[A-Z"'-]/);
  expect(title).not.toMatch(/[.!]$/);
  expect(title.length).toBeLessThanOrEqual(70);
  if (status !== undefined) expect(status).toBeGreaterThanOrEqual(400);
  expect(isErrorCode(code) && statusOf(code)).toBe(status ?? 500);
});
