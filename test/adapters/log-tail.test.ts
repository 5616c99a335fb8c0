import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LogTail } from '../../controller/adapters/sqlite/log-tail.ts';
import type { LogChunk } from '../../controller/adapters/sqlite/operations.ts';
import { packRecords } from '../../controller/adapters/sqlite/record-codec.ts';

const everything = { records: 1_000_000, bytes: 2 ** 30 };

/** Chunks of the slot, one after another; a record's value is as long as `size` says. */
function chunksOf(slot: number, records: readonly number[], firstOffset = 0, size = 10): LogChunk[] {
  let next = firstOffset;
  return records.map(count => {
    const record = { key: null, value: new Uint8Array(size), headers: [] };
    const { data } = packRecords(new Array(count).fill(record), new Array(count).fill(slot));
    const chunk = { slot, firstOffset: next, records: count, atMs: next, data };
    next += count;
    return chunk;
  });
}

function offsetsOf(tail: LogTail, slot: number, from: number, limit = everything): readonly number[] | undefined {
  return tail.read(slot, from, limit)?.records.map(({ offset }) => offset);
}

test.each([
  ['from the first record', 0, 9, [0, 1, 2, 3, 4, 5]],
  ['from the middle of a chunk', 4, 9, [4, 5]],
  ['no more than asked for', 1, 3, [1, 2, 3]],
  ['at the end', 6, 9, undefined],
  ['beyond the end', 7, 9, undefined],
])('a read %s', (_, from, records, expected) => {
  const tail = new LogTail();
  tail.add(chunksOf(3, [2, 1, 3]));
  expect(offsetsOf(tail, 3, from, { ...everything, records })).toEqual(expected);
  expect(tail.read(3, from, { ...everything, records })?.nextOffset).toBe(expected === undefined ? undefined : (expected.at(-1) ?? 0) + 1);
  expect(offsetsOf(tail, 4, from)).toBeUndefined();
});

test('a read answers at least one record, and stops before its bytes are exceeded', () => {
  const tail = new LogTail();
  tail.add(chunksOf(0, [1, 2], 0, 1_000));
  expect(offsetsOf(tail, 0, 0, { ...everything, bytes: 1 })).toEqual([0]);
  expect(offsetsOf(tail, 0, 0, { ...everything, bytes: 2_500 })).toEqual([0, 1]);
});

test('what came before a missing chunk is forgotten: no read goes over the gap', () => {
  const tail = new LogTail();
  tail.add([...chunksOf(0, [2]), ...chunksOf(0, [2], 3)]);
  expect(offsetsOf(tail, 0, 0)).toBeUndefined();
  expect(offsetsOf(tail, 0, 2)).toBeUndefined();
  expect(offsetsOf(tail, 0, 3)).toEqual([3, 4]);
});

test('the oldest chunks of a slot make room, and all of them when many slots are busy', () => {
  const tail = new LogTail();
  tail.add(chunksOf(0, Array(20).fill(1), 0, 15_000));
  expect(offsetsOf(tail, 0, 0)).toBeUndefined();
  expect(offsetsOf(tail, 0, 12)).toEqual([12, 13, 14, 15, 16, 17, 18, 19]);
  for (let slot = 1; slot < 50; slot += 1) tail.add(chunksOf(slot, Array(8).fill(1), 0, 15_000));
  expect(offsetsOf(tail, 0, 19)).toBeUndefined();
});

test('law: a read answers what lies in the log from its offset on, without a gap, or nothing', () => {
  const chunks = fc.array(fc.record({ slot: fc.nat(1), records: fc.integer({ min: 1, max: 4 }), isKept: fc.boolean() }), { maxLength: 20 });
  fc.assert(
    fc.property(chunks, fc.nat(40), fc.integer({ min: 1, max: 10 }), (log, from, records) => {
      const tail = new LogTail();
      const ends = [0, 0];
      for (const { slot, records: count, isKept } of log) {
        const end = ends[slot] ?? 0;
        if (isKept) tail.add(chunksOf(slot, [count], end));
        ends[slot] = end + count;
      }
      const read = tail.read(0, from, { ...everything, records });
      if (read === undefined) return;
      expect(read.records.length).toBeGreaterThan(0);
      expect(read.records.map(({ offset }) => offset)).toEqual(read.records.map((_, index) => from + index));
      expect(read.nextOffset).toBe(from + read.records.length);
      expect(read.nextOffset).toBeLessThanOrEqual(ends[0] ?? 0);
    }),
  );
});
