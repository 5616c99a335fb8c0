import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeEvent } from '../../runtime/pod/decode-event.ts';
import { wireLimits } from '../../runtime/protocol/messages.ts';
import { batchEvent, bytes } from '../pod/pod-fixture.ts';

const recordOf = (text: string, appendedAtMs = 0) => batchEvent(0, undefined, { value: bytes(text), appendedAtMs });

test('the time of a record is the one that a date prints, whichever came before it', () => {
  const times = fc.array(fc.oneof(fc.integer({ min: -2_000, max: 3_000 }), fc.integer({ min: -(2 ** 43), max: 2 ** 43 })));
  fc.assert(
    fc.property(times, all => {
      for (const atMs of all) expect(decodeEvent(recordOf('1', atMs)).event.time).toBe(new Date(atMs).toISOString());
    }),
  );
});

const levels = wireLimits.jsonDepthMax;
const nested = (depth: number, inner = '') => '[{"a":'.repeat(depth / 2) + (inner || '1') + '}]'.repeat(depth / 2);

test.each([
  ['as deep as is allowed', nested(levels)],
  ['flat, with many more openings', JSON.stringify(Array.from({ length: 2 * levels }, () => ({ a: [] })))],
  ['openings in a text', JSON.stringify('{['.repeat(levels))],
  ['openings in a text behind a quote', JSON.stringify(`\\"${'{'.repeat(2 * levels)}`)],
])('JSON is read: %s', (_, text) => {
  expect(decodeEvent(recordOf(text)).event.data).toEqual(JSON.parse(text));
});

test.each([
  ['braces and brackets in turns', nested(levels + 2)],
  ['brackets alone', '['.repeat(levels + 1) + ']'.repeat(levels + 1)],
  ['within a list of many', `[${'{},'.repeat(levels)}${nested(levels)}]`],
])('JSON that nests deeper than is allowed is refused: %s', (_, text) => {
  expect(() => decodeEvent(recordOf(text))).toThrow(`deeper than ${levels} levels`);
});
