import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import type { ConnectionOptions } from '../../../controller/adapters/kafka/connection-options.ts';
import { type KafkaStreams, type KafkaStreamsOptions, openKafkaStreams } from '../../../controller/adapters/kafka/kafka-streams.ts';
import { systemClock } from '../../../controller/clock.ts';
import type { TopicPartition } from '../../../controller/ports/streams.ts';
import { silentLog } from '../../../controller/telemetry/log.ts';

export function connectionTo(bootstrap: readonly string[]): ConnectionOptions {
  return {
    seeds: bootstrap.map(address => {
      const [host = '', port] = address.split(':');
      return { host, port: Number(port) };
    }),
    tls: undefined,
    sasl: undefined,
    clientId: 'test',
    clock: systemClock,
    log: silentLog,
  };
}

/** The adapter on brokers of a test: quick signs of life, so that groups share within a moment. */
export function openStreams(bootstrap: readonly string[], options: Partial<KafkaStreamsOptions> = {}): Promise<KafkaStreams> {
  return openKafkaStreams({
    ...connectionTo(bootstrap),
    replication: 0,
    compression: 'none',
    sessionMs: 10_000,
    heartbeatMs: 50,
    ...options,
  });
}

/** Another client of the same brokers. */
export function plainClient(bootstrap: readonly string[]): Kafka {
  return new Kafka({ brokers: [...bootstrap], logLevel: logLevel.NOTHING, retry: { retries: 10, initialRetryTime: 50 } });
}

/** Removes all topics and groups, so that a test begins with empty brokers. */
export async function emptyBrokers(bootstrap: readonly string[]): Promise<void> {
  const admin = plainClient(bootstrap).admin();
  await admin.connect();
  const groups = (await admin.listGroups()).groups.map(group => group.groupId);
  if (groups.length > 0) await admin.deleteGroups(groups);
  const own = async () => (await admin.listTopics()).filter(topic => !topic.startsWith('__'));
  const topics = await own();
  if (topics.length > 0) await admin.deleteTopics({ topics });
  while ((await own()).length > 0) await sleep(10);
  await admin.disconnect();
}

/** A transaction that is rolled back, of so many offsets: its records and the control record that ends it. */
export async function rollBackTransaction(
  bootstrap: readonly string[],
  { topic, partition }: TopicPartition,
  offsets: number,
): Promise<void> {
  const client = plainClient(bootstrap);
  const admin = client.admin();
  await admin.connect();
  const end = async () => {
    // A topic that was made a moment ago may not have a leader yet, for all that this client knows.
    const offsets = await admin.fetchTopicOffsets(topic).catch(() => []);
    return Number(offsets.find(one => one.partition === partition)?.high ?? -1);
  };
  let before = await end();
  for (; before < 0; before = await end()) await sleep(10);
  const producer = client.producer({
    transactionalId: `rolled-back-${process.pid}-${transactions++}`,
    maxInFlightRequests: 1,
    idempotent: true,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  const transaction = await producer.transaction();
  const messages = Array.from({ length: offsets - 1 }, () => ({ partition, value: 'never' }));
  if (messages.length > 0) await transaction.send({ topic, messages });
  // A record that the broker refuses makes the partition a part of the transaction nevertheless.
  else await transaction.send({ topic, messages: [{ partition, value: Buffer.alloc(2 ** 21) }] }).catch(() => undefined);
  await transaction.abort();
  await producer.disconnect();
  // The control record comes after the answer.
  while ((await end()) < before + offsets) await sleep(10);
  await admin.disconnect();
}

let transactions = 0;
