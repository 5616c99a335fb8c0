import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { kafkaCheckups } from '../../controller/adapters/kafka/kafka-checkup.ts';
import { redisCheckups } from '../../controller/adapters/redis/redis-checkup.ts';
import { examineFolder } from '../../controller/adapters/sqlite/sqlite-checkup.ts';

const broker = (nodeId: number) => ({ nodeId, host: 'kafka', port: 9_092 });
const partition = (partitionId: number, leader: number, replicas: readonly number[], isr = replicas) => ({
  partitionId,
  leader,
  replicas,
  isr,
});
const cluster = (brokers: number, topics: Readonly<Record<string, readonly ReturnType<typeof partition>[]>>) => ({
  brokers: Array.from({ length: brokers }, (_, id) => broker(id + 1)),
  controllerId: 1,
  topicMetadata: Object.entries(topics).map(([topic, partitionMetadata]) => ({
    topic,
    topicErrorCode: 0,
    isInternal: false,
    partitionMetadata,
  })),
});

test('a cluster of which nothing is wrong is one line, whatever topics others have', () => {
  const metadata = cluster(3, { orders: [partition(0, 1, [1, 2, 3])], foreign: [partition(0, -1, [9])] });
  expect(kafkaCheckups(metadata, new Set(['orders']), 3.4)).toEqual([
    { part: 'kafka', status: 'ok', said: '3 brokers, 1 topics of functions; answered in 3 ms' },
  ]);
});

test('what is wrong with topics of functions is told with their names', () => {
  const metadata = cluster(2, {
    leaderless: [partition(0, 1, [1, 2]), partition(1, -1, [1, 2])],
    behind: [partition(0, 1, [1, 2], [1])],
    single: [partition(0, 1, [1])],
  });
  const found = kafkaCheckups(metadata, new Set(['leaderless', 'behind', 'single', 'absent']), 900);
  expect(found.map(({ status, said }) => `${status} ${said}`)).toEqual([
    'warning 2 brokers, 3 topics of functions; answered in 900 ms',
    'failed leaderless have partitions without a leader',
    'warning behind have fewer replicas in sync than they should',
    'warning single have one replica: what its broker loses is lost',
    'failed absent are not there',
  ]);
  expect(found.every(({ hint }) => hint !== undefined)).toBe(true);
});

test('one replica is all that one broker can give; many names are cut', () => {
  const names = Array.from({ length: 8 }, (_, index) => `t${index}`);
  expect(kafkaCheckups(cluster(1, { orders: [partition(0, 1, [1])] }), new Set(['orders']), 1)).toHaveLength(1);
  expect(kafkaCheckups(cluster(1, {}), new Set(names), 1)[1]?.said).toBe('t0, t1, t2, t3, t4 and 3 more are not there');
});

const fields = (change: Readonly<Record<string, string>> = {}) =>
  new Map(
    Object.entries({ redis_version: '7.0.15', role: 'master', connected_slaves: '1', used_memory: '1048576', maxmemory: '0', ...change }),
  );

test.each([
  [fields(), 0, []],
  [fields({ maxmemory: '2000000' }), 1_999, []],
  [fields({ maxmemory: '1100000' }), 0, ['redis:6379 uses 1.0 MiB of 1.0 MiB: at its bound nothing can be committed']],
  [fields(), 3_500, ["the clock of redis:6379 is 3.5 s ahead of this server's"]],
  [fields(), -60_000, ["the clock of redis:6379 is 60.0 s behind this server's"]],
])('a Redis %#', (info, skewMs, warnings) => {
  const [first, ...more] = redisCheckups({ place: 'redis:6379', fields: info, askedMs: 0.7, skewMs });
  expect(first).toEqual({
    part: 'redis',
    status: 'ok',
    said: 'redis:6379: version 7.0.15, master with 1 replicas, 1.0 MiB used; answered in 1 ms',
  });
  expect(more.map(({ said }) => said)).toEqual(warnings);
  expect(more.every(({ status, hint }) => status === 'warning' && hint !== undefined)).toBe(true);
});

test('a data folder says how large its database is and what is free', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'faas-checkup-'));
  await writeFile(join(folder, 'faas.db'), Buffer.alloc(3 * 2 ** 20));
  const [found] = await examineFolder(folder);
  expect(found?.said).toMatch(/: database of 3 MiB, \d+ MiB free$/);
  await rm(folder, { recursive: true });
});
