import { readFile } from 'node:fs/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Certificates, certificateService, makeCertificates } from '../services/certificates.ts';
import { freePorts } from '../services/free-ports.ts';
import { describeWith, type NeededService } from '../services/needed-service.ts';
import { type RedisServer, redisService, startRedis } from '../services/redis.ts';
import { openOnRedis } from '../services/redis-adapters.ts';
import { claimedBy, commitOf, firstSource } from './one-owner.ts';

const redisWithTls: NeededService = {
  name: redisService.name,
  commands: [...redisService.commands, ...certificateService.commands],
  howToGet: `${redisService.howToGet}; ${certificateService.howToGet}`,
};

describeWith(redisWithTls, 'a Redis behind TLS', () => {
  let certificates: Certificates;
  let port: number;
  beforeAll(async () => {
    certificates = await makeCertificates();
    [port = 0] = await freePorts(1);
  });
  afterAll(() => certificates?.remove());

  const startTls = (clients: 'yes' | 'no') => {
    const { ca, cert, key } = certificates.files;
    const files = { 'tls-ca-cert-file': ca, 'tls-cert-file': cert, 'tls-key-file': key };
    return startRedis({ 'tls-port': `${port}`, 'tls-auth-clients': clients, ...files });
  };

  test('its certificate is checked, and state is kept over it', async () => {
    const redis = await startTls('no');
    const address = `rediss://127.0.0.1:${port}`;
    try {
      const { state, close } = await openOnRedis(address, { tls: { ca: certificates.ca } });
      await claimedBy(state, 'one');
      expect(await state.commit(firstSource, commitOf('one', 1))).toMatchObject({ kind: 'ok', frontier: 1 });
      await close();
      const refused = { code: 'FAAS_STORE_UNREACHABLE', message: expect.stringMatching(/certificate/) };
      await expect(openOnRedis(address)).rejects.toMatchObject(refused);
      await expect(
        openOnRedis(address.replace('127.0.0.1', 'localhost'), { tls: { ca: certificates.stranger.cert } }),
      ).rejects.toMatchObject(refused);
    } finally {
      await redis.stop();
    }
  });

  test('a server that wants a certificate of ours gets it, and refuses who has none or a foreign one', async () => {
    const redis = await startTls('yes');
    const address = `rediss://127.0.0.1:${port}`;
    const { ca, client, stranger } = certificates;
    try {
      const { state, close } = await openOnRedis(address, { tls: { ca, ...client } });
      expect(await claimedBy(state, 'one')).toMatchObject({ frontier: 0 });
      await close();
      for (const tls of [{ ca }, { ca, ...stranger }])
        await expect(openOnRedis(address, { tls })).rejects.toMatchObject({ code: 'FAAS_STORE_UNREACHABLE' });
    } finally {
      await redis.stop();
    }
  });
});

describeWith(redisService, 'users with the rights that docs/redis.md names', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
    const rules = (await readFile('docs/redis.md', 'utf8')).match(/^ACL SETUSER .+$/gm) ?? [];
    for (const rule of rules) {
      // A server that has no WAITAOF knows no right to it.
      const known = (await redis.admin.call('COMMAND', 'INFO', 'waitaof')) as readonly unknown[];
      const words = rule.split(' ').filter(word => word !== '+waitaof' || known[0] !== null);
      await redis.admin.call('ACL', ...words.slice(1));
    }
  });
  afterAll(() => redis?.stop());

  test('the server does everything with its own, and nothing outside its keys', async () => {
    const { state, registry, history, close } = await openOnRedis(`redis://faas@127.0.0.1:${redis.port}`, { password: 'secret' });
    await claimedBy(state, 'one');
    const writes = [{ key: 'ann', value: Buffer.from('1') }];
    expect(await state.commit(firstSource, { ...commitOf('one', 1), writes })).toMatchObject({ kind: 'ok' });
    expect(await state.verify(firstSource, 'one', 1)).toBe('ok');
    expect(await state.list(firstSource.unit, { limit: 10 })).toMatchObject([{ key: 'ann' }]);
    await state.expire(Date.now(), 0);
    expect(await registry.contexts()).toEqual([]);
    history.write({ kind: 'log', atMs: Date.now(), unit: firstSource.unit, data: {} });
    await close();
    await as('faas', async user => {
      await expect(user.set('elsewhere', '1')).rejects.toThrow('NOPERM');
      await expect(user.flushall()).rejects.toThrow('NOPERM');
    });
  });

  test('a reader of one function sees its state, and nothing of another one whose name begins alike', async () => {
    const { state, close } = await openOnRedis(redis.url);
    const write = (unit: string) => {
      const source = { ...firstSource, unit };
      return claimedBy(state, 'w', source).then(() =>
        state.commit(source, { ...commitOf('w', 1), writes: [{ key: 'ann', value: Buffer.from('1') }] }),
      );
    };
    await write('shop.totals');
    await write('shop.totals-2');
    await close();
    await as('totals-reader', async reader => {
      expect(await reader.hget('faas:st:{shop.totals}', 'ann')).toBe('1');
      await expect(reader.hset('faas:st:{shop.totals}', 'ann', '2')).rejects.toThrow('NOPERM');
      await expect(reader.hget('faas:st:{shop.totals-2}', 'ann')).rejects.toThrow('NOPERM');
      await expect(reader.smembers('faas:units')).rejects.toThrow('NOPERM');
    });
  });

  async function as(username: string, work: (client: Redis) => Promise<void>): Promise<void> {
    const client = new Redis({
      host: '127.0.0.1',
      port: redis.port,
      username,
      password: 'secret',
      lazyConnect: true,
      enableReadyCheck: false,
    });
    await client.connect();
    await work(client).finally(() => client.disconnect());
  }
});
