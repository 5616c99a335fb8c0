import fc from 'fast-check';
import { expect, test } from 'vitest';
import { murmur2, partitionOf } from '../../controller/ports/partition-of.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

// From Kafka's own UtilsTest.testMurmur2.
test.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('murmur2 of %s is that of Kafka: %i', (text, hash) => {
  expect(murmur2(bytes(text))).toBe(hash);
});

test.each([
  ['the key decides', 'foobar', 'any id', 8, (-790332482 & 0x7fffffff) % 8],
  ['without a key the id decides', null, '21', 12, (-973932308 & 0x7fffffff) % 12],
  ['an empty key is a key', '', 'any id', 5, (murmur2(new Uint8Array()) & 0x7fffffff) % 5],
  ['one partition takes all', 'abc', 'any id', 1, 0],
] as const)('%s', (_, key, id, partitions, expected) => {
  expect(partitionOf(key === null ? null : bytes(key), id, partitions)).toBe(expected);
});

test('a record without a key goes where a record with its id as key goes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 1000 }), (id, partitions) => {
      expect(partitionOf(null, id, partitions)).toBe(partitionOf(bytes(id), 'any id', partitions));
    }),
  );
});

test('a partition is always within the topic', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.integer({ min: 1, max: 1000 }), (key, partitions) => {
      const partition = partitionOf(key, '', partitions);
      expect(Number.isInteger(partition) && partition >= 0 && partition < partitions).toBe(true);
    }),
  );
});
