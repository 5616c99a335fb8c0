// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to the environment are what is tested
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readJson } from '../../controller/manifest/json-source.ts';
import { parseManifest } from '../../controller/manifest/parse-manifest.ts';
import { readCases } from './problem-script.ts';

const parse = (text: string | Uint8Array) =>
  parseManifest(text, { file: 'faas.yaml', env: {}, fileExists: () => true, readFile: () => undefined });
const codesOf = (text: string | Uint8Array) => {
  const parsed = parse(text);
  return parsed.kind === 'problems' ? [...new Set(parsed.problems.map(problem => problem.code))] : [];
};
const head = 'version: 1\ncontext: shop\n';
const laughs = Array.from(
  { length: 9 },
  (_, level) =>
    `a${level}: &a${level} [${Array(9)
      .fill(level === 0 ? 'lol' : `*a${level - 1}`)
      .join(', ')}]`,
).join('\n');
const stairs = (steps: number) => Array.from({ length: steps }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n');

/** What must be answered, and within what time: far more than it takes, far less than an attack wants. */
const withinMs = 15_000;

describe('a hostile file costs little and is refused with a reason', () => {
  test.each([
    ['a billion laughs', head + laughs, 'FAAS_MANIFEST_TOO_LARGE'],
    ['100 000 open brackets', `${head}owner: ${'['.repeat(100_000)}`, 'FAAS_MANIFEST_TOO_LARGE'],
    ['100 000 open braces', `${head}owner: ${'{a: '.repeat(100_000)}`, 'FAAS_MANIFEST_TOO_LARGE'],
    ['a list in a list in a list …', '- '.repeat(100_000), 'FAAS_MANIFEST_TOO_LARGE'],
    ['a key in a key in a key …', '? '.repeat(100_000), 'FAAS_MANIFEST_TOO_LARGE'],
    ['70 steps of indentation', stairs(70), 'FAAS_MANIFEST_TOO_LARGE'],
    ['1000 steps of indentation', stairs(1_000), 'FAAS_MANIFEST_TOO_LARGE'],
    ['65 brackets', `${head}owner: ${'['.repeat(65)}${']'.repeat(65)}`, 'FAAS_MANIFEST_TOO_LARGE'],
    ['more than 1 MiB', `${head}# ${'x'.repeat(1_048_576)}`, 'FAAS_MANIFEST_TOO_LARGE'],
    ['60 000 keys', head + Array.from({ length: 60_000 }, (_, i) => `k${i}: 1`).join('\n'), 'FAAS_MANIFEST_UNKNOWN_KEY'],
    ['the same key 60 000 times', head + 'a: 1\n'.repeat(60_000), 'FAAS_MANIFEST_DUPLICATE_KEY'],
    ['150 000 values', `${head}owner: [${'1,'.repeat(150_000)}]`, 'FAAS_MANIFEST_TOO_LARGE'],
    ['20 000 aliases of one anchor', `${head}owner: &a x\nstreams: [${'*a,'.repeat(20_000)}]`, 'FAAS_MANIFEST_WRONG_TYPE'],
    ['500 000 colons', head + ':'.repeat(500_000), 'FAAS_MANIFEST_SYNTAX'],
    ['500 000 quotes', head + '"'.repeat(500_000), 'FAAS_MANIFEST_SYNTAX'],
    ['a NUL byte', `${head}owner: "a\0b"`, ''],
  ])('%s', (_, text, code) => {
    const startedMs = performance.now();
    const codes = codesOf(text);
    expect(performance.now() - startedMs).toBeLessThan(withinMs);
    if (code !== '') expect(codes).toContain(code);
  });

  test('at most 1000 problems are reported', () => {
    const parsed = parse(head + 'a: 1\n'.repeat(5_000));
    expect(parsed.kind === 'problems' && parsed.problems.length).toBe(1000);
  });

  test('names that JavaScript objects have pollute nothing', () => {
    parse(
      'version: 1\ncontext: shop\n__proto__: { polluted: 1 }\nconstructor: { prototype: { polluted: 1 } }\nfunctions: { f: { handler: f.ts, env: { __proto__: x } } }',
    );
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
    expect('polluted' in {}).toBe(false);
  });
});

describe('laws', () => {
  test('any text is answered, never thrown at', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.uint8Array()), text => {
        expect(['ok', 'problems']).toContain(parse(text).kind);
      }),
    );
  });

  const manifests = readCases('problems').map(one => one.manifest);
  const piece = fc.constantFrom(
    '[',
    ']',
    '{',
    '}',
    ':',
    '- ',
    '\n',
    '  ',
    '"',
    "'",
    '&a ',
    '*a',
    '!t ',
    '#',
    '|',
    '>',
    '${',
    '\t',
    '__proto__: ',
    '? ',
    '---\n',
    '\u2028',
    '0',
    'a',
  );
  test('a manifest with pieces put in or cut out is answered, with places that are in the file', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...manifests),
        fc.array(fc.tuple(fc.nat(600), fc.nat(5), fc.oneof(piece, fc.constant(''))), { minLength: 1, maxLength: 5 }),
        (manifest, edits) => {
          const text = edits.reduce((now, [at, cut, put]) => now.slice(0, at) + put + now.slice(at + cut), manifest);
          const parsed = parse(text);
          const lines = text.split('\n');
          for (const { file, line, column } of parsed.kind === 'problems' ? parsed.problems : []) {
            expect(file).toBe('faas.yaml');
            expect(line).toBeGreaterThanOrEqual(1);
            expect(line).toBeLessThanOrEqual(lines.length);
            expect(column).toBeGreaterThanOrEqual(1);
            expect(column).toBeLessThanOrEqual((lines[line - 1]?.length ?? 0) + 1);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('JSON with positions takes exactly what JSON.parse takes, and reads the same', () => {
    const json = fc.oneof(
      fc.json(),
      fc
        .json()
        .chain(text =>
          fc
            .tuple(fc.nat(text.length), fc.nat(2), fc.oneof(piece, fc.constant('')))
            .map(([at, cut, put]) => text.slice(0, at) + put + text.slice(at + cut)),
        ),
    );
    fc.assert(
      fc.property(
        json.filter(text => !text.includes('__proto__')),
        text => {
          const read = readJson(text);
          let expected: unknown;
          try {
            expected = JSON.parse(text);
          } catch {
            expect(read.kind).toBe('malformed');
            return;
          }
          if (read.kind === 'malformed') expect(read.message).toMatch(/given twice/);
          else expect(read.value).toEqual(expected);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
