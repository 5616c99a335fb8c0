import { expect, test } from 'vitest';
import { systemClock } from '../controller/clock.ts';
import { openRedis } from '../controller/open-redis.ts';
import { openStores } from '../controller/open-stores.ts';
import { systemRandom } from '../controller/random.ts';
import { type LoadedSettings, loadSettings } from '../controller/settings-source.ts';
import { silentLog } from '../controller/telemetry/log.ts';
import { describeWith } from './services/needed-service.ts';
import { redisService, startRedis } from './services/redis.ts';

const opened = { env: {}, clock: systemClock, random: systemRandom, log: silentLog };

test('state in Redis with streams in SQLite is refused, with the reason', async () => {
  const settings = settingsOf({ state: 'redis://127.0.0.1:1' });
  await expect(openStores({ ...opened, settings })).rejects.toMatchObject({
    code: 'FAAS_SETTING_VALUE',
    message: expect.stringContaining('Kafka'),
  });
});

test('a Redis that is not there', async () => {
  const settings = settingsOf({ state: 'redis://127.0.0.1:1' });
  await expect(openRedis({ ...opened, settings })).rejects.toMatchObject({
    code: 'FAAS_STORE_UNREACHABLE',
    message: expect.stringMatching(/127\.0\.0\.1:1 .*ECONNREFUSED/),
  });
});

describeWith(redisService, 'a Redis from settings', () => {
  test('one that is a server by itself, and is said to be a cluster', async () => {
    const redis = await startRedis();
    try {
      const settings = settingsOf({ state: redis.url.replace('redis://', 'redis+cluster://') });
      await expect(openRedis({ ...opened, settings })).rejects.toMatchObject({
        code: 'FAAS_SETTING_VALUE',
        hint: expect.stringMatching(/setting state .*redis:\/\//),
      });
    } finally {
      await redis.stop();
    }
  });

  test.each([
    ['without append-only file', { appendonly: 'no' }, 'FAAS_REDIS_UNSAFE', 'append-only'],
    ['that never syncs', { appendfsync: 'no' }, 'FAAS_REDIS_UNSAFE', 'appendfsync'],
    ['that evicts', { 'maxmemory-policy': 'allkeys-lru' }, 'FAAS_REDIS_UNSAFE', 'allkeys-lru'],
  ])('one %s is refused, unless it is said to be wanted', async (_, config, code, word) => {
    const redis = await startRedis(config);
    try {
      const settings = settingsOf({ state: redis.url });
      await expect(openRedis({ ...opened, settings })).rejects.toMatchObject({ code, message: expect.stringContaining(word) });
      const adapters = await openRedis({ ...opened, settings: settingsOf({ state: redis.url, 'state-unsafe': 'true' }) });
      expect(await adapters.state.read('shop.totals', ['k'])).toEqual([{ key: 'k', version: null, value: undefined }]);
      expect(adapters.state.capabilities.keepsStrict).toBe(false);
      await adapters.close();
    } finally {
      await redis.stop();
    }
  });

  test('one that is changed while it is in use stands still until it is mended', async () => {
    const redis = await startRedis();
    const adapters = await openRedis({ ...opened, settings: settingsOf({ state: redis.url }) });
    const read = () => adapters.state.read('shop.totals', ['k']);
    try {
      for (const [name, bad, good] of [
        ['maxmemory-policy', 'allkeys-lru', 'noeviction'],
        ['appendonly', 'no', 'yes'],
      ] as const) {
        expect(await read()).toHaveLength(1);
        await redis.admin.config('SET', name, bad);
        await expect.poll(() => read().catch(error => error), { timeout: 10_000 }).toMatchObject({ code: 'FAAS_REDIS_UNSAFE' });
        await redis.admin.config('SET', name, good);
        await expect.poll(() => read().catch(error => error), { timeout: 10_000 }).toHaveLength(1);
      }
    } finally {
      await adapters.close();
      await redis.stop();
    }
  });

  test.each([
    ['everysec', false],
    ['always', true],
  ])('appendfsync %s keeps durability: strict: %s', async (appendfsync, keepsStrict) => {
    const redis = await startRedis({ appendfsync });
    const adapters = await openRedis({ ...opened, settings: settingsOf({ state: redis.url }) });
    try {
      const [major = 0, minor = 0] = (/redis_version:(\d+)\.(\d+)/.exec(await redis.admin.info('server')) ?? []).slice(1).map(Number);
      const waits = major > 7 || (major === 7 && minor >= 2);
      expect(adapters.state.capabilities.keepsStrict).toBe(keepsStrict || waits);
    } finally {
      await adapters.close();
      await redis.stop();
    }
  });

  test('a password comes from the environment or a file, and shows nowhere', async () => {
    const redis = await startRedis({ requirepass: 'quite-secret' });
    const settings = settingsOf({ state: redis.url });
    try {
      for (const env of [{}, { FAAS_STATE_PASSWORD: 'wrong-secret' }]) {
        const error: unknown = await openRedis({ ...opened, settings, env }).catch(thrown => thrown);
        expect(error).toMatchObject({ code: 'FAAS_STORE_DENIED' });
        expect(JSON.stringify(error, Object.getOwnPropertyNames(error)) + String(error)).not.toContain('-secret');
      }
      const adapters = await openRedis({ ...opened, settings, env: { FAAS_STATE_PASSWORD: 'quite-secret' } });
      expect(await adapters.registry.contexts()).toEqual([]);
      await adapters.close();
    } finally {
      await redis.stop();
    }
  });
});

function settingsOf(flags: Readonly<Record<string, string>>): LoadedSettings['settings'] {
  const { settings, problems } = loadSettings({ flags, env: {} });
  expect(problems).toEqual([]);
  return settings;
}
