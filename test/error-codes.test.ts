import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { errorRows, isErrorCode, statusOf } from '../controller/error-codes.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

const sources = ['runtime', 'controller', 'cli'].flatMap(folder =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map(file => `${folder}/${file}`)
    .filter(file => file.endsWith('.ts') && file !== 'controller/error-codes.ts' && !file.startsWith('cli/template/')),
);

/** Quoted codes outside of comments, with the file that has them. */
const used = sources.flatMap(source =>
  [
    ...readFileSync(join(root, source), 'utf8')
      .replace(/\/\*\*[\s\S]*?\*\//g, '')
      .matchAll(/(['"`])(FAAS_[A-Z0-9_]+)\1/g),
  ].map(match => ({ code: match[2] ?? '', source })),
);

test('every code that the sources use is in the table', () => {
  expect(used.filter(({ code }) => !isErrorCode(code))).toStrictEqual([]);
});

test('every code of the table is used', () => {
  const codes = new Set(used.map(({ code }) => code));
  expect([...errorRows.keys()].filter(code => !codes.has(code))).toStrictEqual([]);
});

test.each([...errorRows])('%s: a title in plain words, and a status that is one', (code, { title, status }) => {
  expect(title).toMatch(/^[A-Z"'-]/);
  expect(title).not.toMatch(/[.!]$/);
  expect(title.length).toBeLessThanOrEqual(70);
  if (status !== undefined) expect(status).toBeGreaterThanOrEqual(400);
  expect(isErrorCode(code) && statusOf(code)).toBe(status ?? 500);
});
