import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parsePointer, pointerDepthMax, readPointer } from '../../controller/gateway/json-pointer.ts';

const utf8 = new TextEncoder();
const read = (text: string, pointer: string) => readPointer(utf8.encode(text), pointer);

test.each([
  ['a string', '{"a":"x"}', '/a', 'x'],
  ['an empty string', '{"a":""}', '/a', ''],
  ['a nested one', '{"a":{"b":[1,{"c":"x"}]}}', '/a/b/1/c', 'x'],
  ['a number as written', '{"a":1.50e+2}', '/a', '1.50e+2'],
  ['a boolean', '{"a":false}', '/a', 'false'],
  ['the document itself', ' "x" ', '', 'x'],
  ['white space everywhere', ' { "b" : [ ] , "a" : "x" } ', '/a', 'x'],
  ['escapes in a name', '{"a/b~c":"x"}', '/a~1b~0c', 'x'],
  ['escapes in the document', '{"\\u0061":"\\u00fc\\n"}', '/a', 'ü\n'],
  ['brackets in strings on the way', '{"z":"}]{[\\"","a":"x"}', '/a', 'x'],
  ['the first of two', '{"a":"x","a":"y"}', '/a', 'x'],
  ['an empty name', '{"":"x"}', '/', 'x'],
  ['a name that objects have', '{"constructor":1}', '/__proto__', undefined],
  ['__proto__ where it is written', '{"__proto__":"x"}', '/__proto__', 'x'],
  ['null', '{"a":null}', '/a', undefined],
  ['an object', '{"a":{}}', '/a', undefined],
  ['an array', '{"a":[]}', '/a', undefined],
  ['not there', '{"b":1}', '/a', undefined],
  ['behind the end of an array', '{"a":[1]}', '/a/1', undefined],
  ['no index', '{"a":[1]}', '/a/01', undefined],
  ['through a string', '{"a":"x"}', '/a/b', undefined],
  ['no JSON', 'a=1&b=2', '/a', undefined],
  ['empty', '', '/a', undefined],
  ['cut off', '{"a":"x', '/a', undefined],
  ['a number that is none', '{"a":1.2.3}', '/a', undefined],
  ['a pointer that is none', '{"a":1}', 'a', undefined],
])('%s: %s at %s', (_, text, pointer, expected) => {
  expect(read(text, pointer)).toBe(expected);
});

test('bytes that are no UTF-8 have no values', () => {
  expect(readPointer(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), '/a')).toBeUndefined();
});

test('nesting of any depth on the way is passed over, at the cost of its length', () => {
  const deep = 100_000;
  expect(read(`{"z":${'['.repeat(deep)}${']'.repeat(deep)},"a":"x"}`, '/a')).toBe('x');
  expect(read(`{"z":${'{"y":'.repeat(deep)}`, '/a')).toBeUndefined();
});

test.each([
  [pointerDepthMax, 'x'],
  [pointerDepthMax + 1, undefined],
])('a pointer of %d segments finds %s', (depth, expected) => {
  expect(read(`${'{"a":'.repeat(depth)}"x"${'}'.repeat(depth)}`, '/a'.repeat(depth))).toBe(expected);
});

/** What a parser that builds the tree finds. */
function naive(document: unknown, pointer: string): string | undefined {
  let at: unknown = document;
  for (const segment of parsePointer(pointer) ?? ['']) {
    if (Array.isArray(at)) at = /^(0|[1-9]\d*)$/.test(segment) ? at[Number(segment)] : undefined;
    else if (typeof at === 'object' && at !== null) at = Object.entries(at).find(([name]) => name === segment)?.[1];
    else return undefined;
  }
  return typeof at === 'string' ? at : typeof at === 'boolean' || typeof at === 'number' ? JSON.stringify(at) : undefined;
}

const names = fc.oneof(fc.constantFrom('a', 'b', '0', '1', 'a/b', '~', ''), fc.string({ unit: 'binary', maxLength: 4 }));
const documents = fc.letrec(tie => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(fc.constant(null), fc.boolean(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.string({ unit: 'binary' })),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(names, tie('value'), { maxKeys: 4, noNullPrototype: false }),
  ),
})).value;

test('finds what a parser finds', () => {
  const pointers = fc
    .array(names, { maxLength: 4 })
    .map(path => path.map(name => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''));
  fc.assert(
    fc.property(documents, pointers, fc.constantFrom(undefined, 2), (document, pointer, indent) => {
      const text = JSON.stringify(document, null, indent);
      expect(read(text, pointer)).toBe(naive(JSON.parse(text), pointer));
    }),
    { numRuns: 1_000 },
  );
});

test('whatever comes, it answers', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.string({ maxLength: 10 }), (bytes, pointer) => {
      readPointer(bytes, pointer);
    }),
  );
});
