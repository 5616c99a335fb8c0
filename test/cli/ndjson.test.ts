import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Line, parseLine, readLines } from '../../cli/ndjson.ts';

async function* partsOf(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let from = 0;
  for (const cut of [...cuts].sort((a, b) => a - b).map(one => one % (bytes.length + 1))) {
    if (cut <= from) continue;
    yield bytes.subarray(from, cut);
    from = cut;
  }
  yield bytes.subarray(from);
}

async function linesOf(input: AsyncIterable<Uint8Array | string>): Promise<readonly Line[]> {
  const lines: Line[] = [];
  for await (const line of readLines(input)) lines.push(line);
  return lines;
}

describe('lines', () => {
  test('law: the same lines, however the bytes are cut, also within a character', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'grapheme' }).map(text => text.replace(/[\r\n]/g, ''))),
        fc.array(fc.nat()),
        async (texts, cuts) => {
          const expected = texts.map((text, index) => ({ number: index + 1, text })).filter(line => line.text.trim() !== '');
          expect(await linesOf(partsOf(Buffer.from(texts.join('\n')), cuts))).toEqual(expected);
        },
      ),
    );
  });

  test('one that is too long is named and skipped, without being held', async () => {
    async function* long() {
      yield 'a\n';
      for (let i = 0; i < 40; i += 1) yield 'x'.repeat(100_000);
      yield '\nb';
    }
    expect(await linesOf(long())).toEqual([
      { number: 1, text: 'a' },
      { number: 2, text: undefined },
      { number: 3, text: 'b' },
    ]);
  });
});

describe('a line is an event, or a reason why not', () => {
  test.each([
    ['{"data": 1}', { key: null, data: 1 }],
    ['{"key": null, "data": null}', { key: null, data: null }],
    ['{"key": "", "data": {}, "id": "1", "type": "t"}', { key: '', data: {}, id: '1', type: 't' }],
    ['{"data": 1, "headers": {"a": "b"}}', { key: null, data: 1, headers: { a: 'b' } }],
  ])('%s', (text, event) => {
    expect(parseLine(text, undefined)).toEqual({ kind: 'event', event });
  });

  test.each([
    ['[]', 'not an object with "key" and "data"'],
    ['5', 'not an object with "key" and "data"'],
    ['{"key": "a"}', '"data" is missing'],
    ['{"key": 1, "data": 1}', '"key" is neither a string nor null'],
    ['{"data": 1, "id": 5}', '"id" is not a string'],
    ['{"data": 1, "type": null}', '"type" is not a string'],
    ['{"data": 1, "headers": []}', '"headers" is not an object of strings'],
    ['{"data": 1, "headers": {"a":1}}', '"headers" is not an object of strings'],
    ['{"data": 1, "date": 5}', 'unknown member "date"; payloads as they are need --key-from'],
  ])('%s', (text, reason) => {
    expect(parseLine(text, undefined)).toEqual({ kind: 'bad', reason });
  });

  test.each([
    ['/a', '{"a": "k"}', 'k'],
    ['/a/b', '{"a": {"b": 5}}', '5'],
    ['/a/0', '{"a": [true]}', 'true'],
    ['/x~1y~0', '{"x/y~": "k"}', 'k'],
    ['/a', '{}', null],
    ['/a', '{"a": {}}', null],
    ['/a/b', '{"a": "text"}', null],
    ['/length', '[1]', null],
    ['/__proto__', '{}', null],
    ['', '"whole"', 'whole'],
  ])('the key at %s of %s is %j', (pointer, text, key) => {
    expect(parseLine(text, pointer)).toEqual({ kind: 'event', event: { key, data: JSON.parse(text) } });
  });
});
