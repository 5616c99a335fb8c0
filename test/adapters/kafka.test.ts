import { setTimeout as sleep } from 'node:timers/promises';
import * as zlib from 'node:zlib';
import { CompressionTypes, Partitioners } from 'kafkajs';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Brokers, type NodeAddresses } from '../../controller/adapters/kafka/brokers.ts';
import type { Compression } from '../../controller/adapters/kafka/codecs.ts';
import type { KafkaStreams } from '../../controller/adapters/kafka/kafka-streams.ts';
import { metadataCall, type TopicMetadata } from '../../controller/adapters/kafka/metadata-request.ts';
import type { NewRecord, StreamRecord, TopicPartition } from '../../controller/ports/streams.ts';
import { produceByJava } from '../services/kafka/java-producer.ts';
import { type KafkaCluster, startKafka } from '../services/kafka/kafka-cluster.ts';
import { kafkaService } from '../services/kafka/kafka-home.ts';
import { connectionTo, openStreams, plainClient, rollBackTransaction } from '../services/kafka/open-kafka.ts';
import { describeWith } from '../services/needed-service.ts';

const all = { records: 10_000, bytes: 2 ** 24 };
/** zstd where Node has it. */
const codecs: readonly Compression[] = ['gzip', 'snappy', 'lz4', ...('zstdCompress' in zlib ? (['zstd'] as const) : [])];

describeWith(kafkaService, 'Kafka behind the port of streams', () => {
  let kafka: KafkaCluster;
  let streams: KafkaStreams;
  let topic: string;
  let topics = 0;

  beforeAll(async () => {
    kafka = await startKafka();
  }, 300_000);
  afterAll(() => kafka?.stop());
  beforeEach(async () => {
    topics += 1;
    topic = `topic-${topics}`;
    streams = await openStreams(kafka.bootstrap);
  });
  afterEach(() => streams.close());

  test.each(codecs)('%s: what is sent compressed is read again, by others too', async compression => {
    await streams.ensureTopic(topic, { partitions: 1 });
    const packing = await openStreams(kafka.bootstrap, { compression });
    await packing.append(topic, many(500, 'x'.repeat(200)));
    await packing.close();
    const { records } = await streams.read(topic, 0, 0, all);
    expect(records.map(text)).toEqual(many(500, 'x'.repeat(200)).map(({ value }) => Buffer.from(value ?? []).toString()));
    expect(records.map(({ offset }) => offset)).toEqual(records.map((_, i) => i));
  });

  test.each(codecs)('%s: what the producer of Kafka itself compressed is read', { timeout: 60_000 }, async compression => {
    await streams.ensureTopic(topic, { partitions: 1 });
    const values = Array.from({ length: 300 }, (_, i) => `${i}-${'y'.repeat(i)}`);
    await produceByJava(kafka.bootstrap, topic, compression, values);
    expect((await streams.read(topic, 0, 0, all)).records.map(text)).toEqual(values);
  });

  test('what another client compressed is read, from the middle of a batch too', async () => {
    await streams.ensureTopic(topic, { partitions: 1 });
    const producer = plainClient(kafka.bootstrap).producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    const messages = Array.from({ length: 100 }, (_, i) => ({ key: `k${i}`, value: `v${i}`, headers: { a: '1', b: ['2', '3'] } }));
    await producer.send({ topic, messages, compression: CompressionTypes.GZIP });
    await producer.disconnect();
    const { records, nextOffset } = await streams.read(topic, 0, 40, all);
    expect(records.map(text)).toEqual(messages.slice(40).map(({ value }) => value));
    expect(records[0]?.headers.map(([name, value]) => [name, Buffer.from(value).toString()])).toEqual([
      ['a', '1'],
      ['b', '2'],
      ['b', '3'],
    ]);
    expect(nextOffset).toBe(100);
  });

  test('records of a transaction that was rolled back are never read, and do not hold up what follows', async () => {
    await streams.ensureTopic(topic, { partitions: 1 });
    await streams.append(topic, [record('before')]);
    await rollBackTransaction(kafka.bootstrap, { topic, partition: 0 }, 50);
    await streams.append(topic, [record('after')]);
    const member = await joined();
    const seen: StreamRecord[] = [];
    for (let position = 0; position < 52; ) {
      const { records, nextOffset } = await member.fetch({ topic, partition: 0 }, position);
      seen.push(...records);
      position = nextOffset;
    }
    expect(seen.map(one => [one.offset, text(one)])).toEqual([
      [0, 'before'],
      [51, 'after'],
    ]);
  });

  test('what retention has removed is passed over, by members and by reads', async () => {
    await streams.ensureTopic(topic, { partitions: 1 });
    await streams.append(topic, many(10, 'x'));
    await withAdmin(async admin => {
      // It deletes only from topics that it has asked about.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '7' }] });
    });
    expect(await streams.bounds(topic)).toEqual([{ partition: 0, startOffset: 7, endOffset: 10 }]);
    expect((await streams.read(topic, 0, 2, all)).records.map(({ offset }) => offset)).toEqual([7, 8, 9]);
    const member = await joined();
    const passed = await member.fetch({ topic, partition: 0 }, 2);
    expect([passed.records.length, passed.nextOffset]).toEqual([0, 7]);
    expect((await member.fetch({ topic, partition: 0 }, 7)).records.map(({ offset }) => offset)).toEqual([7, 8, 9]);
  });

  test('the broker applies the retention that a topic was made with', async () => {
    await streams.ensureTopic(topic, { partitions: 1, retention: { ageMs: 1_000 } });
    await streams.append(topic, many(3, 'x'));
    await eventually(async () => (await streams.bounds(topic))[0]?.startOffset === 3);
    expect(await streams.append(topic, [record('y')])).toEqual([3]);
  });

  test('a broker that tells no ids of topics says the same of them besides', async () => {
    await streams.ensureTopic(topic, { partitions: 3 });
    const addresses: NodeAddresses = new Map();
    const brokers = new Brokers(connectionTo(kafka.bootstrap), addresses);
    const ask = (versionMax: number) =>
      brokers.ask('any', 5_000, broker => broker.connectionPool.send(metadataCall([topic, 'none'], versionMax)));
    const [{ topicMetadata: plain, ...old }, { topicMetadata: told, ...young }] = [await ask(9), await ask(10)];
    await brokers.close();
    expect(young.brokers).toEqual(old.brokers.map(({ nodeId, host, port }) => ({ nodeId, host, port })));
    const rest = ({ topicErrorCode, topic: name, isInternal, partitionMetadata }: TopicMetadata) => ({
      ...{ topicErrorCode, name, isInternal },
      partitions: partitionMetadata.map(({ partitionId, leader, replicas, isr }) => ({ partitionId, leader, replicas, isr })),
    });
    expect(told.map(rest)).toEqual(plain.map(rest));
    expect(told.map(({ topicId }) => topicId)).toEqual([await streams.topicId(topic), undefined]);
  });

  test('a topic that was made again and is shorter than what was read of it is not read on', async () => {
    await streams.ensureTopic(topic, { partitions: 1 });
    await streams.append(topic, many(10, 'x'));
    await streams.deleteTopic(topic);
    await streams.ensureTopic(topic, { partitions: 1 });
    await streams.append(topic, many(3, 'y'));
    const member = await joined();
    await expect(member.fetch({ topic, partition: 0 }, 10)).rejects.toMatchObject({ code: 'FAAS_STREAM_OFFSET_BEYOND_END' });
    expect((await member.fetch({ topic, partition: 0 }, 0)).records.length).toBe(3);
  });

  test('partitions that are added while a member reads are given to it, from their first record on', async () => {
    await streams.ensureTopic(topic, { partitions: 2 });
    const member = await joined();
    expect(member.assigned()).toEqual([0, 1]);
    await withAdmin(admin => admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] }));
    await eventually(async () => (await streams.describeTopic(topic))?.partitions === 5);
    await streams.append(topic, [{ ...record('early'), partition: 4 }]);
    await eventually(async () => member.assigned().length === 5);
    expect((await member.fetch({ topic, partition: 4 }, 0)).records.map(text)).toEqual(['early']);
  });

  test('a record that is too large for the topic is refused, and its neighbours are not', async () => {
    await streams.ensureTopic(topic, { partitions: 1 });
    const [before, refused, after] = await Promise.allSettled([
      streams.append(topic, many(100, 'before')),
      streams.append(topic, [record('x'.repeat(2 ** 21))]),
      streams.append(topic, many(100, 'after')),
    ]);
    expect([before.status, after.status]).toEqual(['fulfilled', 'fulfilled']);
    expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'FAAS_STREAM_RECORD_TOO_LARGE' } });
    expect((await streams.read(topic, 0, 0, all)).records.length).toBe(200);
  });

  test('an offset of a group that is read can be set where it has none, by one of its members', async () => {
    await streams.ensureTopic(topic, { partitions: 2 });
    const other = `${topic}-other`;
    await streams.ensureTopic(other, { partitions: 1 });
    await joined();
    await streams.setCommitted(`group-${topic}`, other, [{ partition: 0, offset: 5, metadata: 'pinned' }], 'ifAbsent');
    expect(await streams.committed(`group-${topic}`, other)).toEqual([{ partition: 0, offset: 5, metadata: 'pinned' }]);
  });

  test('no broker at the address: the setting is named', async () => {
    await expect(openStreams(['127.0.0.1:1'])).rejects.toMatchObject({
      code: 'FAAS_KAFKA_UNREACHABLE',
      hint: expect.stringContaining('setting streams'),
    });
  });

  test('of 80 groups that rest 4 s each gives a sign of life within 1 s when one of them shares anew', { timeout: 60_000 }, async () => {
    await streams.ensureTopic(topic, { partitions: 1 });
    const signs = new Map<string, number>();
    const nothing = { onAssigned() {}, onRevoked() {}, onLost() {} };
    const groups = Array.from({ length: 80 }, (_, i) => `group-${topic}-${i}`);
    const [first = ''] = groups;
    const patient = await openStreams(kafka.bootstrap, { sessionMs: 30_000 });
    const another = await openStreams(kafka.bootstrap, { sessionMs: 30_000 });
    try {
      const onBack = (group: string) => () => void signs.set(group, (signs.get(group) ?? 0) + 1);
      await Promise.all(groups.map(group => patient.join({ ...nothing, group, topics: [topic], onBack: onBack(group) })));
      // Whoever has come to rest gives no sign for a while.
      await eventually(async () => {
        signs.clear();
        await sleep(500);
        return signs.size < groups.length / 2;
      });
      // Resolves when the one that was there has joined anew, and so has heard of it.
      await another.join({ ...nothing, group: first, topics: [topic] });
      signs.clear();
      await expect.poll(() => groups.filter(group => !signs.has(group)), { timeout: 1_000, interval: 20 }).toEqual([]);
    } finally {
      await another.close();
      await patient.close();
    }
  });

  async function joined() {
    const owned = new Set<number>();
    const member = await streams.join({
      group: `group-${topic}`,
      topics: [topic],
      onAssigned: assigned => {
        for (const { partition } of assigned) owned.add(partition);
      },
      onRevoked: revoked => {
        for (const { partition } of revoked) owned.delete(partition);
      },
      onLost() {},
    });
    await eventually(async () => owned.size > 0);
    const signal = new AbortController().signal;
    return {
      assigned: () => [...owned].sort(),
      fetch: (at: TopicPartition, offset: number) => member.fetch(at, offset, { ...all, waitMs: 10_000, signal }),
    };
  }

  async function withAdmin(work: (admin: ReturnType<ReturnType<typeof plainClient>['admin']>) => Promise<unknown>): Promise<void> {
    const admin = plainClient(kafka.bootstrap).admin();
    await admin.connect();
    await work(admin);
    await admin.disconnect();
  }
});

function record(value: string): NewRecord {
  return { partition: 0, key: null, value: Buffer.from(value), headers: [] };
}

function many(count: number, value: string): NewRecord[] {
  return Array.from({ length: count }, (_, i) => record(`${i}-${value}`));
}

function text({ value }: StreamRecord): string {
  return Buffer.from(value ?? []).toString();
}

async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise(resolve => setTimeout(resolve, 20));
}
