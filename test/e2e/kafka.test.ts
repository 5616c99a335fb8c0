import { setTimeout as sleep } from 'node:timers/promises';
import { Partitioners } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type KafkaCluster, startKafka } from '../services/kafka/kafka-cluster.ts';
import { kafkaService } from '../services/kafka/kafka-home.ts';
import { plainClient } from '../services/kafka/open-kafka.ts';
import { kafkaAndRedis } from '../services/kafka-and-redis.ts';
import { describeWith } from '../services/needed-service.ts';
import { type RedisServer, startRedis } from '../services/redis.ts';
import { ServerProcess } from './server-process.ts';
import { check, deploy, eventually, nothing, send } from './shop-run.ts';

const limit = { timeout: 240_000 };

describeWith(kafkaService, 'a server on Kafka, its state in SQLite', () => exactOver());
describeWith(kafkaAndRedis, 'a server on Kafka, its state in Redis', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis?.stop());
  exactOver(() => redis);
});

/** What holds on Kafka, wherever the state is. */
function exactOver(redis?: () => RedisServer): void {
  let kafka: KafkaCluster;
  let server: ServerProcess;
  const start = () => {
    const state = redis === undefined ? {} : { FAAS_STATE: redis().url };
    return server.start({ FAAS_STREAMS: `kafka://${kafka.bootstrap.join(',')}`, FAAS_KAFKA_SESSION: '2s', ...state });
  };

  beforeAll(async () => {
    kafka = await startKafka();
  }, 300_000);
  afterAll(() => kafka?.stop());

  async function withServer(work: () => Promise<void>): Promise<void> {
    server = await ServerProcess.create();
    try {
      await start();
      await work();
    } finally {
      await server.dispose();
    }
  }

  test('webhooks, calls and schedules through a chain of two functions, and kill -9 in the middle: exact', limit, () =>
    withServer(async () => {
      await deploy(server);
      const half = { webhooks: 60, calls: 20 };
      await send(server, nothing, half);
      const all = { webhooks: 120, calls: 40 };
      const sending = send(server, half, all);
      await sleep(150);
      await server.kill();
      await start();
      await sending;
      expect(await check(server, all), server.output).toEqual([]);
    }),
  );

  test('a topic that others write, with kill -9 again and again: each record counts once, in the order of its key', limit, () =>
    withServer(async () => {
      const records = 3_000;
      const keys = 20;
      const deployed = await server.cli(['deploy', '-f', 'test/data/e2e-kafka/faas.yaml']);
      expect(deployed.code, `${deployed.output}\n${server.output}`).toBe(0);
      const producer = plainClient(kafka.bootstrap).producer({ createPartitioner: Partitioners.DefaultPartitioner });
      await producer.connect();
      for (let from = 0; from < records; from += 500) {
        const messages = Array.from({ length: 500 }, (_, i) => ({ key: `k${(from + i) % keys}`, value: JSON.stringify({ id: from + i }) }));
        await producer.send({ topic: 'outside-orders', messages });
        if (from % 1_000 === 0) {
          await sleep(200);
          await server.kill();
          await start();
        }
      }
      await producer.disconnect();
      const wanted = new Map(
        Array.from({ length: keys }, (_, key) => [`k${key}`, Array.from({ length: records / keys }, (_, i) => i * keys + key)]),
      );
      for (const name of ['count', 'tally']) {
        let seen = new Map<string, readonly number[]>();
        await eventually(async () => {
          seen = await idsOf(server, name);
          return [...seen.values()].flat().length >= records;
        }).catch(() => undefined);
        expect(seen, server.output).toEqual(wanted);
      }
    }),
  );

  if (redis === undefined) return;

  test('kill -9 of Redis in the middle, and a new one on its file: exact, and nobody is blamed', limit, () =>
    withServer(async () => {
      await deploy(server);
      const half = { webhooks: 160, calls: 60 };
      await send(server, nothing, half);
      const all = { webhooks: 220, calls: 80 };
      const sending = send(server, half, all);
      await sleep(100);
      await redis().kill();
      await sleep(2_000);
      await redis().restart();
      await sending;
      expect(await check(server, all), server.output).toEqual([]);
    }),
  );
}

async function idsOf(server: ServerProcess, name: string): Promise<Map<string, readonly number[]>> {
  const { code, output } = await server.cli(['state', 'list', `outside.${name}`, '--output', 'json']);
  if (code !== 0) throw new Error(output);
  const listed: { entries: { key: string; value: { ids: number[] } }[] } = JSON.parse(output);
  return new Map(listed.entries.map(({ key, value }) => [key, value.ids]));
}
