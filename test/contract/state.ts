import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CommitRequest, CommitResult, Emit, ParkingChange, Source, StateStore } from '../../controller/ports/state.ts';
import type { Streams } from '../../controller/ports/streams.ts';
import { type SettableClock, settableClock } from './settable-clock.ts';

export interface StateUnderTest {
  state: StateStore;
  streams: Streams;
  /** Ends the adapter and opens it again on the same data; undefined: nothing outlives it. */
  readonly reopen?: () => Promise<void>;
  close(): Promise<void>;
}

const unit = 'shop.totals';
const source: Source = { unit, name: 'orders.0' };

/** The laws S1 to S12 of controller/ports/state.ts and the order of checks in docs/protocol.md, for one adapter in one mode of emits. */
export function stateContract(adapter: string, open: (clock: SettableClock) => Promise<StateUnderTest>): void {
  describe(`state on ${adapter}`, () => {
    let clock: SettableClock;
    let subject: StateUnderTest;
    let state: StateStore;
    let inline: boolean;

    beforeEach(async () => {
      clock = settableClock();
      subject = await open(clock);
      state = subject.state;
      inline = state.capabilities.emits === 'inline';
      await subject.streams.ensureTopic('vips', { partitions: 2 });
    });
    afterEach(() => subject.close());

    describe('claim', () => {
      test('a source without progress begins at the committed offset', async () => {
        expect(await claim({ committedOffset: 42 })).toEqual({
          generation: clock.nowMs,
          frontier: 42,
          highSeqOffset: 42,
          highSeqs: new Map(),
          done: [],
          attempts: [],
          outbox: [],
          parked: [],
        });
      });

      test('a source with progress does not look at the committed offset', async () => {
        await claim({ committedOffset: 42 });
        expect((await claim({ ownerToken: 'other', committedOffset: 7 })).frontier).toBe(42);
      });

      test.each([
        ['the clock', { nowMs: 5000, brokerGeneration: 0 }, 5000],
        ['the broker', { nowMs: 5000, brokerGeneration: 9000 }, 9001],
        ['the store', { nowMs: 10, brokerGeneration: 0 }, 101],
      ] as const)('S9 the generation is above that of %s', async (_, request, generation) => {
        await claim({ nowMs: 100, brokerGeneration: 0 });
        expect((await claim(request)).generation).toBe(generation);
      });

      test('S8 a claim answers all that earlier owners left', async () => {
        const { generation } = await claim();
        const highSeqs = [
          { stream: 's|a', seq: { generation: 3, counter: 9 } },
          { stream: 's|b', seq: { generation: 4, counter: 1 } },
        ];
        await ok({
          ordinal: 1,
          id: 'c1',
          stream: 'me',
          done: [
            [0, 2],
            [4, 6],
            [9, 10],
          ],
          highSeqOffset: 2,
          highSeqs,
          emits: [emit('x')],
        });
        await state.recordAttempts(source, 'one', [
          { offset: 3, suspect: true, exclusiveCrashes: 2, failures: 1 },
          { offset: 2, suspect: false, exclusiveCrashes: 0, failures: 4 },
        ]);
        await subject.reopen?.();
        state = subject.state;
        const claimed = await claim({ ownerToken: 'two' });
        expect(claimed).toMatchObject({ frontier: 2, highSeqOffset: 2, done: [4, 5, 9] });
        expect(claimed.highSeqs).toEqual(new Map(highSeqs.map(({ stream, seq }) => [stream, seq])));
        expect(claimed.attempts).toEqual([
          { offset: 2, suspect: false, exclusiveCrashes: 0, failures: 4 },
          { offset: 3, suspect: true, exclusiveCrashes: 2, failures: 1 },
        ]);
        expect(claimed.outbox.map(({ seq, stream, emit: entry }) => [seq, stream, entry.topic, text(entry.value)])).toEqual(
          inline ? [] : [[{ generation, counter: 1 }, 'me', 'vips', 'x']],
        );
      });

      test('a direct source has no offsets', async () => {
        const direct = { unit, name: 'direct.1' };
        await state.claim(direct, { ownerToken: 'one', brokerGeneration: 0, nowMs: clock.nowMs, committedOffset: 0 });
        const result = await state.commit(direct, request({ ordinal: 1, id: 'c1', writes: [write('k', '1')] }));
        expect(result).toMatchObject({ kind: 'ok', frontier: 0 });
      });
    });

    describe('commit', () => {
      beforeEach(async () => {
        await claim();
      });

      test('S1 state, progress, filter, ids and emits are there together', async () => {
        const expiresAtMs = clock.nowMs + 1000;
        const result = await state.commit(
          source,
          request({
            ordinal: 1,
            id: 'c1',
            done: [[0, 3]],
            highSeqOffset: 3,
            highSeqs: [{ stream: 's', seq: { generation: 1, counter: 2 } }],
            ids: [
              { id: 'id-1', expiresAtMs, answer: bytes('answer') },
              { id: 'id-2', expiresAtMs },
            ],
            reads: [{ key: 'k', version: null }],
            writes: [write('k', '1'), write('ü', '2')],
            emits: [emit('x'), emit('y', 1)],
          }),
        );
        expect(result).toEqual({ kind: 'ok', firstSeq: { generation: clock.nowMs, counter: 1 }, frontier: 3 });
        expect(await read('k', 'ü', 'none')).toEqual([
          ['1', 'c1:0'],
          ['2', 'c1:1'],
          [undefined, null],
        ]);
        expect((await state.known(unit, ['id-2', 'none', 'id-1'])).map(({ id, answer }) => [id, answer && text(answer)])).toEqual([
          ['id-2', undefined],
          ['id-1', 'answer'],
        ]);
        expect(await emitted()).toEqual([['x'], ['y']]);
        expect(await state.progress(unit)).toEqual([{ source: 'orders.0', frontier: 3, doneAbove: 0 }]);
        expect((await claim({ ownerToken: 'two' })).highSeqs).toEqual(new Map([['s', { generation: 1, counter: 2 }]]));
      });

      test('offsets done out of order move the frontier when the gap closes', async () => {
        expect(
          await ok({
            ordinal: 1,
            id: 'a',
            done: [
              [2, 4],
              [6, 7],
            ],
          }),
        ).toMatchObject({ frontier: 0 });
        expect(await ok({ ordinal: 2, id: 'b', done: [[0, 1]] })).toMatchObject({ frontier: 1 });
        expect(await ok({ ordinal: 3, id: 'c', done: [[1, 2]] })).toMatchObject({ frontier: 4 });
        expect(await ok({ ordinal: 4, id: 'd', done: [[4, 6]] })).toMatchObject({ frontier: 7 });
        expect((await claim({ ownerToken: 'two' })).done).toEqual([]);
      });

      test('a wide range that begins at the frontier costs nothing to mark', async () => {
        expect(await ok({ ordinal: 1, id: 'a', done: [[0, 2 ** 39]] })).toMatchObject({ frontier: 2 ** 39 });
        expect(await ok({ ordinal: 2, id: 'b', done: [[2 ** 39 + 1, 2 ** 39 + 3]] })).toMatchObject({ frontier: 2 ** 39 });
        expect((await claim({ ownerToken: 'two' })).done).toEqual([2 ** 39 + 1, 2 ** 39 + 2]);
      });

      test('an empty commit is a commit', async () => {
        expect(await ok({ ordinal: 1, id: 'a' })).toEqual({ kind: 'ok', firstSeq: { generation: clock.nowMs, counter: 1 }, frontier: 0 });
        expect(await state.verify(source, 'one', 1)).toBe('ok');
      });

      test('the filter moves only forward', async () => {
        const high = (counter: number) => [{ stream: 's', seq: { generation: 1, counter } }];
        await ok({ ordinal: 1, id: 'a', done: [[0, 9]], highSeqOffset: 5, highSeqs: high(5) });
        await ok({ ordinal: 2, id: 'b', highSeqOffset: 5, highSeqs: high(3) });
        await ok({ ordinal: 3, id: 'c', highSeqOffset: 4, highSeqs: high(2) });
        expect(await claim({ ownerToken: 'two' })).toMatchObject({
          highSeqOffset: 5,
          highSeqs: new Map([['s', { generation: 1, counter: 5 }]]),
        });
      });

      test('cleared attempts are forgotten, others stay', async () => {
        const attempt = { suspect: false, exclusiveCrashes: 0, failures: 1 };
        await state.recordAttempts(source, 'one', [
          { offset: 0, ...attempt },
          { offset: 1, ...attempt },
        ]);
        await state.recordAttempts(source, 'one', [{ offset: 1, ...attempt, failures: 2 }]);
        await ok({ ordinal: 1, id: 'a', done: [[0, 1]], clearAttempts: [0, 7] });
        expect((await claim({ ownerToken: 'two' })).attempts).toEqual([{ offset: 1, ...attempt, failures: 2 }]);
      });

      test('S10 a version is the commit id and the index of the write; the last write of a key stays', async () => {
        await ok({ ordinal: 1, id: 'a', writes: [write('k', '1'), write('k', '2'), write('l', '3')] });
        expect(await read('k', 'l')).toEqual([
          ['2', 'a:1'],
          ['3', 'a:2'],
        ]);
      });

      test('a write of null deletes, and the key can come back', async () => {
        await ok({ ordinal: 1, id: 'a', writes: [write('k', '1')] });
        await ok({
          ordinal: 2,
          id: 'b',
          reads: [{ key: 'k', version: 'a:0' }],
          writes: [
            { key: 'k', value: null },
            { key: 'none', value: null },
          ],
        });
        expect(await read('k')).toEqual([[undefined, null]]);
        await ok({ ordinal: 3, id: 'c', reads: [{ key: 'k', version: null }], writes: [write('k', '2')] });
        expect(await read('k')).toEqual([['2', 'c:0']]);
      });

      test.each([
        ['empty', ''],
        ['with a NUL', 'a\0b'],
        ['with another end after the NUL', 'a\0c'],
        ['outside of the basic plane', '\u{1F600}'],
        ['that looks like a property', '__proto__'],
        ['with quotes', `'"--`],
        ['of 1000 characters', 'k'.repeat(1000)],
      ])('a key is a key: %s', async (_, key) => {
        await ok({
          ordinal: 1,
          id: 'a',
          writes: [write('a', 'other'), write(key, 'mine'), write('a\0', 'other')],
          ids: [{ id: key, expiresAtMs: clock.nowMs + 1 }],
        });
        expect(await read(key)).toEqual([['mine', 'a:1']]);
        expect(await state.known(unit, [key, `${key}x`])).toEqual([{ id: key }]);
        expect((await state.list(unit, { limit: 10 })).map(entry => entry.key)).toContain(key);
      });

      test('a value is bytes, of any size', async () => {
        const value = Uint8Array.from({ length: 1_048_576 }, (_, i) => i % 251);
        await ok({
          ordinal: 1,
          id: 'a',
          writes: [
            { key: 'k', value },
            { key: 'empty', value: new Uint8Array() },
          ],
        });
        const [large, empty] = await state.read(unit, ['k', 'empty']);
        expect(Buffer.compare(large?.value ?? new Uint8Array(), value)).toBe(0);
        expect(empty).toEqual({ key: 'empty', version: 'a:1', value: new Uint8Array() });
      });

      test('units do not see each other', async () => {
        await ok({ ordinal: 1, id: 'a', writes: [write('k', '1')], ids: [{ id: 'i', expiresAtMs: clock.nowMs + 1000 }] });
        expect(await state.read('shop.other', ['k'])).toEqual([{ key: 'k', version: null, value: undefined }]);
        expect(await state.known('shop.other', ['i'])).toEqual([]);
        const other = { unit: 'shop.other', name: 'orders.0' };
        await state.claim(other, { ownerToken: 'one', brokerGeneration: 0, nowMs: 1, committedOffset: 3 });
        expect(await state.progress(unit)).toEqual([{ source: 'orders.0', frontier: 0, doneAbove: 0 }]);
      });

      test('emits of one partition are in the order of the commit, with their keys and headers', async () => {
        const emits = ['a', 'b', 'c', 'd'].map(
          (value, i): Emit => ({ ...emit(value, i % 2), key: bytes(`k${i}`), headers: [['h', bytes(value)]] }),
        );
        const { generation } = await claim();
        await ok({ ordinal: 1, id: 'one', emits: emits.slice(0, 3) });
        expect(await ok({ ordinal: 2, id: 'two', emits: emits.slice(3) })).toMatchObject({ firstSeq: { generation, counter: 4 } });
        expect(await emitted()).toEqual([
          ['a', 'c'],
          ['b', 'd'],
        ]);
        if (inline) {
          const { records } = await subject.streams.read('vips', 1, 0, { records: 10, bytes: 1000 });
          expect(records.map(({ key, headers }) => [text(key), headers.map(([name, value]) => [name, text(value)])])).toEqual([
            ['k1', [['h', 'b']]],
            ['k3', [['h', 'd']]],
          ]);
        } else {
          const { outbox } = await claim({ ownerToken: 'two' });
          expect(outbox.map(({ seq }) => seq.counter)).toEqual([1, 2, 3, 4]);
          expect(outbox.map(entry => text(entry.emit.key))).toEqual(['k0', 'k1', 'k2', 'k3']);
        }
      });

      test('an emit to a topic that is not there is an error and changes nothing (inline)', async () => {
        if (!inline) return;
        const commit = request({
          ordinal: 1,
          id: 'a',
          done: [[0, 1]],
          writes: [write('k', '1')],
          emits: [emit('x'), { ...emit('y'), topic: 'none' }],
        });
        await expect(state.commit(source, commit)).rejects.toMatchObject({ code: 'FAAS_STREAM_UNKNOWN_TOPIC' });
        expect(await read('k')).toEqual([[undefined, null]]);
        expect(await ok({ ordinal: 1, id: 'b', done: [[0, 1]] })).toMatchObject({ frontier: 1 });
        expect(await emitted()).toEqual([[], []]);
      });
    });

    describe('refusals write nothing and do not use up the ordinal', () => {
      const expected = { state: [['old', 'first:0']], emitted: [['e'], []], frontier: 5 };

      beforeEach(async () => {
        await claim();
        await ok({
          ordinal: 1,
          id: 'first',
          done: [
            [0, 5],
            [7, 8],
          ],
          writes: [write('k', 'old')],
          emits: [emit('e')],
          ids: [{ id: 'seen', expiresAtMs: clock.nowMs + 1000 }],
        });
      });

      const bad = { done: [[5, 6]], writes: [{ key: 'k', value: new Uint8Array(1) }] } as const;
      test.each<[string, Partial<CommitRequest>, CommitResult]>([
        ['S3 another owner token', { ...bad, ownerToken: 'old' }, { kind: 'fenced' }],
        ['S2 an ordinal that was passed over', { ...bad, ordinal: 3 }, { kind: 'rollback' }],
        ['S2 the last ordinal under another id', { ...bad, ordinal: 1 }, { kind: 'rollback' }],
        ['S2 an ordinal of before', { ...bad, ordinal: 0 }, { kind: 'rollback' }],
        ['an offset below the frontier', { ...bad, done: [[4, 6]] }, { kind: 'conflict', detail: 'offset 4 is already done' }],
        [
          'an offset that is done above the frontier',
          {
            ...bad,
            done: [
              [5, 6],
              [7, 9],
            ],
          },
          { kind: 'conflict', detail: 'offset 7 is already done' },
        ],
        ['another frontier than expected', { ...bad, expectedFrontier: 4 }, { kind: 'conflict', detail: 'the frontier is 5, not 4' }],
        [
          'S6 an id that is committed',
          {
            ...bad,
            ids: [
              { id: 'new', expiresAtMs: 9e15 },
              { id: 'seen', expiresAtMs: 9e15 },
            ],
          },
          { kind: 'duplicate', ids: ['seen'] },
        ],
        ['a known id that is not there', { ...bad, knownIds: ['seen', 'gone'] }, { kind: 'unknown', ids: ['gone'] }],
        [
          'S5 a version that was overwritten',
          {
            ...bad,
            reads: [
              { key: 'k', version: 'zero:0' },
              { key: 'l', version: null },
            ],
          },
          { kind: 'stale', keys: ['k'] },
        ],
        ['S5 a key that was there and is gone', { ...bad, reads: [{ key: 'l', version: 'a:0' }] }, { kind: 'stale', keys: ['l'] }],
        ['S5 a key that has come into being', { ...bad, reads: [{ key: 'k', version: null }] }, { kind: 'stale', keys: ['k'] }],
      ])('%s', async (_, change, result) => {
        const emits = [emit('never')];
        expect(await state.commit(source, request({ ordinal: 2, id: 'second', emits, ...change }))).toEqual(result);
        expect(await read('k')).toEqual(expected.state);
        expect(await state.known(unit, ['new'])).toEqual([]);
        expect(await state.progress(unit)).toEqual([{ source: 'orders.0', frontier: 5, doneAbove: 1 }]);
        expect(await ok({ ordinal: 2, id: 'third', done: [[5, 7]] })).toMatchObject({ frontier: 8 });
        expect(await emitted()).toEqual(expected.emitted);
      });

      test.each<[string, Partial<CommitRequest>, CommitResult['kind']]>([
        ['the owner before the retry', { ownerToken: 'old', ordinal: 1, id: 'first' }, 'fenced'],
        ['the retry before the ordinal', { ordinal: 1, id: 'first', done: [[0, 1]] }, 'already'],
        ['the ordinal before done offsets', { ordinal: 5, done: [[0, 1]] }, 'rollback'],
        ['done offsets before duplicates', { done: [[0, 1]], ids: [{ id: 'seen', expiresAtMs: 9e15 }] }, 'conflict'],
        ['the frontier before duplicates', { expectedFrontier: 0, ids: [{ id: 'seen', expiresAtMs: 9e15 }] }, 'conflict'],
        ['duplicates before unknown ones', { ids: [{ id: 'seen', expiresAtMs: 9e15 }], knownIds: ['gone'] }, 'duplicate'],
        ['duplicates before stale reads', { ids: [{ id: 'seen', expiresAtMs: 9e15 }], reads: [{ key: 'k', version: null }] }, 'duplicate'],
        ['unknown ids before stale reads', { knownIds: ['gone'], reads: [{ key: 'k', version: null }] }, 'unknown'],
      ])('checks %s', async (_, change, kind) => {
        expect((await state.commit(source, request({ ordinal: 2, id: 'second', ...change }))).kind).toBe(kind);
      });

      test('a source that was never claimed has no owner', async () => {
        const nowhere = { unit, name: 'orders.9' };
        expect(await state.commit(nowhere, request({ ordinal: 1, id: 'a' }))).toEqual({ kind: 'fenced' });
        expect(await state.recordAttempts(nowhere, 'one', [])).toBe('fenced');
        expect(await state.trim(nowhere, 'one', { generation: 1, counter: 1 })).toBe('fenced');
        expect(await state.verify(nowhere, 'one', 0)).toBe('fenced');
        expect(await state.commit({ unit: 'no.unit', name: 'orders.0' }, request({ ordinal: 1, id: 'a' }))).toEqual({ kind: 'fenced' });
      });
    });

    test('S4 the same commit again answers already, with the same first seq, and changes nothing', async () => {
      await claim();
      await ok({ ordinal: 1, id: 'a', emits: [emit('x'), emit('y')] });
      const commit = request({
        ordinal: 2,
        id: 'b',
        done: [[0, 2]],
        emits: [emit('z')],
        writes: [write('k', '1')],
        ids: [{ id: 'i', expiresAtMs: 9e15 }],
      });
      const first = await state.commit(source, commit);
      expect(first).toMatchObject({ kind: 'ok', firstSeq: { counter: 3 }, frontier: 2 });
      expect(await state.commit(source, commit)).toEqual({ ...first, kind: 'already' });
      expect(await state.commit(source, commit)).toEqual({ ...first, kind: 'already' });
      expect(await ok({ ordinal: 3, id: 'c', emits: [emit('w')] })).toMatchObject({ firstSeq: { counter: 4 } });
      expect(await emitted()).toEqual([['x', 'y', 'z', 'w'], []]);
    });

    test('S3 an old owner changes nothing', async () => {
      const { generation } = await claim();
      await ok({ ordinal: 1, id: 'a', emits: [emit('x')] });
      await claim({ ownerToken: 'two' });
      expect(await state.commit(source, request({ ordinal: 2, id: 'b', writes: [write('k', '1')] }))).toEqual({ kind: 'fenced' });
      expect(await state.recordAttempts(source, 'one', [{ offset: 0, suspect: true, exclusiveCrashes: 0, failures: 0 }])).toBe('fenced');
      expect(await state.trim(source, 'one', { generation, counter: 9 })).toBe('fenced');
      expect(await state.verify(source, 'one', 1)).toBe('fenced');
      const claimed = await claim({ ownerToken: 'three' });
      expect(claimed.attempts).toEqual([]);
      expect(claimed.outbox.length).toBe(inline ? 0 : 1);
      expect(await read('k')).toEqual([[undefined, null]]);
    });

    test('a new owner begins at ordinal 1 with a new generation, and cannot repeat the commit of the old one', async () => {
      const { generation } = await claim();
      await ok({ ordinal: 1, id: 'a', done: [[0, 1]], emits: [emit('x')] });
      await claim({ ownerToken: 'two' });
      const again = request({ ownerToken: 'two', ordinal: 1, id: 'a', done: [[0, 1]] });
      expect(await state.commit(source, again)).toMatchObject({ kind: 'conflict' });
      const result = await state.commit(source, request({ ownerToken: 'two', ordinal: 1, id: 'b', done: [[1, 2]], emits: [emit('y')] }));
      expect(result).toEqual({ kind: 'ok', firstSeq: { generation: generation + 1, counter: 1 }, frontier: 2 });
    });

    test('verify answers whether the ordinal is still among the commits', async () => {
      await claim();
      expect(await state.verify(source, 'one', 0)).toBe('ok');
      await ok({ ordinal: 1, id: 'a' });
      expect(await state.verify(source, 'one', 1)).toBe('ok');
      expect(await state.verify(source, 'one', 0)).toBe('ok');
      expect(await state.verify(source, 'one', 2)).toBe('rollback');
    });

    test('trim removes the outbox up to and with the seq, in the order of generations', async () => {
      if (inline) return;
      const first = await claim();
      await ok({ ordinal: 1, id: 'a', emits: [emit('1'), emit('2')] });
      const second = await claim();
      await ok({ ordinal: 1, id: 'b', emits: [emit('3'), emit('4')] });
      const left = async (generation: number, counter: number) => {
        expect(await state.trim(source, 'one', { generation, counter })).toBe('ok');
        return (await state.figures(unit)).outboxEntries;
      };
      expect(await left(first.generation, 0)).toBe(4);
      expect(await left(first.generation, 1)).toBe(3);
      expect(await left(first.generation, 99)).toBe(2);
      expect(await left(second.generation, 1)).toBe(1);
      expect(await left(second.generation, 2)).toBe(0);
    });

    describe('ids', () => {
      beforeEach(async () => {
        await claim();
      });

      test('S6 an id is free again when its window is over, whether or not it was removed', async () => {
        const ids = (afterMs: number) => [{ id: 'i', expiresAtMs: clock.nowMs + afterMs, answer: bytes(`${afterMs}`) }];
        await ok({ ordinal: 1, id: 'a', ids: ids(1000) });
        clock.nowMs += 999;
        expect(await state.commit(source, request({ ordinal: 2, id: 'b', ids: ids(5) }))).toEqual({ kind: 'duplicate', ids: ['i'] });
        expect(await state.known(unit, ['i'])).toEqual([{ id: 'i', answer: bytes('1000') }]);
        clock.nowMs += 1;
        expect(await state.known(unit, ['i'])).toEqual([]);
        expect(await state.commit(source, request({ ordinal: 2, id: 'b', knownIds: ['i'] }))).toEqual({ kind: 'unknown', ids: ['i'] });
        await ok({ ordinal: 2, id: 'b', ids: ids(7) });
        expect(await state.known(unit, ['i'])).toEqual([{ id: 'i', answer: bytes('7') }]);
      });

      test('expire removes what is over, and no more', async () => {
        const ids = [10, 20, 30].map(afterMs => ({ id: `${afterMs}`, expiresAtMs: clock.nowMs + afterMs }));
        await ok({ ordinal: 1, id: 'a', ids });
        expect(await state.expire(clock.nowMs + 20, 1e9)).toEqual({ removed: 2, boundHit: false });
        expect(await state.known(unit, ['10', '20', '30'])).toEqual([{ id: '30' }]);
        expect(await state.expire(clock.nowMs + 20, 1e9)).toEqual({ removed: 0, boundHit: false });
      });

      test('expire removes those that end first when they take more than the bound, and says so', async () => {
        const answer = new Uint8Array(100_000);
        const ids = [30, 10, 20].map(afterMs => ({ id: `${afterMs}`, expiresAtMs: clock.nowMs + afterMs, answer }));
        await ok({ ordinal: 1, id: 'a', ids });
        expect(await state.expire(clock.nowMs, 210_000)).toEqual({ removed: 1, boundHit: true });
        expect((await state.known(unit, ['10', '20', '30'])).map(({ id }) => id)).toEqual(['20', '30']);
        expect(await state.expire(clock.nowMs, 210_000)).toEqual({ removed: 0, boundHit: false });
      });

      test('expire removes any number', async () => {
        const ids = Array.from({ length: 5000 }, (_, i) => ({ id: `${i}`, expiresAtMs: clock.nowMs + i }));
        await ok({ ordinal: 1, id: 'a', ids });
        expect(await state.expire(clock.nowMs + 4500, 1e9)).toEqual({ removed: 4501, boundHit: false });
      });
    });

    describe('looking at it', () => {
      beforeEach(async () => {
        await claim();
        const keys = ['b', 'a', 'a1', 'a\0', 'ab', 'ü', '\u{1F600}', 'z', '\uFFFD'];
        await ok({ ordinal: 1, id: 'c', writes: keys.map(key => write(key, key)), emits: [emit('x')] });
      });

      test.each([
        ['all, by their UTF-8 bytes', {}, ['a', 'a\0', 'a1', 'ab', 'b', 'z', 'ü', '\uFFFD', '\u{1F600}']],
        ['by prefix', { prefix: 'a' }, ['a', 'a\0', 'a1', 'ab']],
        ['by a prefix that none has', { prefix: 'aa' }, []],
        ['after a key', { after: 'ab' }, ['b', 'z', 'ü', '\uFFFD', '\u{1F600}']],
        ['after a key that is not there', { after: 'a2' }, ['ab', 'b', 'z', 'ü', '\uFFFD', '\u{1F600}']],
        ['after a key with a prefix', { prefix: 'a', after: 'a1' }, ['ab']],
        ['after a key before the prefix', { prefix: 'b', after: 'a1' }, ['b']],
        ['after a key behind the prefix', { prefix: 'a', after: 'z' }, []],
        ['up to the limit', { limit: 2 }, ['a', 'a\0']],
      ])('keys are listed %s', async (_, page, keys) => {
        const entries = await state.list(unit, { limit: 100, ...page });
        expect(entries.map(({ key }) => key)).toEqual(keys);
        expect(entries.map(({ value }) => text(value))).toEqual(keys);
      });

      test('figures count keys, bytes of values and waiting emits', async () => {
        expect(await state.figures(unit)).toEqual({ keys: 9, valueBytes: 18, outboxEntries: inline ? 0 : 1 });
        expect(await state.figures('no.unit')).toEqual({ keys: 0, valueBytes: 0, outboxEntries: 0 });
      });

      test('progress is listed by source', async () => {
        await state.claim({ unit, name: 'inbox.1' }, { ownerToken: 'x', brokerGeneration: 0, nowMs: 1, committedOffset: 12 });
        await ok({
          ordinal: 2,
          id: 'd',
          done: [
            [0, 1],
            [3, 5],
          ],
        });
        expect(await state.progress(unit)).toEqual([
          { source: 'inbox.1', frontier: 12, doneAbove: 0 },
          { source: 'orders.0', frontier: 1, doneAbove: 2 },
        ]);
        expect(await state.progress('no.unit')).toEqual([]);
      });
    });

    test('resetting progress forgets offsets, filter and attempts, and fences whoever is there', async () => {
      const { generation } = await claim();
      await ok({
        ordinal: 1,
        id: 'a',
        done: [
          [0, 5],
          [8, 9],
        ],
        highSeqOffset: 5,
        highSeqs: [{ stream: 's', seq: { generation: 1, counter: 1 } }],
        emits: [emit('x')],
        writes: [write('k', '1')],
      });
      await state.recordAttempts(source, 'one', [{ offset: 6, suspect: true, exclusiveCrashes: 0, failures: 0 }]);
      await state.resetProgress(source, 2);
      expect(await state.commit(source, request({ ordinal: 2, id: 'b' }))).toEqual({ kind: 'fenced' });
      const claimed = await claim({ ownerToken: 'two' });
      expect(claimed).toMatchObject({
        generation: generation + 1,
        frontier: 2,
        highSeqOffset: 2,
        highSeqs: new Map(),
        done: [],
        attempts: [],
      });
      expect(claimed.outbox.length).toBe(inline ? 0 : 1);
      expect(await read('k')).toEqual([['1', 'a:0']]);
      await state.resetProgress({ unit, name: 'orders.7' }, 30);
      expect((await state.progress(unit)).find(progress => progress.source === 'orders.7')?.frontier).toBe(30);
    });

    test('S13 a source keeps the first id of the topic that a claim tells, until its progress is reset', async () => {
      expect((await claim({ ownerToken: 'one' })).topicId).toBeUndefined();
      expect((await claim({ ownerToken: 'two', topicId: 'a-1' })).topicId).toBe('a-1');
      expect((await claim({ ownerToken: 'three', topicId: 'b_2' })).topicId).toBe('a-1');
      expect((await claim({ ownerToken: 'four' })).topicId).toBe('a-1');
      await state.resetProgress(source, 0);
      expect((await claim({ ownerToken: 'five', topicId: 'b_2' })).topicId).toBe('b_2');
    });

    test('S3 progress that only its owner may reset is left alone for another one', async () => {
      await claim({ ownerToken: 'one', topicId: 'a' });
      await claim({ ownerToken: 'two', committedOffset: 0 });
      const before = await state.progress(unit);
      expect(await state.resetProgress(source, 7, 'one')).toBe('fenced');
      expect(await state.progress(unit)).toEqual(before);
      expect(await state.resetProgress(source, 7, 'two')).toBe('ok');
      expect((await claim({ ownerToken: 'three', topicId: 'b' })).topicId).toBe('b');
      expect((await state.progress(unit)).map(({ frontier }) => frontier)).toEqual([7]);
      expect(await state.resetProgress({ unit, name: 'orders.9' }, 7, 'one')).toBe('fenced');
      expect(await state.progress(unit)).toHaveLength(1);
    });

    describe('S12 parked keys', () => {
      const hold = (key: string, offset: number) => ({ key, offset, entry: new TextEncoder().encode(`${key}@${offset}`) });
      const pop = (key: string, offset: number) => ({ key, offset });
      const commit = (given: Parameters<typeof request>[0]) => state.commit(source, request(given));
      const offsetsOf = async (key: string) =>
        (await state.parkedEvents(source, key, 10)).map(({ offset, entry }) => [offset, text(entry)]);
      const change = (given: Partial<ParkingChange>): ParkingChange => ({ holds: [], pops: [], unflags: [], ...given });

      beforeEach(async () => {
        await claim();
      });

      test('holds are kept by key and offset, survive the process and are answered by a claim', async () => {
        await ok({ ordinal: 1, id: 'c1', done: [[0, 1]], parking: change({ holds: [hold('b', 0)] }) });
        await ok({ ordinal: 2, id: 'c2', done: [[1, 3]], parking: change({ holds: [hold('ключ\0', 1), hold('b', 2)] }) });
        await subject.reopen?.();
        state = subject.state;
        const keys = [
          { key: 'b', events: 2, replay: false },
          { key: 'ключ\0', events: 1, replay: false },
        ];
        expect((await claim({ ownerToken: 'two' })).parked).toEqual(keys);
        expect(await state.parked(unit)).toEqual(keys.map(key => ({ source: source.name, ...key })));
        expect(await offsetsOf('b')).toEqual([
          [0, 'b@0'],
          [2, 'b@2'],
        ]);
        expect(await state.parkedEvents(source, 'b', 1)).toHaveLength(1);
        expect(await offsetsOf('a')).toEqual([]);
      });

      test('a pop takes the first one away, and the key with the last one; its writes are of the same commit', async () => {
        await ok({ ordinal: 1, id: 'c1', done: [[0, 2]], parking: change({ holds: [hold('a', 0), hold('a', 1)] }) });
        expect(await state.replayParked(source, 'a')).toBe('ok');
        await ok({ ordinal: 2, id: 'c2', writes: [write('a', '1')], parking: change({ pops: [pop('a', 0)] }) });
        expect(await state.parked(unit)).toEqual([{ source: source.name, key: 'a', events: 1, replay: true }]);
        await ok({ ordinal: 3, id: 'c3', done: [[2, 3]], parking: change({ holds: [hold('a', 2)], pops: [pop('a', 1)] }) });
        expect(await offsetsOf('a')).toEqual([[2, 'a@2']]);
        await ok({ ordinal: 4, id: 'c4', parking: change({ pops: [pop('a', 2)] }) });
        expect(await state.parked(unit)).toEqual([]);
        expect(await state.replayParked(source, 'a')).toBe('unknown');
      });

      test('a pop that is not the first is a conflict and changes nothing; a refused commit holds nothing', async () => {
        await ok({ ordinal: 1, id: 'c1', done: [[0, 2]], parking: change({ holds: [hold('a', 0), hold('a', 1)] }) });
        for (const [key, offset] of [
          ['a', 1],
          ['b', 0],
        ] as const) {
          expect((await commit({ ordinal: 2, id: 'c2', parking: change({ pops: [pop(key, offset)] }) })).kind).toBe('conflict');
        }
        const reads = [{ key: 'k', version: 'old' }];
        expect((await commit({ ordinal: 2, id: 'c2', reads, parking: change({ holds: [hold('a', 5)] }) })).kind).toBe('stale');
        expect(await offsetsOf('a')).toEqual([
          [0, 'a@0'],
          [1, 'a@1'],
        ]);
      });

      test('the same commit again holds nothing twice; an end of a replay leaves the list', async () => {
        const first = { ordinal: 1, id: 'c1', done: [[0, 1]] as const, parking: change({ holds: [hold('a', 0)] }) };
        await ok(first);
        expect((await commit(first)).kind).toBe('already');
        await state.replayParked(source, 'a');
        await ok({ ordinal: 2, id: 'c2', parking: change({ unflags: ['a', 'not there'] }) });
        expect(await state.parked(unit)).toEqual([{ source: source.name, key: 'a', events: 1, replay: false }]);
        await state.deleteUnit(unit);
        expect(await state.parked(unit)).toEqual([]);
      });
    });

    describe('S11 a store that is behind what was durable', () => {
      const behind = { brokerGeneration: 1_700_000_000_500, committedOffset: 7, durableOffset: 7 };
      const isRefused = (code: string) => expect(claim({ ownerToken: 'two', ...behind })).rejects.toMatchObject({ code });

      test('and knows nothing is not claimed until that is accepted', async () => {
        if (!state.capabilities.mayRollBack) return;
        await isRefused('FAAS_STATE_LOST');
        expect(await state.progress(unit)).toEqual([]);
        await state.acceptRollback(unit, 1_700_000_000_499);
        await isRefused('FAAS_STATE_LOST');
        await state.acceptRollback(unit, 1_700_000_000_500);
        expect(await claim(behind)).toMatchObject({ frontier: 7 });
      });

      test('is not claimed until that is accepted, and its owner goes on meanwhile', async () => {
        if (!state.capabilities.mayRollBack) return;
        await claim();
        await ok({ ordinal: 1, id: 'a', done: [[0, 9]], highSeqOffset: 6 });
        await isRefused('FAAS_STATE_ROLLED_BACK');
        await ok({ ordinal: 2, id: 'b', done: [[9, 10]] });
        await state.acceptRollback(unit, 1_700_000_000_500);
        expect(await claim({ ownerToken: 'two', ...behind })).toMatchObject({ frontier: 10, highSeqOffset: 6 });
        const later = { ...behind, brokerGeneration: 1_700_000_000_900 };
        expect(await claim({ ownerToken: 'three', ...later })).toMatchObject({ highSeqOffset: 6 });
        await expect(claim({ ownerToken: 'four', ...later, durableOffset: 8 })).rejects.toMatchObject({ code: 'FAAS_STATE_ROLLED_BACK' });
      });

      test('is not claimed for a source of which it lost nothing either, until that is accepted', async () => {
        if (!state.capabilities.mayRollBack) return;
        const others = [{ name: 'orders.7', brokerGeneration: 1_700_000_000_500, durableOffset: 7 }];
        await expect(claim({ others })).rejects.toMatchObject({ code: 'FAAS_STATE_LOST', message: expect.stringContaining('orders.7') });
        expect(await state.progress(unit)).toEqual([]);
        await state.claim({ unit, name: 'orders.7' }, { ownerToken: 'x', brokerGeneration: 0, nowMs: 1, committedOffset: 6 });
        await expect(claim({ others })).rejects.toMatchObject({ code: 'FAAS_STATE_ROLLED_BACK' });
        await state.acceptRollback(unit, 1_700_000_000_500);
        expect(await claim({ others })).toMatchObject({ frontier: 0 });
        await state.claim({ unit, name: 'orders.8' }, { ownerToken: 'x', brokerGeneration: 0, nowMs: 1, committedOffset: 7 });
        const later = [{ name: 'orders.8', brokerGeneration: 1_700_000_000_900, durableOffset: 7 }];
        expect(await claim({ ownerToken: 'two', others: later })).toMatchObject({ frontier: 0 });
      });

      test('a store that has what was durable is claimed', async () => {
        await claim();
        await ok({ ordinal: 1, id: 'a', done: [[0, 7]], highSeqOffset: 7 });
        expect(await claim({ ownerToken: 'two', ...behind })).toMatchObject({ highSeqOffset: 7 });
      });
    });

    test('a deleted unit leaves nothing, and others alone', async () => {
      const other = { unit: 'shop.other', name: 'orders.0' };
      await claim();
      await state.claim(other, { ownerToken: 'one', brokerGeneration: 0, nowMs: 1, committedOffset: 0 });
      for (const each of [source, other]) {
        await state.commit(
          each,
          request({
            ordinal: 1,
            id: 'a',
            done: [[0, 2]],
            writes: [write('k', '1')],
            ids: [{ id: 'i', expiresAtMs: 9e15 }],
            emits: [emit('x')],
          }),
        );
      }
      await state.deleteUnit(unit);
      await state.deleteUnit('no.unit');
      expect(await state.figures(unit)).toEqual({ keys: 0, valueBytes: 0, outboxEntries: 0 });
      expect([await state.known(unit, ['i']), await state.progress(unit)]).toEqual([[], []]);
      expect(await state.commit(source, request({ ordinal: 2, id: 'b' }))).toEqual({ kind: 'fenced' });
      expect(await claim({ committedOffset: 9 })).toMatchObject({ frontier: 9, outbox: [] });
      expect(await state.figures('shop.other')).toEqual({ keys: 1, valueBytes: 1, outboxEntries: inline ? 0 : 1 });
      expect(await state.commit(other, request({ ordinal: 2, id: 'b' }))).toMatchObject({ kind: 'ok' });
    });

    test('S7 what was acknowledged is there after the adapter was opened again', async () => {
      if (subject.reopen === undefined) return;
      await claim();
      await ok({
        ordinal: 1,
        id: 'a',
        done: [
          [0, 2],
          [5, 6],
        ],
        writes: [write('k', '1')],
        ids: [{ id: 'i', expiresAtMs: 9e15 }],
        emits: [emit('x')],
      });
      await subject.reopen();
      state = subject.state;
      expect(await read('k')).toEqual([['1', 'a:0']]);
      expect(await state.known(unit, ['i'])).toEqual([{ id: 'i' }]);
      expect(await state.commit(source, request({ ordinal: 1, id: 'a' }))).toMatchObject({ kind: 'already', frontier: 2 });
      expect(await ok({ ordinal: 2, id: 'b', done: [[2, 5]] })).toMatchObject({ frontier: 6 });
      expect(await emitted()).toEqual([['x'], []]);
    });

    test('commits of many sources at the same time do not disturb each other', async () => {
      const sources = Array.from({ length: 20 }, (_, i) => ({ unit: `shop.f${i % 5}`, name: `orders.${i}` }));
      await Promise.all(
        sources.map(each => state.claim(each, { ownerToken: each.name, brokerGeneration: 0, nowMs: 1, committedOffset: 0 })),
      );
      for (let ordinal = 1; ordinal <= 10; ordinal += 1) {
        const results = await Promise.all(
          sources.map(each =>
            state.commit(
              each,
              request({
                ownerToken: each.name,
                ordinal,
                id: `${each.name}-${ordinal}`,
                done: [[ordinal - 1, ordinal]],
                writes: [write(each.name, `${ordinal}`)],
                emits: [emit(`${each.name}-${ordinal}`)],
              }),
            ),
          ),
        );
        expect(results.every(result => result.kind === 'ok' && result.frontier === ordinal)).toBe(true);
      }
      for (const { unit: name, name: key } of sources) expect(text((await state.read(name, [key]))[0]?.value ?? null)).toBe('10');
    });

    function claim(change: Partial<Parameters<StateStore['claim']>[1]> = {}) {
      return state.claim(source, { ownerToken: 'one', brokerGeneration: 0, nowMs: clock.nowMs, committedOffset: 0, ...change });
    }

    /** A commit that must be applied. */
    async function ok(change: Partial<CommitRequest> & Pick<CommitRequest, 'ordinal' | 'id'>): Promise<CommitResult> {
      const result = await state.commit(source, request(change));
      expect(result.kind).toBe('ok');
      return result;
    }

    async function read(...keys: string[]) {
      return (await state.read(unit, keys)).map(({ value, version }) => [value && text(value), version]);
    }

    /** Values emitted to each partition of `vips`: in the log, or still in the outbox, which shows itself only to a claim. Ends the session. */
    async function emitted(): Promise<string[][]> {
      const { outbox } = await claim({ ownerToken: 'looks at the outbox' });
      if (!inline)
        return [0, 1].map(partition => outbox.flatMap(entry => (entry.emit.partition === partition ? [text(entry.emit.value)] : [])));
      expect(outbox).toEqual([]);
      const reads = [0, 1].map(partition => subject.streams.read('vips', partition, 0, { records: 1000, bytes: 1e6 }));
      return (await Promise.all(reads)).map(({ records }) => records.map(({ value }) => text(value)));
    }
  });
}

function request(change: Partial<CommitRequest> & Pick<CommitRequest, 'ordinal' | 'id'>): CommitRequest {
  return {
    ownerToken: 'one',
    stream: 'shop.totals|orders.0',
    highSeqOffset: 0,
    highSeqs: [],
    done: [],
    clearAttempts: [],
    ids: [],
    knownIds: [],
    reads: [],
    writes: [],
    emits: [],
    ...change,
  };
}

function write(key: string, value: string) {
  return { key, value: bytes(value) };
}

function emit(value: string, partition = 0): Emit {
  return { topic: 'vips', partition, key: null, value: bytes(value), headers: [] };
}

function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function text(value: Uint8Array | null | undefined): string {
  return new TextDecoder().decode(value ?? undefined);
}
