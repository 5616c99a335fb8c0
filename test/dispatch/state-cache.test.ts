import { describe, expect, test } from 'vitest';
import { StateCache } from '../../controller/dispatch/state-cache.ts';
import type { CommitResult } from '../../controller/ports/state.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = (cache: StateCache, key: string) => {
  const found = cache.find(key);
  return found === undefined ? undefined : [found.version, found.value === undefined ? undefined : Buffer.from(found.value).toString()];
};
const ok: CommitResult = { kind: 'ok', firstSeq: { generation: 1, counter: 1 }, frontier: 1 };

describe('the cache of a function’s state', () => {
  test('has what was read, also that there is nothing', () => {
    const cache = new StateCache();
    cache.put({ key: 'a', version: 'c1:0', value: bytes('1') });
    cache.put({ key: 'b', version: null, value: undefined });
    expect([textOf(cache, 'a'), textOf(cache, 'b'), textOf(cache, 'c')]).toEqual([['c1:0', '1'], [null, undefined], undefined]);
  });

  test('has what a commit wrote, under the versions that the store gave it', () => {
    const cache = new StateCache();
    const writes = [
      { key: 'a', value: bytes('2') },
      { key: 'b', value: null },
    ];
    cache.committed({ id: 'c7', writes }, ok);
    expect([textOf(cache, 'a'), textOf(cache, 'b')]).toEqual([
      ['c7:0', '2'],
      [null, undefined],
    ]);
  });

  test.each<[string, CommitResult]>([
    ['fenced', { kind: 'fenced' }],
    ['rollback', { kind: 'rollback' }],
    ['duplicate', { kind: 'duplicate', ids: ['i'] }],
    ['conflict', { kind: 'conflict', detail: 'd' }],
  ])('takes nothing from a commit that is %s', (_, result) => {
    const cache = new StateCache();
    cache.committed({ id: 'c7', writes: [{ key: 'a', value: bytes('2') }] }, result);
    expect(cache.find('a')).toBeUndefined();
  });

  test('a key that was found to be old is read from the store from then on', () => {
    const cache = new StateCache();
    cache.put({ key: 'a', version: 'c1:0', value: bytes('1') });
    cache.put({ key: 'b', version: 'c1:1', value: bytes('1') });
    cache.committed({ id: 'c2', writes: [] }, { kind: 'stale', keys: ['a'] });
    cache.put({ key: 'a', version: 'c3:0', value: bytes('3') });
    expect([textOf(cache, 'a'), textOf(cache, 'b')]).toEqual([undefined, ['c1:1', '1']]);
  });

  test('keeps a copy: the bytes that came may be used for something else', () => {
    const cache = new StateCache();
    const value = bytes('1');
    cache.put({ key: 'a', version: 'c1:0', value });
    value[0] = 0x39;
    expect(textOf(cache, 'a')).toEqual(['c1:0', '1']);
  });

  test('is bounded in keys, in bytes and in the size of a value; what came first goes first', () => {
    const cache = new StateCache();
    cache.put({ key: 'large', version: 'c1:0', value: new Uint8Array(16 * 1_024 + 1) });
    expect(cache.find('large')).toBeUndefined();
    for (let index = 0; index < 1_000; index += 1)
      cache.put({ key: `k${index}`, version: `c2:${index}`, value: new Uint8Array(16 * 1_024) });
    expect([cache.find('k999')?.version, cache.find('k0')]).toEqual(['c2:999', undefined]);
    for (let index = 0; index < 20_000; index += 1) cache.put({ key: `s${index}`, version: 'c3:0', value: undefined });
    expect([cache.find('k999'), cache.find('s0'), cache.find('s19999')?.version]).toEqual([undefined, undefined, 'c3:0']);
  });
});
