import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type KafkaCluster, startKafka } from '../services/kafka/kafka-cluster.ts';
import { kafkaAndRedis } from '../services/kafka-and-redis.ts';
import { type ApiServer, apiServerService, startApiServer } from '../services/kubernetes/api-server.ts';
import { type TestNamespace, testNamespace } from '../services/kubernetes/cluster-objects.ts';
import { describeWith } from '../services/needed-service.ts';
import { type RedisServer, startRedis } from '../services/redis.ts';
import { patienceMs, ServerProcess } from './server-process.ts';
import { eventually } from './shop-run.ts';

const objects = 1_000;
/** After it has come up again: a busy machine takes its time with that. */
const killEveryMs = 5_000;
/** Slow enough for several kills. */
const writesPerSecond = 90;
const limit = { timeout: 3 * patienceMs };

describeWith(apiServerService, 'a server in SQLite that watches resources', () => deliversAll(() => ({}), 1));

describeWith(
  { ...kafkaAndRedis, commands: [...kafkaAndRedis.commands, ...apiServerService.commands] },
  'two servers on Kafka and Redis that watch resources',
  () => {
    let kafka: KafkaCluster;
    let redis: RedisServer;
    beforeAll(async () => {
      [kafka, redis] = await Promise.all([startKafka(), startRedis()]);
    }, 300_000);
    afterAll(async () => {
      await Promise.all([kafka?.stop(), redis?.stop()]);
    });
    deliversAll(() => ({ FAAS_STREAMS: `kafka://${kafka.bootstrap.join(',')}`, FAAS_STATE: redis.url, FAAS_KAFKA_SESSION: '2s' }), 2);
  },
);

/** What must hold, wherever streams and state are. */
function deliversAll(stores: () => Readonly<Record<string, string>>, serverCount: number): void {
  let cluster: ApiServer;
  beforeAll(async () => {
    cluster = await startApiServer();
  }, 900_000);
  afterAll(() => cluster?.stop());

  test(`${objects} ConfigMaps are created, changed and deleted while a server is killed every ${killEveryMs} ms`, limit, async () => {
    const namespace = await testNamespace(cluster);
    const servers = await Promise.all(Array.from({ length: serverCount }, () => ServerProcess.create('watch')));
    const env = { ...stores(), FAAS_KUBERNETES_KUBECONFIG: cluster.kubeconfig };
    try {
      for (const server of servers) await server.start(env);
      const [first] = servers;
      if (first === undefined) return;
      await eventually(
        async () => (await first.cli(['deploy', '-f', 'test/data/e2e-resources/faas.yaml'], { NAMESPACE: namespace.namespace })).code === 0,
      );
      const stopKilling = new AbortController();
      const killing = killInTurn(servers, env, stopKilling.signal);
      const world = await writeAll(namespace);
      const writtenMs = performance.now();
      stopKilling.abort();
      const kills = await killing;
      const { wrong, events } = await settled(first, world);
      const tookMs = Math.round(performance.now() - writtenMs);
      process.stdout.write(
        `resources, ${serverCount} server(s): ${objects} objects, ${world.states} states, ${world.ends} ends; ${kills} kills; ${events} events delivered; complete ${tookMs} ms after the last write; wrong: ${wrong.length}\n`,
      );
      expect(wrong.slice(0, 20), first.output).toEqual([]);
      expect(kills).toBeGreaterThanOrEqual(4);
    } finally {
      namespace.api.close();
      await Promise.all(servers.map(server => server.dispose()));
    }
  });
}

async function killInTurn(servers: readonly ServerProcess[], env: Readonly<Record<string, string>>, signal: AbortSignal): Promise<number> {
  let kills = 0;
  while (!signal.aborted) {
    await sleep(killEveryMs, undefined, { signal }).catch(() => undefined);
    const server = servers[kills % servers.length];
    if (signal.aborted || server === undefined) break;
    await server.kill();
    kills += 1;
    await server.start(env);
  }
  return kills;
}

/** What the cluster has had in the end, by name: how many states in all, and how many ends. */
interface Written {
  /** The last value of each object, or that there is none. */
  readonly last: ReadonlyMap<string, { readonly v: number; readonly isThere: boolean }>;
  states: number;
  ends: number;
}

async function writeAll({ put, remove }: TestNamespace): Promise<Written> {
  const last = new Map<string, { v: number; isThere: boolean }>();
  const world: Written = { last, states: 0, ends: 0 };
  const labels = { app: 'prices' };
  const startedMs = performance.now();
  let writes = 0;
  const inTime = async (write: () => Promise<void>) => {
    writes += 1;
    const dueMs = startedMs + (writes / writesPerSecond) * 1_000;
    await sleep(Math.max(0, dueMs - performance.now()));
    await write();
  };
  const state = async (name: string) => {
    const v = (last.get(name)?.v ?? 0) + 1;
    await inTime(() => put(name, { v: String(v) }, labels));
    last.set(name, { v, isThere: true });
    world.states += 1;
  };
  const end = async (name: string) => {
    await inTime(() => remove(name));
    last.set(name, { v: last.get(name)?.v ?? 0, isThere: false });
    world.ends += 1;
  };
  const lanes = Array.from({ length: 8 }, async (_, lane) => {
    const names = Array.from({ length: objects }, (_, i) => `map-${i}`).filter((_, i) => i % 8 === lane);
    for (const name of names) await state(name);
    for (const name of names) await state(name);
    for (const [i, name] of names.entries()) {
      if (i % 3 === 0) await state(name);
      else await end(name);
      if (i % 3 === 2) await state(name);
    }
  });
  await Promise.all(lanes);
  return world;
}

/** Waits until nothing is missing, and answers what is wrong then. */
async function settled(server: ServerProcess, world: Written): Promise<{ readonly wrong: readonly string[]; readonly events: number }> {
  let wrong: readonly string[] = ['nothing was looked at'];
  let events = 0;
  for (const untilMs = performance.now() + 60_000; wrong.length > 0 && performance.now() < untilMs; await sleep(500)) {
    const logs = await logsOf(server).catch(() => new Map<string, readonly string[]>());
    events = [...logs.values()].reduce((sum, log) => sum + log.length, 0);
    wrong = [...world.last].flatMap(([name, last]) => wrongOf(name, last, logs.get(name) ?? []));
  }
  return { wrong, events };
}

/** Each life of a name: added, then modified with rising values, then deleted; each state once; the last one as it is in the cluster. */
function wrongOf(name: string, last: { readonly v: number; readonly isThere: boolean }, log: readonly string[]): readonly string[] {
  const wrong: string[] = [];
  const changes = log.map(line => {
    const [event = '', uid = '', v = '', old = '', id = ''] = line.split(' ');
    return { event, uid, v: Number(v), old, id };
  });
  const end = changes.at(-1);
  if (last.isThere && (end?.event === 'deleted' || end?.v !== last.v)) wrong.push(`the last state ${last.v} is missing`);
  if (!last.isThere && end !== undefined && end.event !== 'deleted') wrong.push('the end is missing');
  for (const [i, change] of changes.entries()) {
    const before = changes[i - 1];
    const isNew = change.event === 'added';
    if (isNew && before !== undefined && before.event !== 'deleted') wrong.push('added without an end of the one before');
    if (!isNew && (before === undefined || before.uid !== change.uid || before.event === 'deleted'))
      wrong.push(`${change.event} of what was not added`);
    if (!isNew && before !== undefined && change.old !== String(before.v))
      wrong.push(`${change.event} with the old state ${change.old}, not ${before.v}`);
    if (before !== undefined && change.event !== 'deleted' && change.v <= before.v) wrong.push(`${change.v} after ${before.v}`);
  }
  if (new Set(changes.map(({ id }) => id)).size !== changes.length) wrong.push('an id twice');
  return wrong.map(what => `${name}: ${what} (${changes.map(({ event, v }) => `${event} ${v}`).join(', ')})`);
}

async function logsOf(server: ServerProcess): Promise<ReadonlyMap<string, readonly string[]>> {
  const address = await server.address();
  if (address === undefined) throw new Error('no server');
  const headers = { authorization: `Bearer ${await server.token()}` };
  const logs = new Map<string, readonly string[]>();
  for (let after: string | undefined; ; ) {
    const query = new URLSearchParams({ limit: '1000', ...(after === undefined ? {} : { after }) });
    const answer = await fetch(`${address.adminUrl}/v1/functions/watch/keep/state?${query}`, {
      headers,
      signal: AbortSignal.timeout(20_000),
    });
    const { entries } = (await answer.json()) as { entries: { key: string; value: { log: string[] } }[] };
    for (const { key, value } of entries) logs.set(key.slice(key.indexOf('/') + 1), value.log);
    after = entries.at(-1)?.key;
    if (entries.length < 1_000 || after === undefined) return logs;
  }
}
