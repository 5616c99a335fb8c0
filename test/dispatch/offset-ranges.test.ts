import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OffsetRanges } from '../../controller/dispatch/offset-ranges.ts';

const step = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), from: fc.nat(30), count: fc.nat(6) }),
  fc.record({ kind: fc.constant('remove' as const), from: fc.nat(30), count: fc.constant(1) }),
  fc.record({ kind: fc.constant('dropBelow' as const), from: fc.nat(30), count: fc.constant(0) }),
);

test('it answers as a plain set of offsets does, as ranges that neither touch nor overlap', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), steps => {
      const ranges = new OffsetRanges();
      const naive = new Set<number>();
      for (const { kind, from, count } of steps) {
        if (kind === 'add') {
          ranges.add(from, from + count);
          for (let offset = from; offset < from + count; offset += 1) naive.add(offset);
        } else if (kind === 'remove') {
          ranges.remove(from);
          naive.delete(from);
        } else {
          ranges.dropBelow(from);
          for (const offset of naive) if (offset < from) naive.delete(offset);
        }
      }
      const listed = ranges.toArray().flatMap(([from, to]) => Array.from({ length: to - from }, (_, index) => from + index));
      expect(listed).toEqual([...naive].sort((a, b) => a - b));
      for (let offset = 0; offset < 40; offset += 1) expect(ranges.has(offset)).toBe(naive.has(offset));
      expect(ranges.size).toBe(naive.size);
      const bounds = ranges.toArray().flat();
      expect(bounds).toEqual([...new Set(bounds)].sort((a, b) => a - b));
    }),
  );
});
