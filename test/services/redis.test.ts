import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { describeWith } from './needed-service.ts';
import { eventually, redisService, startRedis, startRedisCluster, startReplicatedRedis, startSentinelRedis } from './redis.ts';

describeWith(redisService, 'redis services', () => {
  test('single: keeps what it was told over a kill, and leaves nothing behind', async () => {
    const redis = await startRedis({ appendfsync: 'always' });
    try {
      await redis.admin.set('k', 'v');
      const { pid } = redis;
      await redis.kill();
      expect(isAlive(pid)).toBe(false);
      await redis.restart();
      expect(await redis.admin.get('k')).toBe('v');
      expect(redis.log()).toContain('Ready to accept connections');
    } finally {
      await redis.stop();
    }
    expect([isAlive(redis.pid), existsSync(redis.folder)]).toEqual([false, false]);
  });

  test('one that cannot start says why', async () => {
    await expect(startRedis({ appendfsync: 'sometimes' })).rejects.toThrow(/redis ended before it was ready[\s\S]*appendfsync/);
  });

  test('primary and replica: the replica follows', async () => {
    const redis = await startReplicatedRedis();
    try {
      await redis.primary.admin.set('k', 'v');
      await eventually('replicated', async () => (await redis.replica.admin.get('k')) === 'v');
    } finally {
      await redis.stop();
    }
  });

  test('sentinel: the replica takes over', async () => {
    const redis = await startSentinelRedis();
    try {
      await redis.primary.kill();
      await eventually('the replica leads', async () => /role:master/.test(await redis.replica.admin.info('replication').catch(String)));
    } finally {
      await redis.stop();
    }
  });

  test('cluster: each key has its node', async () => {
    const cluster = await startRedisCluster();
    try {
      const answers = await Promise.all(cluster.nodes.map(({ admin }) => admin.set('{a}k', 'v').catch(error => String(error))));
      expect(answers.filter(answer => answer === 'OK').length).toBe(1);
      expect(answers.filter(answer => answer.includes('MOVED')).length).toBe(2);
    } finally {
      await cluster.stop();
    }
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
