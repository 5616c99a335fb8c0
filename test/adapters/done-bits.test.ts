import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DoneBits } from '../../controller/adapters/sqlite/done-bits.ts';

test('many gaps keep their place', () => {
  const done = new DoneBits(0);
  for (let offset = 1; offset < 20_000; offset += 2) done.add(offset, offset + 1);
  expect(done.frontier).toBe(0);
  expect(done.above().length).toBe(10_000);
  expect(done.stored().length).toBe(2500);
  for (let offset = 0; offset < 20_000; offset += 2) done.add(offset, offset + 1);
  expect([done.frontier, done.above(), done.stored()]).toEqual([20_000, [], new Uint8Array()]);
});

test('equals a set of offsets, also after it was stored and read again', () => {
  const range = fc.tuple(fc.nat(300), fc.nat(40)).map(([from, length]) => [from, from + length] as const);
  fc.assert(
    fc.property(fc.constantFrom(0, 3, 8, 2 ** 40 - 5000), fc.array(fc.tuple(range, fc.boolean()), { maxLength: 60 }), (start, steps) => {
      let bits = new DoneBits(start);
      const naive = new Set<number>();
      let frontier = start;
      for (const [[low, high], store] of steps) {
        const [from, to] = [start + low, start + high];
        const offsets = Array.from({ length: to - from }, (_, i) => from + i);
        const expected = offsets.find(offset => offset < frontier || naive.has(offset));
        expect(bits.firstDone(from, to)).toBe(expected);
        if (expected !== undefined) continue;
        bits.add(from, to);
        for (const offset of offsets) naive.add(offset);
        while (naive.delete(frontier)) frontier += 1;
        if (store) bits = new DoneBits(bits.frontier, bits.stored());
        expect(bits.frontier).toBe(frontier);
        expect(bits.above()).toEqual([...naive].toSorted((a, b) => a - b));
      }
    }),
    { numRuns: 500 },
  );
});
