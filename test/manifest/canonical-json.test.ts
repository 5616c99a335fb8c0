import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from '../../controller/manifest/canonical-json.ts';

test.each([
  [{ b: 1, a: 2 }, '{"a":2,"b":1}'],
  [{ a: { d: [3, { z: 1, y: 2 }], c: null } }, '{"a":{"c":null,"d":[3,{"y":2,"z":1}]}}'],
  [{ a: undefined, b: [undefined] }, '{"b":[null]}'],
  [{ é: 1, e: 2, Z: 3 }, '{"Z":3,"e":2,"é":1}'],
  [JSON.parse('{"__proto__":{"a":1}}'), '{"__proto__":{"a":1}}'],
  ['a"b', '"a\\"b"'],
])('%j is %s', (value, expected) => expect(canonicalJson(value)).toBe(expected));

test('law: it is JSON of the same value, and equal for equal values', () => {
  fc.assert(
    fc.property(fc.jsonValue(), value => {
      expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      expect(canonicalJson(JSON.parse(canonicalJson(value)))).toBe(canonicalJson(value));
    }),
  );
});
