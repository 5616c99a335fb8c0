// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to the environment are what is tested
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { interpolate } from '../../controller/manifest/interpolation.ts';
import { parseManifest } from '../../controller/manifest/parse-manifest.ts';

const env = { NAME: 'value', EMPTY: '', NESTED: '${NAME}', N: '5' };

describe('references to the environment', () => {
  test.each([
    ['plain text', 'nothing here', 'nothing here'],
    ['a reference', '${NAME}', 'value'],
    ['within text', 'a-${NAME}-b', 'a-value-b'],
    ['two of them', '${NAME}${N}', 'value5'],
    ['a default that is used', '${NOPE:-else}', 'else'],
    ['a default that is not', '${NAME:-else}', 'value'],
    ['an empty default', 'a${NOPE:-}b', 'ab'],
    ['an empty value', 'a${EMPTY}b', 'ab'],
    ['a default for empty', '${EMPTY:-else}', 'else'],
    ['a default with a colon', '${NOPE:-http://a:1}', 'http://a:1'],
    ['a dollar alone', '$NAME $5 $', '$NAME $5 $'],
    ['a literal one', '$${NAME}', '${NAME}'],
    ['a literal after a dollar', '$$${NAME}', '$${NAME}'],
    ['what it brings in is not looked at again', '${NESTED}', '${NAME}'],
    ['a value with dollar signs for replace', '${D}', "$& $1 $' $$"],
  ])('%s', (_, text, expected) => {
    expect(interpolate(text, { ...env, D: "$& $1 $' $$" })).toMatchObject({ text: expected, unresolved: [], malformed: [] });
  });

  test.each([
    ['${NOPE}', ['NOPE']],
    ['${A} ${NAME} ${B}', ['A', 'B']],
    ['${toString}', ['toString']],
    ['${__proto__}', ['__proto__']],
    ['${constructor}', ['constructor']],
  ])('%s has no value', (text, names) => {
    expect(interpolate(text, env).unresolved.map(one => one.name)).toEqual(names);
  });

  test.each([['${}'], ['${1A}'], ['${A-B}'], ['${A:B}'], ['${A'], ['${ A }'], [`\${${'A'.repeat(200)}}`]])('%s is no reference', text => {
    expect(interpolate(text, env).malformed).toEqual([text]);
  });

  test('law: text without "${" stays as it is', () => {
    fc.assert(
      fc.property(
        fc.string().filter(text => !text.includes('${')),
        text => {
          expect(interpolate(text, env)).toMatchObject({ text, changed: false });
        },
      ),
    );
  });
});

describe('in a manifest', () => {
  const parse = (fragment: string) =>
    parseManifest(`version: 1\ncontext: shop\nfunctions:\n  f:\n    handler: f.ts\n${fragment}`, {
      file: 'faas.yaml',
      env,
      fileExists: () => true,
      readFile: () => undefined,
    });
  const first = (fragment: string) => {
    const parsed = parse(fragment);
    return parsed.kind === 'ok' ? parsed.spec.functions[0] : parsed;
  };

  test('a plain reference to a number is a number', () => {
    expect(first('    limits:\n      concurrency: ${N}')).toMatchObject({ limits: { concurrency: 5 } });
  });
  test('a default works like a value', () => {
    expect(first('    limits:\n      timeout: ${NOPE:-7s}')).toMatchObject({ limits: { timeoutMs: 7000 } });
  });
  test('a variable stays text', () => {
    expect(first('    env:\n      A: "${N}"\n      B: ${N}')).toMatchObject({ env: { A: '5', B: '5' } });
  });
  test('what a value holds cannot add structure', () => {
    const parsed = parseManifest('version: 1\ncontext: shop\nowner: ${X}', {
      file: 'faas.yaml',
      env: { X: 'a\nstreams: { evil: {} }' },
      fileExists: () => true,
      readFile: () => undefined,
    });
    expect(parsed).toMatchObject({ kind: 'ok', spec: { owner: 'a\nstreams: { evil: {} }', streams: [] } });
  });
});
