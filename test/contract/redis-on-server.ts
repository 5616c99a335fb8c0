import { afterAll, afterEach, beforeAll } from 'vitest';
import type { RedisAdapters } from '../../controller/adapters/redis/redis-adapters.ts';
import type { Clock } from '../../controller/clock.ts';
import { type RedisServer, startRedis } from '../services/redis.ts';
import { openOnRedis } from '../services/redis-adapters.ts';
import type { HistoryUnderTest } from './history.ts';
import type { RegistryUnderTest } from './registry.ts';

/** A Redis for the tests of one `describe`, its log kept when one of them fails. Ask for it within a test. */
export function redisForTests(start: () => Promise<RedisServer> = startRedis): () => RedisServer {
  let server: RedisServer | undefined;
  let failed = false;
  beforeAll(async () => {
    server = await start();
  });
  afterEach(({ task }) => {
    failed ||= task.result?.state === 'fail';
  });
  afterAll(() => server?.stop(failed));
  return () => {
    if (server === undefined) throw new Error('the server is there within tests alone');
    return server;
  };
}

export interface OnServer {
  readonly adapters: RedisAdapters;
  /** Ends the adapters and opens them again on the same data. */
  reopen(): Promise<void>;
  close(): Promise<void>;
}

/** The Redis adapters on an empty database. */
export async function openOnServer(server: RedisServer, clock: Clock): Promise<OnServer> {
  await server.admin.flushall();
  return openOn(server.url, clock);
}

/** `replicas`: how many must have what counts as durable. */
export async function openOn(address: string, clock: Clock, replicas = 0): Promise<OnServer> {
  const open = () => openOnRedis(address, { clock, replicas });
  let adapters = await open();
  return {
    get adapters() {
      return adapters;
    },
    async reopen() {
      await adapters.close();
      adapters = await open();
    },
    close: () => adapters.close(),
  };
}

/** What the contract of a registry is tried on. */
export function registryOf(server: OnServer): RegistryUnderTest {
  const subject: RegistryUnderTest = {
    registry: server.adapters.registry,
    async reopen() {
      await server.reopen();
      subject.registry = server.adapters.registry;
    },
    close: () => server.close(),
  };
  return subject;
}

/** What the contract of a history is tried on. */
export function historyOf(server: OnServer): HistoryUnderTest {
  const subject: HistoryUnderTest = {
    history: server.adapters.history,
    async reopen() {
      await server.reopen();
      subject.history = server.adapters.history;
    },
    close: () => server.close(),
  };
  return subject;
}
