import { describe, expect, test } from 'vitest';
import { parseManifest } from '../../controller/manifest/parse-manifest.ts';
import { manifestProblems } from '../../controller/manifest/problem.ts';
import { readCases, report } from './problem-script.ts';

const cases = readCases('problems');

describe('a bad manifest gets every problem with its place, what was expected and a way out', () => {
  test.each(cases.map(one => [one.title, one] as const))('%s', (_, one) => {
    expect(report(one)).toBe(one.expected);
  });

  test('the script covers every code that a manifest alone can get', () => {
    const covered = new Set(cases.flatMap(one => one.expected.split('\n').map(line => `FAAS_MANIFEST_${line.split(' ')[0]}`)));
    const onlyBytes = ['FAAS_MANIFEST_ENCODING'];
    expect(Object.keys(manifestProblems).filter(code => !covered.has(code) && !onlyBytes.includes(code))).toEqual([]);
  });
});

describe('bytes', () => {
  const parse = (bytes: Uint8Array) =>
    parseManifest(bytes, { file: 'faas.yaml', env: {}, fileExists: () => true, readFile: () => undefined });
  const head = Buffer.from('version: 1\ncontext: shop\nowner: ');
  const encoding = (line: number, column: number) => ({
    code: 'FAAS_MANIFEST_ENCODING',
    line,
    column,
    message: 'a byte that is not UTF-8',
  });

  test.each([
    ['Latin-1', Buffer.concat([head, Buffer.from([0x6d, 0xfc, 0x6c])]), encoding(3, 9)],
    ['an unfinished character at the end', Buffer.concat([head, Buffer.from([0xe2, 0x82])]), encoding(3, 8)],
    ['UTF-16', Buffer.from('\ufeffversion: 1', 'utf16le'), encoding(1, 1)],
    ['a surrogate half', Buffer.concat([head, Buffer.from([0xed, 0xa0, 0x80])]), encoding(3, 8)],
    ['an executable', Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0xff, 0xfe]), encoding(1, 5)],
  ])('%s: the place of the first bad byte', (_, bytes, expected) => {
    expect(parse(bytes)).toMatchObject({ kind: 'problems', problems: [expected] });
  });

  test('UTF-8 with a byte order mark, umlauts and emoji is fine', () => {
    expect(parse(Buffer.from('\ufeffversion: 1\r\ncontext: shop\r\nowner: "Müller 🚀"\r\n'))).toMatchObject({
      kind: 'ok',
      spec: { owner: 'Müller 🚀' },
    });
  });

  test('no bytes are an empty file', () => {
    expect(parse(new Uint8Array())).toMatchObject({ kind: 'problems', problems: [{ code: 'FAAS_MANIFEST_EMPTY' }] });
  });
});
