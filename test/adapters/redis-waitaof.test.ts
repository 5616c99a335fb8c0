import { readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../controller/clock.ts';
import { openOn } from '../contract/redis-on-server.ts';
import { eventually, findWaitAofServer, type RedisServer, startRedis } from '../services/redis.ts';
import { claimedBy, commitOf, firstSource } from './one-owner.ts';

const server = findWaitAofServer();
const command = 'command' in server ? server.command : '';
const how = 'command' in server ? `on ${server.version}` : `not tried: ${server.found}; FAAS_TEST_REDIS names a server of 7.2 or newer`;
process.stdout.write(`WAITAOF ${how}\n`);

describe.skipIf(command === '')(`a Redis that tells what is on its disk (${how})`, () => {
  test('what was verified is on disk although it syncs but once a second; what came after it may go', async () => {
    const redis = await startRedis({ appendfsync: 'everysec' }, command);
    const { adapters, close } = await openOn(redis.url, systemClock);
    const { state } = adapters;
    try {
      expect(state.capabilities.keepsStrict).toBe(true);
      await claimedBy(state, 'one');
      for (let ordinal = 1; ordinal <= 3; ordinal += 1) await state.commit(firstSource, commitOf('one', ordinal, ordinal - 1));
      expect(await state.verify(firstSource, 'one', 3)).toBe('ok');
      expect(await redis.admin.info('commandstats')).toMatch(/cmdstat_waitaof:calls=[1-9]/);
      const file = await appendOnlyFile(redis);
      const { size } = await stat(file);
      await state.commit(firstSource, commitOf('one', 4, 3));
      await redis.kill();
      await truncate(file, size);
      await redis.restart();
      await eventually('claimed again', () =>
        claimedBy(state, 'two').then(
          ({ frontier }) => frontier === 3,
          () => false,
        ),
      );
    } finally {
      await close();
      await redis.stop();
    }
  });

  test('a replica that is asked for has it on its disk as well, and without it nothing is durable', async () => {
    const primary = await startRedis({}, command);
    const replica = await startRedis({ replicaof: `127.0.0.1 ${primary.port}` }, command);
    await eventually('in step', async () => /master_link_status:up/.test(await replica.admin.info('replication')));
    const { adapters, close } = await openOn(primary.url, systemClock, 1);
    try {
      await claimedBy(adapters.state, 'one');
      await adapters.state.commit(firstSource, commitOf('one', 1));
      expect(await adapters.state.verify(firstSource, 'one', 1)).toBe('ok');
      await replica.kill();
      await adapters.state.commit(firstSource, commitOf('one', 2, 1));
      await expect(adapters.state.verify(firstSource, 'one', 2)).rejects.toMatchObject({ code: 'FAAS_STORE_UNREACHABLE' });
    } finally {
      await close();
      await Promise.all([replica.stop(), primary.stop()]);
    }
  }, 60_000);
});

/** The part that grows. */
async function appendOnlyFile(redis: RedisServer): Promise<string> {
  const folder = join(redis.folder, 'appendonlydir');
  const file = (await readdir(folder)).find(name => name.endsWith('.incr.aof'));
  if (file === undefined) throw new Error('there is no append-only file');
  return join(folder, file);
}
