import { type KafkaCluster, startKafka } from '../../test/services/kafka/kafka-cluster.ts';
import { kafkaService } from '../../test/services/kafka/kafka-home.ts';
import { drainRate } from '../drain.ts';
import { startFaas } from '../faas-server.ts';
import { withKafkaAndRedis } from '../kafka-and-redis.ts';
import { orderOf } from '../payload.ts';
import { bullmqRate } from '../peers/bullmq.ts';
import { kafkajsCountRate, produce } from '../peers/kafkajs-count.ts';
import { kafkajsHincrbyRate } from '../peers/kafkajs-hincrby.ts';
import { inTurns, type Row, type RowResult, ratioRow, requireService } from '../row.ts';
import { besideBullmq } from './backlog.ts';

const turns = 3;
/** Enough for some seconds beyond the warming up; the loop counts for the second time. */
const sizes = [
  { name: '100 B', bytes: 100, count: 3_000_000, atLeast: 0.35 },
  { name: '1 KiB', bytes: 1_024, count: 1_800_000, atLeast: 0.6 },
] as const;

const streams = (context: string, topic: string) => `version: 1
context: ${context}
streams:
  orders: { topic: ${topic}, partitions: 8 }
`;

/** Every pod is there from the start: the backlog, not the start, is what is measured. */
const withFunction = (context: string, topic: string, pods: number) => `${streams(context, topic)}
functions:
  stateless:
    handler: stateless.ts
    on:
      - stream: { streams: [orders], from: earliest, batch: { size: 500 } }
    limits: { concurrency: 1000 }
    scale: { min: ${pods}, max: ${pods} }
`;

/** One backlog of each size in one broker, handled by us and counted by a bare loop, in turns. */
export const statelessFromKafka: Row = {
  name: 'stateless-kafka',
  async measure({ podsMax }) {
    requireService(kafkaService);
    const kafka = await startKafka();
    try {
      const results: RowResult[] = [];
      for (const size of sizes) results.push(await measureSize(kafka, size, podsMax));
      return results;
    } finally {
      await kafka.stop();
    }
  },
};

/** Some twenty seconds for us and thirty for the loop: rates of stateful work rise for longer than the warming up that is not counted. */
const counted = 1_400_000;

const countedStreams = (context: string) => `version: 1
context: ${context}
streams:
  orders: { topic: orders, partitions: 8 }
  counted: { topic: ${context}, partitions: 8 }
`;

const withCounter = (context: string, pods: number) => `${countedStreams(context)}
functions:
  count:
    handler: count.ts
    on:
      - stream: { streams: [orders], from: earliest, batch: { size: 500 } }
    limits: { concurrency: 1000 }
    scale: { min: ${pods}, max: ${pods} }
    emits: [counted]
`;

/** One backlog, counted per key with an emit each: by us, effectively once, and by a loop that one would write by hand, in turns. */
export const statefulOnRedis: Row = {
  name: 'stateful-redis',
  measure: ({ podsMax: pods }) =>
    withKafkaAndRedis(async (settings, { bootstrap }, redisPort) => {
      const { ours, byHand, bullmq } = await inTurns(turns, {
        ours: async turn => {
          const context = `counted-${turn}`;
          const server = await startFaas({ ...settings, 'pods-pool': '0' });
          try {
            await server.deploy(countedStreams(context));
            if (turn === 0) await produce(bootstrap, 'orders', counted, textOf(100));
            await server.deploy(withCounter(context, pods));
            const rate = await drainRate(server, `${context}.count`, counted);
            await server.cli('delete', context, '--yes');
            return rate;
          } finally {
            await server.stop();
          }
        },
        byHand: turn => kafkajsHincrbyRate(bootstrap, redisPort, { topic: 'orders', emitTo: `counted-${turn}`, count: counted }),
        bullmq: () => bullmqRate(true),
      });
      const measure = 'counter per key on Kafka and Redis, one emit, effectively once';
      const loop = { name: 'of a kafkajs loop with HINCRBY and produce', turns: byHand };
      return [ratioRow(measure, 'events/s', ours, loop, 0.6, pods), besideBullmq(measure, ours, bullmq, pods)];
    }),
};

async function measureSize(
  { bootstrap }: KafkaCluster,
  { name, bytes, count, atLeast }: (typeof sizes)[number],
  pods: number,
): Promise<RowResult> {
  const topic = `bench-${bytes}`;
  const { ours, theirs } = await inTurns(turns, {
    ours: async turn => {
      const context = `${topic}-${turn}`;
      const server = await startFaas({ 'pods-pool': '0', streams: `kafka://${bootstrap.join(',')}` });
      try {
        await server.deploy(streams(context, topic));
        if (turn === 0) await produce(bootstrap, topic, count, textOf(bytes));
        await server.deploy(withFunction(context, topic, pods));
        return await drainRate(server, `${context}.stateless`, count);
      } finally {
        await server.stop();
      }
    },
    theirs: () => kafkajsCountRate(bootstrap, topic, count),
  });
  const other = { name: 'of a bare kafkajs eachBatch count', turns: theirs };
  return ratioRow(`stateless from Kafka, ${name}`, 'events/s', ours, other, atLeast, pods);
}

const textOf = (bytes: number) => (index: number) => {
  const order = orderOf(index);
  const missing = Math.max(0, bytes - JSON.stringify({ ...order, note: '' }).length);
  return JSON.stringify({ ...order, note: 'x'.repeat(missing) });
};
