import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { referencePages, root } from '../scripts/reference.ts';

let pages: ReadonlyMap<string, string>;
beforeAll(async () => {
  pages = await referencePages();
});

const ofReference = [
  'settings.md',
  'metrics.md',
  'errors.md',
  'conditions.md',
  'cli.md',
  'openapi.json',
  'manifest.md',
  'manifest.schema.json',
].map(name => `docs/reference/${name}`);
const files = [...ofReference, 'helm/crds/contexts.yaml', 'helm/crds/functions.yaml'];

test('each page has a row below', () => expect([...pages.keys()].sort()).toStrictEqual([...files].sort()));

test.each(files)('%s says what the tables say (else: npm run docs)', file => {
  expect(readFileSync(join(root, file), 'utf8')).toBe(pages.get(file));
});
