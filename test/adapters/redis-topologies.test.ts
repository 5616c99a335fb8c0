import { afterAll, beforeAll, expect, test } from 'vitest';
import { MemoryStreams } from '../../controller/adapters/memory/memory-streams.ts';
import { systemClock } from '../../controller/clock.ts';
import { historyContract } from '../contract/history.ts';
import { historyOf, openOn, registryOf } from '../contract/redis-on-server.ts';
import { registryContract } from '../contract/registry.ts';
import { settableClock } from '../contract/settable-clock.ts';
import { type StateUnderTest, stateContract } from '../contract/state.ts';
import { describeWith } from '../services/needed-service.ts';
import { eventually, type RedisCluster, redisService, startRedisCluster, startSentinelRedis } from '../services/redis.ts';
import { claimedBy, commitOf, firstSource } from './one-owner.ts';

describeWith(redisService, 'on a cluster', () => {
  let cluster: RedisCluster | undefined;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster?.stop());
  const nodes = () => cluster?.nodes ?? [];
  const address = () => cluster?.url ?? '';

  stateContract('redis cluster', async clock => {
    for (const { admin } of nodes()) await admin.flushall();
    const server = await openOn(address(), clock);
    const subject: StateUnderTest = {
      state: server.adapters.state,
      streams: new MemoryStreams(clock),
      async reopen() {
        await server.reopen();
        subject.state = server.adapters.state;
      },
      close: () => server.close(),
    };
    return subject;
  });

  registryContract('redis cluster', async () => {
    for (const { admin } of nodes()) await admin.flushall();
    return registryOf(await openOn(address(), settableClock()));
  });

  historyContract('redis cluster', async () => {
    for (const { admin } of nodes()) await admin.flushall();
    return historyOf(await openOn(address(), settableClock()));
  });

  test('MOVED: a slot that moved fences its owner, and is claimed at its new node with all that it had', async () => {
    for (const { admin } of nodes()) await admin.flushall();
    const { adapters, close } = await openOn(address(), systemClock);
    try {
      await claimedBy(adapters.state, 'one');
      await adapters.state.commit(firstSource, commitOf('one', 1));
      await moveSlotOf(firstSource.unit);
      const refused = await adapters.state.commit(firstSource, commitOf('one', 2)).catch(error => error.code);
      expect(['FAAS_STORE_UNREACHABLE', { kind: 'fenced' }]).toContainEqual(refused);
      await eventually('claimed at the new node', () =>
        claimedBy(adapters.state, 'two').then(
          ({ frontier }) => frontier === 1,
          () => false,
        ),
      );
      expect(await adapters.state.commit(firstSource, commitOf('one', 2))).toEqual({ kind: 'fenced' });
      expect(await adapters.state.commit(firstSource, commitOf('two', 1, 1))).toMatchObject({ kind: 'ok', frontier: 2 });
    } finally {
      await close();
    }
  });

  test('a slot that no node serves: the cluster is refused, with what to do, until one does', async () => {
    const slot = 16_383;
    for (const { admin } of nodes()) await admin.call('CLUSTER', 'DELSLOTS', slot).catch(() => undefined);
    await expect(openOn(address(), systemClock)).rejects.toMatchObject({
      code: 'FAAS_REDIS_SLOTS',
      message: expect.stringContaining(`slot ${slot}`),
      hint: expect.stringContaining('--cluster fix'),
    });
    await nodes().at(-1)?.admin.call('CLUSTER', 'ADDSLOTS', slot);
    await eventually('all nodes know of it', () =>
      openOn(address(), systemClock).then(
        async ({ close }) => close().then(() => true),
        () => false,
      ),
    );
  });

  async function moveSlotOf(tag: string): Promise<void> {
    const [first] = nodes();
    const slot = Number(await first?.admin.call('CLUSTER', 'KEYSLOT', tag));
    const counts = await Promise.all(nodes().map(({ admin }) => admin.call('CLUSTER', 'COUNTKEYSINSLOT', slot).then(Number)));
    const from = nodes()[counts.findIndex(count => count > 0)];
    const to = nodes().find(node => node !== from);
    if (from === undefined || to === undefined) throw new Error('nobody has the slot');
    const [fromId, toId] = await Promise.all([from, to].map(({ admin }) => admin.call('CLUSTER', 'MYID').then(String)));
    await to.admin.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId ?? '');
    await from.admin.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId ?? '');
    const keys = (await from.admin.call('CLUSTER', 'GETKEYSINSLOT', slot, 100)) as string[];
    await from.admin.call('MIGRATE', '127.0.0.1', to.port, '', 0, 5000, 'KEYS', ...keys);
    for (const { admin } of [to, from]) await admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', toId ?? '');
  }
});

describeWith(redisService, 'behind sentinels', () => {
  test('a failover: the owner is fenced, and what the replica had is claimed there', { timeout: 60_000 }, async () => {
    const redis = await startSentinelRedis();
    const { adapters, close } = await openOn(redis.url, systemClock, 1);
    try {
      await claimedBy(adapters.state, 'one');
      await adapters.state.commit(firstSource, commitOf('one', 1));
      expect(await adapters.state.verify(firstSource, 'one', 1)).toBe('ok');
      await redis.primary.kill();
      expect(await adapters.state.commit(firstSource, commitOf('one', 2, 1)).catch(error => error.code)).not.toMatchObject({ kind: 'ok' });
      await eventually('claimed at the new primary', () =>
        claimedBy(adapters.state, 'two').then(
          ({ frontier }) => frontier === 1,
          () => false,
        ),
      );
      expect(await adapters.state.commit(firstSource, commitOf('one', 2, 1))).toEqual({ kind: 'fenced' });
      expect(await adapters.state.commit(firstSource, commitOf('two', 1, 1))).toMatchObject({ kind: 'ok', frontier: 2 });
    } finally {
      await close();
      await redis.stop();
    }
  });
});
