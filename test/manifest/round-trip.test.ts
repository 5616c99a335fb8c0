import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from '../../controller/manifest/canonical-json.ts';
import { checkSpec } from '../../controller/manifest/check-spec.ts';
import { parseManifest } from '../../controller/manifest/parse-manifest.ts';
import { printManifest } from '../../controller/manifest/print-manifest.ts';
import { anySpec } from './arbitrary-spec.ts';

const surroundings = { file: 'faas.yaml', env: { X: 'replaced' }, fileExists: () => true, readFile: () => undefined };

test('law: parsing what was printed gives the spec again', () => {
  fc.assert(
    fc.property(anySpec, spec => {
      expect(parseManifest(printManifest(spec), surroundings)).toMatchObject({ kind: 'ok', spec });
      expect(parseManifest(printManifest(spec), surroundings)).toHaveProperty('spec', spec);
    }),
    { numRuns: 150 },
  );
});

test('law: printing is stable, and a spec has one hash however its keys are ordered', () => {
  fc.assert(
    fc.property(anySpec, spec => {
      const again = parseManifest(printManifest(spec), surroundings);
      expect(again.kind === 'ok' && printManifest(again.spec)).toBe(printManifest(spec));
      expect(canonicalJson(reversed(spec))).toBe(canonicalJson(spec));
    }),
    { numRuns: 50 },
  );
});

test('law: a spec of ours passes checkSpec, also after a trip through JSON', () => {
  fc.assert(
    fc.property(anySpec, spec => {
      expect(checkSpec(JSON.parse(JSON.stringify(spec)))).toEqual([]);
    }),
    { numRuns: 50 },
  );
});

const tax =
  'version: 1\ncontext: shop\nstreams: { orders: {} }\nfunctions:\n  tax: { handler: tax.ts, on: [{ stream: { streams: [orders] } }] }';
const parsed = parseManifest(tax, surroundings);
const good = parsed.kind === 'ok' ? JSON.stringify(parsed.spec) : '';

test.each([
  [
    'a stream of another name',
    '"streams":[{"name":"orders","context":"shop","stream":"orders"}]',
    '"streams":[{"name":"sales.orders","context":"shop","stream":"orders"}]',
    'FAAS_MANIFEST_BAD_VALUE',
  ],
  ['a stream that is not declared', '"stream":"orders"}]', '"stream":"nope"}]', 'FAAS_MANIFEST_BAD_VALUE'],
  ['an internal topic of another', '"topic":"shop.orders"', '"topic":"sales.int.a"', 'FAAS_MANIFEST_FOREIGN'],
  ['a name that is a path', '"context":"shop","streams"', '"context":"../shop","streams"', 'FAAS_MANIFEST_BAD_NAME'],
  ['a handler outside of the folder', '"handler":"tax.ts"', '"handler":"../tax.ts"', 'FAAS_MANIFEST_HANDLER'],
  ['min above max', '"min":0,"max":10', '"min":11,"max":10', 'FAAS_MANIFEST_OUT_OF_BOUNDS'],
  ['a timeout of nothing', '"timeoutMs":30000', '"timeoutMs":0', 'FAAS_MANIFEST_OUT_OF_BOUNDS'],
])('checkSpec refuses a spec with %s', (_, from, to, code) => {
  expect(checkSpec(JSON.parse(good))).toEqual([]);
  expect(good).toContain(from);
  expect(checkSpec(JSON.parse(good.replaceAll(from, to))).map(problem => problem.code)).toContain(code);
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, held]) => [key, reversed(held)]),
  );
}
