import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { kafkaAndRedis } from '../services/kafka-and-redis.ts';
import { describeWith } from '../services/needed-service.ts';
import { FaultWorld, sessionMs } from './faults/fault-world.ts';
import type { Load } from './faults/load.ts';
import { exact, type Found, resumedAfterMs } from './faults/verdict.ts';
import { ServerProcess } from './server-process.ts';
import { check, deploy, eventually, nothing } from './shop-run.ts';

const limit = { timeout: 240_000 };
const secret = { FAAS_CLUSTER_SECRET: 'a-secret-of-this-test-alone' };
const load = { recordsPerSecond: 100, webhooksPerSecond: 10, callsPerSecond: 10 };
/** Nothing may stand still for so long because nobody leads. */
const stallMsMax = 3_000;
/** The lease, the next look of whoever takes over, and a second for each to be carried out. */
const takeoverMs = 5_000 + 1_500 + 2_000;

describeWith(kafkaAndRedis, 'two controllers, two dispatchers and a gateway', () => {
  let world: FaultWorld;
  let controllers: ServerProcess[] = [];
  let dispatchers: ServerProcess[] = [];
  let gateway: ServerProcess;

  /** A machine that is busy may let a start fail; whoever runs servers starts them again. */
  const start = (server: ServerProcess, role: string) =>
    eventually(async () => {
      await server.start({ ...world.environment, FAAS_ROLES: role });
      return server.isRunning;
    });

  beforeAll(async () => {
    const [second, one, two, front] = await Promise.all([1, 2, 3, 4].map(() => ServerProcess.create()));
    if (second === undefined || one === undefined || two === undefined || front === undefined) throw new Error('not there');
    dispatchers = [one, two];
    gateway = front;
    world = await FaultWorld.create({
      env: { ...secret, FAAS_ROLES: 'controller', FAAS_PODS_POOL: '0' },
      others: async env => {
        await Promise.all([
          second.start({ ...env, FAAS_ROLES: 'controller' }),
          ...dispatchers.map(server => server.start({ ...env, FAAS_ROLES: 'dispatcher' })),
          gateway.start({ ...env, FAAS_ROLES: 'gateway' }),
        ]);
        return gateway;
      },
    });
    controllers = [world.server, second];
  }, 300_000);

  afterEach(({ task }) => {
    if (task.result?.state !== 'fail') return;
    for (const server of [...controllers, ...dispatchers, gateway]) if (!server.isRunning) console.log(server.output.slice(-2_000));
  });

  afterAll(async () => {
    await Promise.all([...controllers, ...dispatchers, gateway].map(server => server.dispose()));
    await world?.stop();
  });

  test('kill -9 of the controller that leads: events go on, pods stay as they are, the other one takes over', limit, async () => {
    const orders = world.load(load);
    await sleep(8_000);
    const leader = await leading(controllers);
    const other = controllers.find(server => server !== leader) ?? leader;
    world.server = other;
    const before = await podsOf(dispatchers);
    const atMs = Date.now();
    await leader.kill();
    const seen = await watchPods(dispatchers, async () => {
      await eventually(async () => (await leads(other)) === 1);
      process.stdout.write(`another one leads after ${Date.now() - atMs} ms\n`);
    });
    const tookMs = Date.now() - atMs;
    const after = await watchPods(dispatchers, () => sleep(6_000));
    await start(leader, 'controller');
    const verdict = await world.verdict('kill -9 of the leading controller', orders);
    expect(verdict, other.output).toMatchObject({ ...exact, attemptsCounted: 0 });
    const found = await world.found(orders);
    const sent = orders.orders.filter(({ sentAtMs }) => sentAtMs >= atMs && sentAtMs < atMs + tookMs).length;
    const rates = [handledBetween(found, atMs - tookMs, atMs), handledBetween(found, atMs, atMs + tookMs), sent];
    const [rateBefore, rateAfter, rateSent] = rates.map(count => Math.round((count / tookMs) * 1_000));
    process.stdout.write(`pods ${before}, without a leader ${[...seen].join(' ')}, then ${[...after].join(' ')}\n`);
    process.stdout.write(`events/s ${rateBefore} before, ${rateAfter} without a leader, when ${rateSent} were sent\n`);
    process.stdout.write(
      `longest pause without a leader ${longestPauseMs(found, atMs, atMs + tookMs)} ms; refused: ${refusalsOf(orders)}\n`,
    );
    expect(longestPauseMs(found, atMs, atMs + tookMs)).toBeLessThan(stallMsMax);
    expect([...seen]).toEqual([before]);
    expect([...after]).toEqual([before]);
    expect(tookMs).toBeLessThan(takeoverMs);
  });

  test(
    'the leader is stopped for longer than its lease: one leads after that, schedules fire once, replicas do not swing',
    limit,
    async () => {
      await deploy(world.server);
      const orders = world.load(load);
      await sleep(8_000);
      const leader = await leading(controllers);
      const other = controllers.find(server => server !== leader) ?? leader;
      world.server = other;
      const pods = await podsOf(dispatchers);
      const { pid } = (await leader.address()) ?? {};
      if (pid === undefined) throw new Error('no server');
      process.kill(pid, 'SIGSTOP');
      const seen = await watchPods(dispatchers, () => sleep(takeoverMs));
      process.kill(pid, 'SIGCONT');
      const after = await watchPods(dispatchers, () => sleep(6_000));
      expect([await leads(leader), await leads(other)]).toEqual([0, 1]);
      expect(await world.verdict('the leader was stopped', orders), other.output).toMatchObject({ ...exact, attemptsCounted: 0 });
      process.stdout.write(`pods ${pods}, while it was stopped ${[...seen].join(' ')}, then ${[...after].join(' ')}\n`);
      expect([[...seen], [...after]]).toEqual([[pods], [pods]]);
      expect(await check(other, nothing), other.output).toEqual([]);
    },
  );

  test('kill -9 of a dispatcher: its partitions go on at the other one, and its pods are started there', limit, async () => {
    const orders = world.load(load);
    await sleep(5_000);
    const [victim] = dispatchers;
    if (victim === undefined) throw new Error('no dispatcher');
    const atMs = Date.now();
    await victim.kill();
    await sleep(8_000);
    await start(victim, 'dispatcher');
    await sleep(3_000);
    expect(await world.verdict('kill -9 of a dispatcher', orders), world.server.output).toMatchObject(exact);
    const resumed = resumedAfterMs(orders, await world.found(orders), atMs);
    process.stdout.write(`handled again after ${resumed} ms; refused: ${refusalsOf(orders)}\n`);
    expect(resumed).toBeLessThan(sessionMs + 5_000);
  });

  test('kill -9 of the gateway: what it accepted is handled, and what it did not is sent again', limit, async () => {
    const orders = world.load({ ...load, webhooksPerSecond: 40, callsPerSecond: 40 });
    await sleep(3_000);
    await gateway.kill();
    await sleep(1_000);
    await start(gateway, 'gateway');
    await sleep(3_000);
    expect(await world.verdict('kill -9 of the gateway', orders), gateway.output).toMatchObject(exact);
    process.stdout.write(`refused: ${refusalsOf(orders)}\n`);
  });
});

async function leads(server: ServerProcess): Promise<number | undefined> {
  if ((await server.address()) === undefined) return undefined;
  return (await server.samples('faas_leads'))[0]?.value;
}

async function leading(servers: readonly ServerProcess[]): Promise<ServerProcess> {
  let found: ServerProcess | undefined;
  await eventually(async () => {
    for (const server of servers) if ((await leads(server)) === 1) found = server;
    return found !== undefined;
  });
  if (found === undefined) throw new Error('nobody leads');
  return found;
}

async function podsOf(servers: readonly ServerProcess[]): Promise<number> {
  return (await Promise.all(servers.map(server => server.pods()))).flat().length;
}

/** All numbers of pods that are seen while something is done. */
async function watchPods(servers: readonly ServerProcess[], work: () => Promise<unknown>): Promise<ReadonlySet<number>> {
  const seen = new Set<number>();
  let isOver = false;
  const over = work().finally(() => {
    isOver = true;
  });
  while (!isOver) {
    seen.add(await podsOf(servers));
    await sleep(100);
  }
  await over;
  return seen;
}

function handledBetween({ ledger }: Found, fromMs: number, toMs: number): number {
  return [...ledger.values()].flatMap(({ log }) => log).filter(([, atMs]) => atMs >= fromMs && atMs < toMs).length;
}

/** Between events that were handled one after the other. */
function longestPauseMs({ ledger }: Found, fromMs: number, toMs: number): number {
  const times = [...ledger.values()]
    .flatMap(({ log }) => log.map(([, atMs]) => atMs))
    .filter(atMs => atMs > fromMs && atMs < toMs)
    .sort((a, b) => a - b);
  const all = [fromMs, ...times, toMs];
  return Math.max(...all.map((atMs, i) => atMs - (all[i - 1] ?? atMs)));
}

function refusalsOf({ refusals }: Load): string {
  return [...refusals.webhooks, ...refusals.calls].map(([what, times]) => `${times} ${what}`).join(', ') || 'nothing';
}
