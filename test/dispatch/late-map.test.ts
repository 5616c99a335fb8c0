import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LateMap, LateSet } from '../../controller/dispatch/late-map.ts';

const steps = fc.array(fc.record({ kind: fc.constantFrom('put', 'delete'), key: fc.integer({ min: 0, max: 3 }), value: fc.nat() }));
const keys = [0, 1, 2, 3];

test('a LateMap says what a Map says, whatever was done to it', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...keys), fc.nat())), steps, (entries, done) => {
      const [late, map] = [new LateMap(entries), new Map(entries)];
      for (const { kind, key, value } of done) {
        if (kind === 'delete') expect(late.delete(key)).toBe(map.delete(key));
        else for (const one of [late, map]) one.set(key, value);
        expect([late.size, [...late], [...late.values()]]).toEqual([map.size, [...map], [...map.values()]]);
        expect(keys.map(one => [late.has(one), late.get(one)])).toEqual(keys.map(one => [map.has(one), map.get(one)]));
      }
    }),
  );
});

test('a LateSet says what a Set says, whatever was done to it', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...keys)), steps, (values, done) => {
      const [late, set] = [new LateSet(values), new Set(values)];
      for (const { kind, key } of done) {
        if (kind === 'delete') expect(late.delete(key)).toBe(set.delete(key));
        else for (const one of [late, set]) one.add(key);
        expect([late.size, [...late], keys.map(one => late.has(one))]).toEqual([set.size, [...set], keys.map(one => set.has(one))]);
      }
    }),
  );
});
