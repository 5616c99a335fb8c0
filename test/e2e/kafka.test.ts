import { setTimeout as sleep } from 'node:timers/promises';
import { Partitioners } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type KafkaCluster, startKafka } from '../services/kafka/kafka-cluster.ts';
import { kafkaService } from '../services/kafka/kafka-home.ts';
import { plainClient } from '../services/kafka/open-kafka.ts';
import { kafkaAndRedis } from '../services/kafka-and-redis.ts';
import { describeWith } from '../services/needed-service.ts';
import { type RedisServer, startRedis } from '../services/redis.ts';
import { idsOf, wrongIds } from './replay-run.ts';
import { ServerProcess } from './server-process.ts';
import { check, deploy, eventually, nothing, send } from './shop-run.ts';

const limit = { timeout: 240_000 };

type Client = ReturnType<typeof plainClient>;

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
      for (const name of ['count', 'tally']) {
        let seen: ReadonlyMap<string, readonly number[]> = new Map();
        await eventually(async () => {
          seen = await idsOf(server, `outside.${name}`);
          return [...seen.values()].flat().length >= records;
        }).catch(() => undefined);
        expect(wrongIds(seen, { records, keys, times: 1 }), server.output).toEqual([]);
      }
    }),
  );

  if (redis === undefined) return;

  test('transactions, CloudEvents in an envelope, new partitions, and a topic made again: each record once, none skipped', limit, () =>
    withServer(async () => {
      const deployed = await server.cli(['deploy', '-f', 'test/data/e2e-kafka/growing.yaml']);
      expect(deployed.code, `${deployed.output}\n${server.output}`).toBe(0);
      const client = plainClient(kafka.bootstrap);
      const admin = client.admin();
      await admin.connect();
      const topic = 'growing-orders';
      const plain = (from: number, count: number) =>
        Array.from({ length: count }, (_, i) => ({ key: `k${(from + i) % 10}`, value: JSON.stringify({ id: from + i }) }));
      await inTransaction(client, 'commit', { topic, messages: plain(0, 40) });
      await inTransaction(client, 'abort', { topic, messages: plain(900, 20) });
      await sendNow(client, { topic, messages: plain(40, 20).map(inEnvelope) });
      await admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] });
      // Metadata of a new client: it uses the new partitions before the group knows them.
      await sendNow(plainClient(kafka.bootstrap), { topic, messages: plain(60, 60) });
      const all = Array.from({ length: 120 }, (_, id) => id);
      expect(await countedIds(all.length), server.output).toEqual(all);
      // Whatever of the old one the group is still to be told when the new one is there.
      let sent = all.length;
      const madeAgain = async (awayMs: number, counts: readonly number[], meanwhile = async () => {}) => {
        await admin.deleteTopics({ topics: [topic] });
        while ((await admin.listTopics()).includes(topic)) await sleep(50);
        await sleep(awayMs);
        // Waiting for leaders would fail on metadata that do not know the topic yet.
        await admin.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: false });
        for (const count of counts) {
          await sendNow(plainClient(kafka.bootstrap), { topic, messages: plain(sent, count) });
          sent += count;
          await meanwhile();
          expect(await countedIds(sent), server.output).toEqual(Array.from({ length: sent }, (_, id) => id));
        }
      };
      for (const awayMs of [0, 400, 1_100]) await madeAgain(awayMs, [10, 40]);
      // As long as what was handled of the one before, or longer, when it is read for the first time.
      await madeAgain(0, [50]);
      await server.kill();
      await madeAgain(400, [80], start);
      await admin.disconnect();
    }),
  );

  /** Ascending, once there are so many. */
  async function countedIds(count: number): Promise<readonly number[]> {
    let ids: readonly number[] = [];
    await eventually(async () => {
      ids = [...(await idsOf(server, 'growing.count')).values()].flat().sort((a, b) => a - b);
      return ids.length >= count;
    }).catch(() => undefined);
    return ids;
  }

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

interface Sending {
  readonly topic: string;
  readonly messages: { key: string; value: string; headers?: Record<string, string> }[];
}

async function sendNow(client: Client, sending: Sending): Promise<void> {
  // A partition that was made a moment ago may have no leader: all is sent again then, which the broker must know for a repetition.
  const createPartitioner = Partitioners.DefaultPartitioner;
  const producer = client.producer({ maxInFlightRequests: 1, idempotent: true, createPartitioner });
  await producer.connect();
  await producer.send(sending);
  await producer.disconnect();
}

async function inTransaction(client: Client, end: 'commit' | 'abort', sending: Sending): Promise<void> {
  const createPartitioner = Partitioners.DefaultPartitioner;
  const producer = client.producer({ transactionalId: `growing-${end}`, maxInFlightRequests: 1, idempotent: true, createPartitioner });
  await producer.connect();
  const transaction = await producer.transaction();
  await transaction.send(sending);
  await transaction[end]();
  await producer.disconnect();
}

/** The structured mode of CloudEvents. */
function inEnvelope({ key, value }: { key: string; value: string }) {
  const data: { id: number } = JSON.parse(value);
  const event = { specversion: '1.0', id: `order-${data.id}`, source: '/shop', type: 'order', datacontenttype: 'application/json', data };
  return { key, value: JSON.stringify(event), headers: { 'content-type': 'application/cloudevents+json' } };
}
