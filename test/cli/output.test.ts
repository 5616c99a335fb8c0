import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { createOutput, duration, fields, type OutputFormat, printable, printableLines, size, table, toJson } from '../../cli/output.ts';

/** What a terminal would act upon, but the end of a line. */
const hostile = /[^\P{Cc}\n]|\p{Bidi_Control}|\u2028|\u2029/u;
const anything = fc.string({ unit: 'binary', maxLength: 40 });

describe('names from elsewhere cannot act upon the terminal', () => {
  test.each([
    ['plain', 'shop.totals', 'shop.totals'],
    ['other scripts', 'Ünïcode 東京 🎉', 'Ünïcode 東京 🎉'],
    ['colour', 'a\u001b[31mred', 'a\\x1b[31mred'],
    ['C1', 'a\u009b31m', 'a\\x9b31m'],
    ['line end', 'a\nb\tc\rd', 'a\\nb\\tc\\x0dd'],
    ['turned text', 'a\u202egnp.exe', 'a\\u202egnp.exe'],
    ['zero byte, DEL', 'a\u0000b\u007f', 'a\\x00b\\x7f'],
  ])('%s', (_, text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  test('law: whatever a text holds, nothing hostile is left in a line, in lines, in a table, in fields', () => {
    fc.assert(
      fc.property(anything, anything, (a, b) => {
        expect(printable(a)).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
        for (const text of [printableLines(a), table(['A', 'B'], [[a, b]]), fields([['a', a]])])
          expect(text.replaceAll('\t', '')).not.toMatch(hostile);
      }),
    );
  });

  const printed = async (format: OutputFormat, value: unknown) => {
    let text = '';
    const write = (part: string) => {
      text += part;
      return true;
    };
    const stream = Object.assign(Object.create(process.stdout), { isTTY: false, write });
    const out = createOutput({ format, quiet: false, verbose: false, noColor: false, env: {}, stdout: stream, stderr: stream });
    await out.result(value, () => '');
    return text;
  };

  test.each(['\n', ' \n', '\n ', 'a\n', ' a', 'a\n \nb'])('white space is read back from YAML: %j', async text => {
    expect(parse(await printed('yaml', { [text]: [text] }))).toEqual({ [text]: [text] });
  });

  test('law: JSON and YAML are free of it too, and read back as what they were', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ maxDepth: 3 }), fc.array(anything), async (value, texts) => {
        const json = await printed('json', [value, texts]);
        expect(json).not.toMatch(hostile);
        expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify([value, texts])));
        const yaml = await printed('yaml', texts);
        expect(yaml).not.toMatch(/[^\P{Cc}\n\t]/u);
        expect(parse(yaml)).toEqual(texts);
      }),
    );
  });
});

describe('columns', () => {
  test('are as wide as their widest cell, three spaces apart, with nothing after the last', () => {
    expect(
      table(
        ['NAME', 'N'],
        [
          ['a', '1'],
          ['longer name', '22'],
        ],
      ),
    ).toBe('NAME          N\na             1\nlonger name   22');
  });

  test('colours do not move them', () => {
    const plain = table(['A', 'B'], [['x', 'y']]);
    const coloured = table(['A', 'B'], [['x', 'y']], cell => `<red>${cell}</red>`);
    expect(coloured.replaceAll(/<.?red>/g, '')).toBe(plain);
  });

  test('fields that are not known are left out', () => {
    expect(
      fields([
        ['A', '1'],
        ['Long', undefined],
        ['Bee', '2'],
      ]),
    ).toBe('A:   1\nBee: 2');
  });
});

test.each([
  [0, '0ms'],
  [999, '999ms'],
  [1_000, '1s'],
  [59_999, '59s'],
  [60_000, '1m00s'],
  [3_599_999, '59m59s'],
  [3_600_000, '1h00m'],
  [86_399_999, '23h59m'],
  [86_400_000, '1d00h'],
  [-5, '0ms'],
])('%i ms is shown as %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test.each([
  [0, '0B'],
  [1_023, '1023B'],
  [1_024, '1Ki'],
  [1_536, '1.5Ki'],
  [1_048_576, '1Mi'],
  [52_428_800, '50Mi'],
  [1_099_511_627_776, '1Ti'],
])('%i bytes are shown as %s', (bytes, text) => {
  expect(size(bytes)).toBe(text);
});

test('JSON of nothing is null', () => {
  expect(toJson(undefined)).toBe('null');
});
