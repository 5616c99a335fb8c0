import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { frameBytesMax, WatchFrames } from '../../../controller/adapters/kubernetes/watch-frames.ts';

const object = (name: string, resourceVersion = '1') => ({ metadata: { name, namespace: 'shop', uid: `uid-${name}`, resourceVersion } });
const line = (type: string, value: unknown) => `${JSON.stringify({ type, object: value })}\n`;

describe('frames of a watch', () => {
  test.each([
    ['an addition', line('ADDED', object('a')), { kind: 'added', object: object('a') }],
    ['a change', line('MODIFIED', object('a', '2')), { kind: 'modified', object: object('a', '2') }],
    ['a deletion', line('DELETED', object('a', '3')), { kind: 'deleted', object: object('a', '3') }],
    ['a bookmark', line('BOOKMARK', { metadata: { resourceVersion: '77' } }), { kind: 'bookmark', resourceVersion: '77' }],
    ['too old', line('ERROR', { kind: 'Status', code: 410, message: 'too old resource version: 1 (9)' }), { kind: 'gone' }],
    ['another error', line('ERROR', { code: 500, message: 'etcd is away' }), { kind: 'refused', code: 500, message: 'etcd is away' }],
  ])('%s', (_, text, frame) => {
    expect(new WatchFrames().take(Buffer.from(text))).toEqual([frame]);
  });

  test('are the same however the network cuts them, in the midst of a character as well', () => {
    const names = fc.array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(names, fc.array(fc.nat(40), { minLength: 1, maxLength: 60 }), (all, cuts) => {
        const bytes = Buffer.from(all.map(name => line('ADDED', object(name))).join(''));
        const frames = new WatchFrames();
        const taken: unknown[] = [];
        let at = 0;
        for (const cut of cuts) {
          taken.push(...frames.take(bytes.subarray(at, at + cut)));
          at = Math.min(bytes.length, at + cut);
        }
        taken.push(...frames.take(bytes.subarray(at)));
        expect(taken).toEqual(all.map(name => ({ kind: 'added', object: object(name) })));
      }),
    );
  });

  test('empty lines say nothing', () => {
    expect(new WatchFrames().take(Buffer.from('\n  \n'))).toEqual([]);
  });

  test.each([
    ['no JSON', 'oops\n'],
    ['no object', '[1]\n'],
    ['an unknown type', line('MOVED', object('a'))],
    ['an object without a name', line('ADDED', { metadata: {} })],
    ['a bookmark without a version', line('BOOKMARK', {})],
  ])('%s is refused', (_, text) => {
    expect(() => new WatchFrames().take(Buffer.from(text))).toThrow();
  });

  test('a line that never ends is refused before it fills the memory', () => {
    const frames = new WatchFrames();
    const piece = Buffer.alloc(1 << 20, 97);
    expect(() => {
      for (let bytes = 0; bytes <= frameBytesMax; bytes += piece.length) frames.take(piece);
    }).toThrow('longer than');
  });
});
