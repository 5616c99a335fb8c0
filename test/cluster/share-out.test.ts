import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shareOut } from '../../controller/cluster/share-out.ts';

const host = (process: string, has: number, free = 10) => ({ process, has, free });

test.each([
  ['nothing is wanted, nothing is there', 0, [host('a', 0)], { a: 0 }],
  ['nobody runs pods', 3, [], {}],
  ['the first one goes to whoever has most room', 1, [host('a', 0, 3), host('b', 0, 4)], { a: 0, b: 1 }],
  ['several are spread', 5, [host('a', 0), host('b', 0)], { a: 3, b: 2 }],
  ['what is there stays', 4, [host('a', 3), host('b', 1)], { a: 3, b: 1 }],
  ['one more goes to whoever has fewest', 5, [host('a', 3), host('b', 1)], { a: 3, b: 2 }],
  ['one less is taken from whoever has most', 3, [host('a', 3), host('b', 1)], { a: 2, b: 1 }],
  ['whoever has no room gets none while another has', 4, [host('a', 2, 2), host('b', 0, 0)], { a: 4, b: 0 }],
  ['beyond all room it is shared out all the same', 4, [host('a', 0, 1), host('b', 0, 1)], { a: 2, b: 2 }],
])('%s', (_, wanted, hosts, shares) => {
  expect(Object.fromEntries(shareOut(wanted, hosts))).toEqual(shares);
});

test('the sum is what is wanted, nobody has less than nothing, and sharing out again changes nothing', () => {
  const hosts = fc.uniqueArray(fc.record({ process: fc.string(), has: fc.nat(9), free: fc.integer({ min: -3, max: 9 }) }), {
    selector: ({ process }) => process,
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(
    fc.property(fc.nat(30), hosts, (wanted, all) => {
      const shares = shareOut(wanted, all);
      const values = [...shares.values()];
      expect(values.reduce((sum, share) => sum + share, 0)).toBe(wanted);
      expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
      const again = all.map(one => ({ ...one, has: shares.get(one.process) ?? 0 }));
      expect(shareOut(wanted, again)).toEqual(shares);
      const before = all.reduce((sum, { has }) => sum + has, 0);
      for (const { process, has } of all) {
        const share = shares.get(process) ?? 0;
        if (wanted >= before) expect(share).toBeGreaterThanOrEqual(has);
        else expect(share).toBeLessThanOrEqual(has);
      }
    }),
  );
});
