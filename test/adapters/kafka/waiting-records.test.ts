import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FetchedRecords, WaitingRecords } from '../../../controller/adapters/kafka/waiting-records.ts';
import { packRecord } from '../../../runtime/protocol/record.ts';

const sizes = fc.array(fc.array(fc.nat(300), { maxLength: 6 }), { maxLength: 6 });
const limits = fc.array(fc.record({ records: fc.integer({ min: 1, max: 8 }), bytes: fc.nat(900) }), { maxLength: 12 });

function fetched(from: number, values: readonly number[]): FetchedRecords {
  const records = new FetchedRecords();
  values.forEach((length, index) => {
    const { bytes, at } = packRecord({ key: null, value: new Uint8Array(length), headers: [] });
    records.add(from + index, 1_000 + from + index, bytes, at);
  });
  return records;
}

test('law: what is taken is what was added, in its order and within its limits, and what is left is counted', () => {
  fc.assert(
    fc.property(sizes, limits, (all, reads) => {
      const waiting = new WaitingRecords();
      const expected = all.flat();
      let added = 0;
      for (const values of all) {
        waiting.add(fetched(added, values));
        added += values.length;
      }
      let next = 0;
      for (const limit of reads) {
        const taken = waiting.take(limit);
        const bytesOf = (index: number) => 14 + (expected[index] ?? 0);
        expect(taken.map(({ offset, appendedAtMs, value }) => [offset, appendedAtMs, value?.length])).toEqual(
          taken.map((_, at) => [next + at, 1_000 + next + at, expected[next + at]]),
        );
        const bytes = taken.reduce((sum, _, at) => sum + bytesOf(next + at), 0);
        expect(taken.length === Math.min(1, expected.length - next) || (taken.length <= limit.records && bytes <= limit.bytes)).toBe(true);
        next += taken.length;
        // It ended because there is no more, or no room for one more.
        expect(next === expected.length || taken.length === limit.records || bytes + bytesOf(next) > limit.bytes).toBe(true);
        expect(waiting.length).toBe(expected.length - next);
        expect(waiting.bytes).toBe(expected.slice(next).reduce((sum, length) => sum + 14 + length, 0));
      }
    }),
  );
});
