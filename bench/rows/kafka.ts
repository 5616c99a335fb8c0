import { type KafkaCluster, startKafka } from '../../test/services/kafka/kafka-cluster.ts';
import { kafkaService } from '../../test/services/kafka/kafka-home.ts';
import { isOnPath } from '../../test/services/needed-service.ts';
import { drainRate } from '../drain.ts';
import { startFaas } from '../faas-server.ts';
import { orderOf } from '../payload.ts';
import { kafkajsCountRate, produce } from '../peers/kafkajs-count.ts';
import { PeerMissing, type Row, type RowResult, ratioRow } from '../row.ts';
import { median } from '../statistics.ts';

const turns = 3;
const sizes = [
  { name: '100 B', bytes: 100, count: 300_000, atLeast: 0.35 },
  { name: '1 KiB', bytes: 1_024, count: 100_000, atLeast: 0.6 },
] as const;

const streams = (topic: string) => `version: 1
context: ${topic}
streams:
  orders: { topic: ${topic}, partitions: 8 }
`;

/** Every pod is there from the start: the backlog, not the start, is what is measured. */
const withFunction = (topic: string, pods: number) => `${streams(topic)}
functions:
  stateless:
    handler: stateless.ts
    on:
      - stream: { streams: [orders], from: earliest, batch: { size: 500 } }
    limits: { concurrency: 1000 }
    scale: { min: ${pods}, max: ${pods} }
`;

/** One backlog in one broker, handled by us and counted by a bare loop, in turns. */
export const statelessFromKafka: Row = {
  name: 'stateless-kafka',
  async measure({ podsMax }) {
    requireKafka();
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

export function requireKafka(): void {
  const missing = kafkaService.commands.filter(command => !isOnPath(command));
  if (missing.length > 0) throw new PeerMissing(`Kafka needs ${missing.join(', ')} on the PATH: ${kafkaService.howToGet}`);
}

async function measureSize(
  { bootstrap }: KafkaCluster,
  { name, bytes, count, atLeast }: (typeof sizes)[number],
  pods: number,
): Promise<RowResult> {
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let turn = 0; turn < turns; turn += 1) {
    const topic = `bench-${bytes}-${turn}`;
    const server = await startFaas({ 'pods-pool': '0', streams: `kafka://${bootstrap.join(',')}` });
    try {
      await server.deploy(streams(topic));
      await produce(bootstrap, topic, valuesOf(count, bytes));
      await server.deploy(withFunction(topic, pods));
      ours.push(await drainRate(server, `${topic}.stateless`, count));
    } finally {
      await server.stop();
    }
    theirs.push(await kafkajsCountRate(bootstrap, topic, count));
  }
  const other = { name: 'of a bare kafkajs eachBatch count', value: median(theirs) };
  return ratioRow(`stateless from Kafka, ${name}`, 'events/s', median(ours), other, atLeast, pods);
}

function valuesOf(count: number, bytes: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => {
    const order = orderOf(index);
    const missing = Math.max(0, bytes - JSON.stringify({ ...order, note: '' }).length);
    return JSON.stringify({ ...order, note: 'x'.repeat(missing) });
  });
}
