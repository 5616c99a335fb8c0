import { cp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RedisState } from '../../controller/adapters/redis/redis-state.ts';
import { systemClock } from '../../controller/clock.ts';
import type { CommitRequest, Emit, Source } from '../../controller/ports/state.ts';
import { type OnServer, openOn, redisForTests } from '../contract/redis-on-server.ts';
import { type FaultProxy, holds, respFrame, startFaultProxy } from '../services/fault-proxy.ts';
import { describeWith } from '../services/needed-service.ts';
import { eventually, type RedisServer, redisService, startRedis, startReplicatedRedis } from '../services/redis.ts';

const unit = 'shop.totals';
const source: Source = { unit, name: 'orders.0' };

describeWith(redisService, 'state on a Redis that fails', () => {
  const redis = redisForTests(() => startRedis({ appendfsync: 'always' }));
  let proxy: FaultProxy;
  let server: OnServer;
  let state: RedisState;

  beforeEach(async () => {
    await redis().admin.flushall();
    proxy = await startFaultProxy({ target: { port: redis().port }, frameEnd: respFrame });
    server = await openOn(`redis://127.0.0.1:${proxy.port}`, systemClock);
    state = server.adapters.state;
  });
  afterEach(async () => {
    await server.close();
    await proxy.close();
  });

  test('emits of an owner that claimed over another adapter get the next seq, and so do those of the first one after them', async () => {
    const { generation } = await claim(state);
    const other = await openOn(`redis://127.0.0.1:${redis().port}`, systemClock);
    try {
      const seqOf = (counter: number) => ({ kind: 'ok', firstSeq: { generation, counter } });
      expect(await state.commit(source, commit(1, { emits: [emit('a')] }))).toMatchObject(seqOf(1));
      const next = commit(2, { done: [[1, 2]], emits: [emit('b'), emit('c')] });
      expect(await other.adapters.state.commit(source, next)).toMatchObject(seqOf(2));
      expect(await state.commit(source, commit(3, { done: [[2, 3]], emits: [emit('d')] }))).toMatchObject(seqOf(4));
      const { outbox } = await claim(state, 'two');
      expect(outbox.map(({ seq, emit: { value } }) => [seq.generation, seq.counter, Buffer.from(value ?? []).toString()])).toEqual(
        ['a', 'b', 'c', 'd'].map((value, index) => [generation, index + 1, value]),
      );
    } finally {
      await other.close();
    }
  });

  describe('a lost reply', () => {
    test('on a line that stays: the same commit again is answered already, on the same line', async () => {
      await claim(state);
      await state.commit(source, commit(1));
      const second = commit(2, { done: [[1, 2]], emits: [emit('x')] });
      proxy.latency(1_200);
      await expect(state.commit(source, second)).rejects.toMatchObject({ code: 'FAAS_STORE_UNREACHABLE' });
      proxy.heal();
      expect(await state.commit(source, second)).toMatchObject({ kind: 'already', frontier: 2 });
      expect((await claim(state, 'two')).outbox.length).toBe(1);
    });

    test('on a line that broke: nothing more is sent for that owner, and the next one sees what was applied', async () => {
      await claim(state);
      proxy.swallowReply(holds('EVALSHA'));
      await expect(state.commit(source, commit(1, { writes: [write('k', '1')] }))).rejects.toMatchObject({
        code: 'FAAS_STORE_UNREACHABLE',
      });
      await reconnected();
      const before = proxy.requests;
      expect(await state.commit(source, commit(1, { writes: [write('k', '1')] }))).toEqual({ kind: 'fenced' });
      expect(await state.recordAttempts(source, 'one', [])).toBe('fenced');
      expect(await state.trim(source, 'one', { generation: 1, counter: 1 })).toBe('fenced');
      expect(await state.verify(source, 'one', 1)).toBe('fenced');
      expect(proxy.requests).toBe(before);
      expect(await claim(state, 'two')).toMatchObject({ frontier: 1 });
      expect(await state.commit(source, commit(1, { ownerToken: 'two', done: [[1, 2]] }))).toMatchObject({ kind: 'ok', frontier: 2 });
    });

    test('of a claim: the next claim takes it over', async () => {
      proxy.swallowReply(holds('EVAL'));
      await expect(claim(state)).rejects.toMatchObject({ code: 'FAAS_STORE_UNREACHABLE' });
      await reconnected();
      await claim(state, 'two');
      expect(await state.commit(source, commit(1, { ownerToken: 'two' }))).toMatchObject({ kind: 'ok' });
    });
  });

  test('S3 a commit held on the line until after a takeover changes nothing', async () => {
    await claim(state);
    proxy.hold(holds('c1'));
    const late = state.commit(source, commit(1, { writes: [write('k', 'late')] })).catch(error => error.code);
    await eventually('held', () => proxy.held > 0);
    const other = await openOn(redis().url, systemClock);
    try {
      await claim(other.adapters.state, 'two');
      await other.adapters.state.commit(source, commit(1, { ownerToken: 'two', writes: [write('k', 'new')] }));
      expect(await late).toBe('FAAS_STORE_UNREACHABLE');
      await proxy.release();
      await sleep(50);
      expect(await valueAt(other.adapters.state, 'k')).toBe('new');
      expect(await other.adapters.state.verify(source, 'two', 1)).toBe('ok');
    } finally {
      await other.close();
    }
  });

  test.each([
    ['cut in the middle of a request', (to: FaultProxy) => to.cut(holds('c1'), { of: 'request', bytes: 200 }), 0],
    ['cut in the middle of a reply', (to: FaultProxy) => to.cut(holds('c1'), { of: 'reply', bytes: 3 }), 1],
  ] as const)('a commit %s is applied whole or not at all', async (_, fault, frontier) => {
    await claim(state);
    fault(proxy);
    await expect(state.commit(source, commit(1, { writes: [write('k', '1')] }))).rejects.toMatchObject({ code: 'FAAS_STORE_UNREACHABLE' });
    await reconnected();
    expect(await claim(state, 'two')).toMatchObject({ frontier });
    expect(await valueAt(state, 'k')).toBe(frontier === 1 ? '1' : undefined);
  });

  test('a line that says nothing is given up, and what was owned over it with it', async () => {
    await claim(state);
    proxy.halfOpen();
    await expect(state.read(unit, ['k'])).rejects.toMatchObject({ code: 'FAAS_STORE_UNREACHABLE' });
    await reconnected();
    expect(await state.commit(source, commit(1))).toEqual({ kind: 'fenced' });
  });

  test('SCRIPT FLUSH: scripts are loaded again and nobody notices', async () => {
    await claim(state);
    for (const ordinal of [1, 2, 3]) {
      await redis().admin.script('FLUSH');
      expect(await state.commit(source, commit(ordinal, { done: [[ordinal - 1, ordinal]] }))).toMatchObject({
        kind: 'ok',
        frontier: ordinal,
      });
    }
  });

  test('no memory left: refused whole, with its own code, and it goes on when there is some again', async () => {
    await claim(state);
    await redis().admin.config('SET', 'maxmemory', '1mb');
    try {
      await expect(state.commit(source, commit(1, { writes: [write('k', '1')] }))).rejects.toMatchObject({ code: 'FAAS_STORE_FULL' });
    } finally {
      await redis().admin.config('SET', 'maxmemory', '0');
    }
    expect(await valueAt(state, 'k')).toBeUndefined();
    expect(await state.commit(source, commit(1, { writes: [write('k', '1')] }))).toMatchObject({ kind: 'ok', frontier: 1 });
  });

  test('FLUSHALL: the owner is fenced, and a source that was durable once is not claimed', async () => {
    await claim(state);
    await state.commit(source, commit(1));
    await redis().admin.flushall();
    expect(await state.commit(source, commit(2, { done: [[1, 2]] }))).toEqual({ kind: 'fenced' });
    await expect(claim(state, 'two', 1)).rejects.toMatchObject({ code: 'FAAS_STATE_LOST' });
    expect(await redis().admin.keys('*pr*')).toEqual([]);
  });

  test.each(['}', '{a}', '{shop.other}', '}{', 'a{b}c'])('the key %s and its like choose no slot and meet nobody', async text => {
    await claim(state);
    const ids = [{ id: text, expiresAtMs: 9e15 }];
    await state.commit(source, commit(1, { writes: [write(text, 'mine')], ids }));
    const tagged = (await redis().admin.keys('*')).filter(key => key !== 'faas:units' && key !== 'faas:{registry}:layout');
    expect(tagged.filter(key => !/^faas:[a-z]+:\{shop\.totals\}(:orders\.0)?$/.test(key))).toEqual([]);
    expect([await valueAt(state, text), await state.known(unit, [text])]).toEqual(['mine', [{ id: text }]]);
  });

  async function reconnected(): Promise<void> {
    await eventually('connected again', () =>
      state.read(unit, ['k']).then(
        () => true,
        () => false,
      ),
    );
  }
});

describeWith(redisService, 'state on a Redis that comes back', () => {
  test('kill -9 and restart: what was synced is there, and its owner is fenced', async () => {
    const redis = await startRedis({ appendfsync: 'always' });
    const { adapters, close } = await openOn(redis.url, systemClock);
    try {
      await claim(adapters.state);
      await adapters.state.commit(source, commit(1, { writes: [write('k', '1')], emits: [emit('x')] }));
      await redis.kill();
      // Until the end of the connection is seen, nobody knows what became of a commit; from then on it is refused.
      const second = () => adapters.state.commit(source, commit(2, { done: [[1, 2]] })).catch(error => ({ kind: error.code }));
      expect(['fenced', 'FAAS_STORE_UNREACHABLE']).toContain((await second()).kind);
      await eventually('the end is seen', async () => (await second()).kind === 'fenced');
      await expect(adapters.state.read(unit, ['k'])).rejects.toMatchObject({ code: 'FAAS_STORE_UNREACHABLE' });
      await redis.restart();
      await eventually('back', () =>
        valueAt(adapters.state, 'k').then(
          value => value === '1',
          () => false,
        ),
      );
      expect(await adapters.state.commit(source, commit(2, { done: [[1, 2]] }))).toEqual({ kind: 'fenced' });
      const claimed = await claim(adapters.state, 'two');
      expect([claimed.frontier, claimed.outbox.length]).toEqual([1, 1]);
    } finally {
      await close();
      await redis.stop();
    }
  });

  test.each([
    ['cut to what was durable', (file: string, bytes: number) => truncate(file, bytes), undefined],
    ['cut below what was durable', (file: string, bytes: number) => truncate(file, bytes - 40), 'FAAS_STATE_ROLLED_BACK'],
  ] as const)('an append-only file %s', async (_, cut, code) => {
    const redis = await startRedis();
    const { adapters, close } = await openOn(redis.url, systemClock);
    try {
      await claim(adapters.state);
      await adapters.state.commit(source, commit(1, { highSeqOffset: 0 }));
      await adapters.state.commit(source, commit(2, { done: [[1, 2]], highSeqOffset: 2 }));
      expect(await adapters.state.verify(source, 'one', 2)).toBe('ok');
      const file = await appendOnlyFile(redis);
      const { size: durableBytes } = await stat(file);
      await adapters.state.commit(source, commit(3, { done: [[2, 3]], highSeqOffset: 3 }));
      await redis.kill();
      await cut(file, durableBytes);
      await redis.restart();
      await eventually('back', () =>
        adapters.state.read(unit, ['k']).then(
          () => true,
          () => false,
        ),
      );
      const next = claim(adapters.state, 'two', 2);
      if (code !== undefined) await expect(next).rejects.toMatchObject({ code });
      else expect(await next).toMatchObject({ frontier: 2, highSeqOffset: 2 });
    } finally {
      await close();
      await redis.stop();
    }
  });

  test('a copy of before is put back: halted until an operator accepts it', async () => {
    const redis = await startRedis({ appendfsync: 'always' });
    const { adapters, close } = await openOn(redis.url, systemClock);
    const copy = join(redis.folder, 'copy');
    const live = join(redis.folder, 'appendonlydir');
    try {
      await claim(adapters.state);
      await adapters.state.commit(source, commit(1, { highSeqOffset: 1 }));
      await cp(live, copy, { recursive: true });
      await adapters.state.commit(source, commit(2, { done: [[1, 9]], highSeqOffset: 9 }));
      expect(await adapters.state.verify(source, 'one', 2)).toBe('ok');
      await redis.kill();
      await rm(live, { recursive: true });
      await cp(copy, live, { recursive: true });
      await redis.restart();
      await eventually('back', () =>
        adapters.state.read(unit, ['k']).then(
          () => true,
          () => false,
        ),
      );
      await expect(claim(adapters.state, 'two', 9)).rejects.toMatchObject({ code: 'FAAS_STATE_ROLLED_BACK' });
      await adapters.state.acceptRollback(unit, Date.now());
      expect(await claim(adapters.state, 'two', 9)).toMatchObject({ frontier: 1, highSeqOffset: 1 });
    } finally {
      await close();
      await redis.stop();
    }
  });

  test('LOADING: a server that reads its data again ends what was owned, and is waited for', async () => {
    const slow = { 'enable-debug-command': 'local', 'loading-process-events-interval-bytes': '1024' };
    const redis = await startRedis({ appendfsync: 'always', ...slow });
    const { adapters, close } = await openOn(redis.url, systemClock);
    const { state } = adapters;
    try {
      await claim(state);
      await state.commit(source, commit(1, { writes: [write('k', '1')] }));
      for (let i = 0; i < 300; i += 1) await redis.admin.set(`other-${i}`, 'x'.repeat(1_000));
      await redis.admin.config('SET', 'key-load-delay', '5000');
      const loaded = redis.admin.call('DEBUG', 'RELOAD').catch(error => error);
      const refusal = async () => valueAt(state, 'k').catch(error => String(error.message));
      await eventually('loading', async () => /LOADING/.test((await refusal()) ?? ''));
      expect(await state.commit(source, commit(2, { done: [[1, 2]] }))).toEqual({ kind: 'fenced' });
      await loaded;
      await eventually('back', async () => (await refusal()) === '1');
      expect(await state.commit(source, commit(2, { done: [[1, 2]] }))).toEqual({ kind: 'fenced' });
      expect(await claim(state, 'two')).toMatchObject({ frontier: 1 });
      expect(await state.commit(source, commit(1, { ownerToken: 'two', done: [[1, 2]] }))).toMatchObject({ kind: 'ok', frontier: 2 });
    } finally {
      await close();
      await redis.stop();
    }
  });

  test('READONLY: a primary that became a replica ends what was owned, and is not written to', async () => {
    const { primary, replica, stop } = await startReplicatedRedis();
    const { adapters, close } = await openOn(primary.url, systemClock);
    try {
      await claim(adapters.state);
      await adapters.state.commit(source, commit(1));
      await primary.admin.replicaof('127.0.0.1', replica.port);
      await expect(adapters.state.commit(source, commit(2, { done: [[1, 2]] }))).rejects.toMatchObject({ code: 'FAAS_STORE_UNREACHABLE' });
      expect(await adapters.state.commit(source, commit(2, { done: [[1, 2]] }))).toEqual({ kind: 'fenced' });
      await primary.admin.replicaof('NO', 'ONE');
      await eventually('a primary again', () =>
        claim(adapters.state, 'two').then(
          () => true,
          () => false,
        ),
      );
      expect(await adapters.state.commit(source, commit(1, { ownerToken: 'two', done: [[1, 2]] }))).toMatchObject({
        kind: 'ok',
        frontier: 2,
      });
    } finally {
      await close();
      await stop();
    }
  });
});

function claim(state: RedisState, ownerToken = 'one', durableOffset?: number) {
  const broker = durableOffset === undefined ? { brokerGeneration: 0 } : { brokerGeneration: 1, durableOffset };
  return state.claim(source, { ownerToken, nowMs: Date.now(), committedOffset: 0, ...broker });
}

function commit(ordinal: number, change: Partial<CommitRequest> = {}): CommitRequest {
  return {
    ownerToken: 'one',
    ordinal,
    id: `c${ordinal}`,
    stream: 'shop.totals|orders.0',
    highSeqOffset: 0,
    highSeqs: [],
    done: ordinal === 1 ? [[0, 1]] : [],
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
  return { key, value: Buffer.from(value) };
}

function emit(value: string): Emit {
  return { topic: 'vips', partition: 0, key: null, value: Buffer.from(value), headers: [] };
}

async function valueAt(state: RedisState, key: string): Promise<string | undefined> {
  const [read] = await state.read(unit, [key]);
  return read?.value === undefined ? undefined : Buffer.from(read.value).toString();
}

/** The part that grows. */
async function appendOnlyFile(redis: RedisServer): Promise<string> {
  const folder = join(redis.folder, 'appendonlydir');
  const file = (await readdir(folder)).find(name => name.endsWith('.incr.aof'));
  if (file === undefined) throw new Error('there is no append-only file');
  return join(folder, file);
}
