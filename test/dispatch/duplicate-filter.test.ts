import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DuplicateFilter } from '../../controller/dispatch/duplicate-filter.ts';

const record = fc.record({
  stream: fc.constantFrom('a', 'b'),
  seq: fc.record({ generation: fc.nat(3), counter: fc.nat(3) }),
});

test('a record is dropped exactly when an earlier one of its stream had its seq or a higher one', () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 30 }), records => {
      const filter = new DuplicateFilter(new Map());
      const rank = ({ seq }: (typeof records)[number]) => seq.generation * 10 + seq.counter;
      records.forEach((one, offset) => {
        const earlier = records.slice(0, offset).filter(other => other.stream === one.stream);
        expect(filter.isDuplicate(offset, one.stream, one.seq)).toBe(earlier.some(other => rank(other) >= rank(one)));
      });
    }),
  );
});

test('a filter that begins at any offset with what was stored there decides as one that saw all', () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 30 }), fc.nat(30), (records, cut) => {
      const whole = new DuplicateFilter(new Map());
      const decisions = records.map((one, offset) => whole.isDuplicate(offset, one.stream, one.seq));
      const stored = new Map(whole.changesBelow(cut).map(({ stream, seq }) => [stream, seq]));
      const late = new DuplicateFilter(stored);
      records.slice(cut).forEach((one, index) => {
        expect(late.isDuplicate(cut + index, one.stream, one.seq)).toBe(decisions[cut + index]);
      });
    }),
  );
});

test('what is stored is not told again, what is above it still is', () => {
  const filter = new DuplicateFilter(new Map());
  filter.isDuplicate(0, 'a', { generation: 1, counter: 1 });
  filter.isDuplicate(5, 'a', { generation: 1, counter: 2 });
  filter.stored(5);
  expect(filter.changesBelow(5)).toEqual([]);
  expect(filter.changesBelow(6)).toEqual([{ stream: 'a', seq: { generation: 1, counter: 2 } }]);
});
