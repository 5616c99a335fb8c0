// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to the environment are what is tested
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { printManifest } from '../../controller/manifest/print-manifest.ts';
import { publishedSchema, publishedSchemaFile } from '../../controller/manifest/published-schema.ts';
import { referencePage, referencePageFile } from '../../controller/manifest/reference-page.ts';
import { anySpec } from './arbitrary-spec.ts';

const read = (file: string) => readFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), 'utf8');

describe('what is published about the manifest is what the parser checks (else: node scripts/manifest-reference.mjs)', () => {
  test('the JSON Schema', () => expect(read(publishedSchemaFile)).toBe(`${JSON.stringify(publishedSchema(), null, 2)}\n`));
  test('the reference page', () => expect(read(referencePageFile)).toBe(referencePage()));
});

describe('the published schema', () => {
  const validate = new Ajv({ strict: true, strictTypes: false, strictRequired: false }).compile(publishedSchema());

  test('law: takes what the parser takes', () => {
    fc.assert(
      fc.property(anySpec, spec => {
        validate(parse(printManifest(spec)));
        expect(validate.errors ?? []).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  const manifest = (fn: object) => ({ version: 1, context: 'shop', functions: { f: { handler: 'f.ts', ...fn } } });
  test.each([
    ['a reference for a number', true, manifest({ limits: { concurrency: '${N}' } })],
    ['a reference for a duration', true, manifest({ limits: { timeout: '${T:-5s}' } })],
    ['a reference for a choice', true, manifest({ durability: '${D}' })],
    ['a reference for a secret', false, manifest({ on: [{ webhook: { path: '/a', verify: 'github', secret: '${S}' } }] })],
    ['an unknown key', false, manifest({ retrys: {} })],
    ['a wrong type', false, manifest({ limits: { concurrency: 'many' } })],
    ['a bad duration', false, manifest({ limits: { timeout: '5 s' } })],
    ['a bad name', false, { version: 1, context: 'Shop' }],
  ])('%s: %s', (_, good, source) => expect(validate(source)).toBe(good));
});
