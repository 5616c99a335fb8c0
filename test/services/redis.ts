import { spawnSync } from 'node:child_process';
import { Redis } from 'ioredis';
import type { NeededService } from './needed-service.ts';
import { freePort, type ServiceProcess, startService } from './service-process.ts';

export const redisService: NeededService = {
  name: 'Redis',
  commands: ['redis-server'],
  howToGet: 'apt-get install redis-server, brew install redis, 7.0 or newer',
};

/** A server that has WAITAOF (Redis 7.2, Valkey): FAAS_TEST_REDIS, or what is on the PATH. Otherwise what was found instead. */
export function findWaitAofServer(): { readonly command: string; readonly version: string } | { readonly found: string } {
  const found: string[] = [];
  for (const command of [process.env.FAAS_TEST_REDIS ?? '', 'redis-server', 'valkey-server']) {
    if (command === '') continue;
    const printed = spawnSync(command, ['--version'], { encoding: 'utf8' }).stdout ?? '';
    const [, version = '', major = 0, minor = 0] = /v=((\d+)\.(\d+)[\d.]*)/.exec(printed) ?? [];
    if (Number(major) > 7 || (Number(major) === 7 && Number(minor) >= 2)) return { command, version };
    if (version !== '') found.push(`${command} is ${version}`);
  }
  return { found: found.join(', ') || 'there is no server' };
}

export interface RedisServer extends ServiceProcess {
  readonly port: number;
  /** `redis://127.0.0.1:<port>` */
  readonly url: string;
  /** A connection of the test's own, closed with the server. */
  readonly admin: Redis;
}

/** One redis-server with an append-only file, synced every second, on a free loopback port. `settings` come last: `{ appendfsync: 'always' }`. */
export async function startRedis(settings: Readonly<Record<string, string>> = {}, command = 'redis-server'): Promise<RedisServer> {
  const port = await freePort();
  const own = { port: `${port}`, bind: '127.0.0.1', appendonly: 'yes', appendfsync: 'everysec', save: '', 'repl-diskless-sync-delay': '0' };
  const admin = connectTo(port, settings.requirepass);
  const service = await startService({
    name: 'redis',
    command,
    args: folder => Object.entries({ ...own, dir: folder, ...settings }).flatMap(([name, value]) => [`--${name}`, value]),
    ready: () => answers(admin),
  }).catch(error => {
    admin.disconnect();
    throw error;
  });
  return extend(service, port, admin);
}

export interface ReplicatedRedis {
  readonly primary: RedisServer;
  readonly replica: RedisServer;
  stop(keep?: boolean): Promise<void>;
}

/** A primary and its replica, in step. */
export async function startReplicatedRedis(settings: Readonly<Record<string, string>> = {}): Promise<ReplicatedRedis> {
  const primary = await startRedis(settings);
  const replica = await startRedis({ ...settings, replicaof: `127.0.0.1 ${primary.port}` });
  await eventually('the replica is in step', async () => /master_link_status:up/.test(await replica.admin.info('replication')));
  return { primary, replica, stop: keep => stopAll([replica, primary], keep) };
}

export interface SentinelRedis extends ReplicatedRedis {
  readonly sentinels: readonly RedisServer[];
  /** `redis+sentinel://127.0.0.1:<port>,…/faas` */
  readonly url: string;
}

/** Primary, replica and three sentinels that call a server down after one second. The name of the set is `faas`. */
export async function startSentinelRedis(settings: Readonly<Record<string, string>> = {}): Promise<SentinelRedis> {
  const { primary, replica } = await startReplicatedRedis(settings);
  const sentinels = await Promise.all([0, 1, 2].map(() => startSentinel(primary.port)));
  for (const { admin } of sentinels) {
    await eventually('the sentinels know each other', async () => {
      const master = await masterOf(admin);
      return master.get('num-slaves') === '1' && master.get('num-other-sentinels') === '2';
    });
  }
  const url = `redis+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/faas`;
  return { primary, replica, sentinels, url, stop: keep => stopAll([...sentinels, replica, primary], keep) };
}

async function startSentinel(primaryPort: number): Promise<RedisServer> {
  const port = await freePort();
  const admin = connectTo(port, undefined);
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `sentinel monitor faas 127.0.0.1 ${primaryPort} 2`,
    'sentinel down-after-milliseconds faas 1000',
    'sentinel failover-timeout faas 3000',
  ];
  const service = await startService({
    name: 'redis-sentinel',
    command: 'sh',
    // A sentinel rewrites its configuration file: it is made once and then left to it.
    args: folder => [
      '-c',
      'test -f sentinel.conf || printf "%s\\n" "$@" >sentinel.conf; exec redis-server sentinel.conf --sentinel',
      folder,
      ...lines,
    ],
    ready: () => answers(admin),
  });
  return extend(service, port, admin);
}

async function masterOf(sentinel: Redis): Promise<Map<string, string>> {
  const flat = await sentinel.call('SENTINEL', 'MASTER', 'faas');
  const texts = Array.isArray(flat) ? flat.map(String) : [];
  return new Map(texts.flatMap((text, i) => (i % 2 === 0 ? [[text, texts[i + 1] ?? ''] as const] : [])));
}

export interface RedisCluster {
  readonly nodes: readonly RedisServer[];
  /** `redis+cluster://127.0.0.1:<port>,…` */
  readonly url: string;
  stop(keep?: boolean): Promise<void>;
}

const slotsOfCluster = 16_384;

/** Three primaries that share the slots. */
export async function startRedisCluster(settings: Readonly<Record<string, string>> = {}): Promise<RedisCluster> {
  const own = { 'cluster-enabled': 'yes', 'cluster-node-timeout': '2000', ...settings };
  const nodes = await Promise.all([0, 1, 2].map(() => startRedis(own)));
  const share = Math.ceil(slotsOfCluster / nodes.length);
  for (const [index, { admin }] of nodes.entries()) {
    await admin.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', index * share, Math.min(slotsOfCluster, (index + 1) * share) - 1);
    for (const { port } of nodes.slice(0, index)) await admin.call('CLUSTER', 'MEET', '127.0.0.1', port);
  }
  for (const { admin } of nodes) {
    await eventually('the cluster is whole', async () => {
      const info = String(await admin.call('CLUSTER', 'INFO'));
      return /cluster_state:ok/.test(info) && /cluster_known_nodes:3/.test(info) && /cluster_slots_assigned:16384/.test(info);
    });
  }
  const url = `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
  return { nodes, url, stop: keep => stopAll(nodes, keep) };
}

/** Polls until it holds. */
export async function eventually(what: string, look: () => Promise<boolean> | boolean, withinMs = 20_000): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!(await look())) {
    if (performance.now() > deadlineMs) throw new Error(`${what}: not within ${withinMs / 1_000} s`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

function extend(service: ServiceProcess, port: number, admin: Redis): RedisServer {
  return {
    ...service,
    get pid() {
      return service.pid;
    },
    port,
    url: `redis://127.0.0.1:${port}`,
    admin,
    async stop(keep) {
      admin.disconnect();
      await service.stop(keep);
    },
  };
}

function connectTo(port: number, password: string | undefined): Redis {
  const admin = new Redis({
    host: '127.0.0.1',
    port,
    ...(password === undefined ? {} : { password }),
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    retryStrategy: () => 20,
  });
  // Refused connections are how it looks while the server starts.
  admin.on('error', () => {});
  admin.connect().catch(() => {});
  return admin;
}

async function answers(admin: Redis): Promise<boolean> {
  return (await admin.ping().catch(() => '')) === 'PONG';
}

async function stopAll(servers: readonly RedisServer[], keep?: boolean): Promise<void> {
  await Promise.all(servers.map(server => server.stop(keep)));
}
