import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type KafkaCluster, startKafka } from '../services/kafka/kafka-cluster.ts';
import { kafkaService } from '../services/kafka/kafka-home.ts';
import { describeWith, type NeededService } from '../services/needed-service.ts';
import { type RedisServer, redisService, startRedis } from '../services/redis.ts';
import { runs } from './faults/runs.ts';
import { isUnderWay, RollingLoad, totalOf, verdictOf } from './rolling-load.ts';
import { ServerProcess } from './server-process.ts';
import { check, deploy, eventually, nothing, send } from './shop-run.ts';

const limit = { timeout: 240_000 };
const manifest = 'test/data/e2e-rolling/faas.yaml';
const rolls = runs(5);
/** Deploys and roll-backs. */
const changes = 10;
/** Nothing may stand still for so long while processes are ended in good order. */
const stallMsMax = 3_000;
const kafkaAndRedis: NeededService = {
  name: `${kafkaService.name} and ${redisService.name}`,
  commands: [...kafkaService.commands, ...redisService.commands],
  howToGet: `${kafkaService.howToGet}; ${redisService.howToGet}`,
};

describeWith(kafkaAndRedis, 'two servers on one Kafka and one Redis', () => {
  let kafka: KafkaCluster;
  let redis: RedisServer;
  let servers: ServerProcess[] = [];

  beforeAll(async () => {
    [kafka, redis] = await Promise.all([startKafka(), startRedis()]);
  }, 300_000);
  afterAll(() => Promise.all([kafka?.stop(), redis?.stop()]));

  const start = (server: ServerProcess) =>
    server.start({
      FAAS_SHUTDOWN_DELAY: '500ms',
      FAAS_STREAMS: `kafka://${kafka.bootstrap.join(',')}`,
      FAAS_KAFKA_SESSION: '3s',
      FAAS_STATE: redis.url,
    });

  async function withServers(work: (a: ServerProcess, b: ServerProcess) => Promise<void>): Promise<void> {
    const [a, b] = [await ServerProcess.create(), await ServerProcess.create()];
    servers = [a, b];
    try {
      await Promise.all([start(a), start(b)]);
      await work(a, b);
    } finally {
      await Promise.all(servers.map(server => server.dispose()));
    }
  }

  async function deployRound(server: ServerProcess, round: number): Promise<void> {
    const { code, output } = await server.cli(['deploy', '-f', manifest], { ROUND: String(round) });
    expect(code, `${output}\n${server.output}`).toBe(0);
  }

  test('deployed through one, called through the other, kill -9 of the one that leads: exact, schedules as well', limit, () =>
    withServers(async (a, b) => {
      await deploy(a);
      await eventually(async () => (await b.cli(['describe', 'e2e.intake'])).code === 0);
      const half = { webhooks: 40, calls: 20 };
      await send(b, nothing, half);
      const all = { webhooks: 100, calls: 60 };
      const sending = send(b, half, all);
      await sleep(150);
      await a.kill();
      await sending;
      expect(await check(b, all), b.output).toEqual([]);
      await start(a);
      const more = { webhooks: 140, calls: 80 };
      await send(a, all, more);
      expect(await check(a, more), a.output).toEqual([]);
    }),
  );

  test('SIGTERM rolling through all of them under load: lost 0, doubled 0, failed calls 0, no event later than 3 s', limit, () =>
    withServers(async (a, b) => {
      await deployRound(a, 0);
      const load = new RollingLoad('rolled', [a, b], kafka.bootstrap);
      await load.start();
      await eventually(() => isUnderWay(a, 'rolled'));
      load.measure();
      for (const server of Array.from({ length: rolls }, () => [a, b]).flat()) {
        await server.terminate();
        await start(server);
        await sleep(3_000);
      }
      const figures = await load.end();
      const { wrong, latestMs } = await verdictOf(a, figures);
      console.log(
        `rolled ${rolls} times: ${JSON.stringify(figures.sent)}, failed ${figures.failures.length}, the latest after ${latestMs} ms`,
      );
      expect(figures.failures).toEqual([]);
      expect(wrong, a.output).toEqual([]);
      expect(latestMs).toBeLessThan(stallMsMax);
    }),
  );

  test('deploys and roll-backs in turns under load, through either server: lost 0, doubled 0, failed calls 0', limit, () =>
    withServers(async (a, b) => {
      await deployRound(a, 0);
      const load = new RollingLoad('changed', [a, b], kafka.bootstrap);
      await load.start();
      await eventually(() => isUnderWay(a, 'changed'));
      for (let round = 1; round <= changes / 2; round += 1) {
        await deployRound(round % 2 === 0 ? a : b, round);
        await sleep(500);
        const { code, output } = await (round % 2 === 0 ? b : a).cli(['rollback', 'roll.keep']);
        expect(code, output).toBe(0);
        await sleep(500);
      }
      const figures = await load.end();
      const { wrong } = await verdictOf(a, figures);
      console.log(`changed ${changes} times: ${JSON.stringify(figures.sent)}, failed ${figures.failures.length}`);
      expect(figures.failures).toEqual([]);
      expect(wrong, a.output).toEqual([]);
      const refused = await b.cli(['offsets', 'set', 'roll.keep', 'earliest']);
      expect(refused).toMatchObject({ code: 1, output: expect.stringContaining('--allow-rewind') });
      const handled = await totalOf(a, 'changed');
      const moved = await b.cli(['offsets', 'set', 'roll.keep', 'earliest', '--allow-rewind']);
      expect(moved.code, moved.output).toBe(0);
      await eventually(async () => (await totalOf(a, 'changed')) === handled + figures.sent.number);
    }),
  );
});
