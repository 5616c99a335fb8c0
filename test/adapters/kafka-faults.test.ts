import { readFileSync } from 'node:fs';
import { Partitioners } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { KafkaStreams } from '../../controller/adapters/kafka/kafka-streams.ts';
import { FaasError } from '../../controller/errors.ts';
import { partitionOf } from '../../controller/ports/partition-of.ts';
import { type Certificates, certificateService, makeCertificates } from '../services/certificates.ts';
import { type FaultProxy, kafkaFrame, startFaultProxy } from '../services/fault-proxy.ts';
import { saslUsers } from '../services/kafka/broker-properties.ts';
import { type KafkaCluster, startKafka } from '../services/kafka/kafka-cluster.ts';
import { kafkaService } from '../services/kafka/kafka-home.ts';
import { openStreams, plainClient } from '../services/kafka/open-kafka.ts';
import { describeWith, type NeededService } from '../services/needed-service.ts';

const partitions = 6;
const limit = { timeout: 120_000 };
const isProduce = (request: Buffer) => request.readInt16BE(4) === 0;
const offsetFetch = 9;

describeWith(kafkaService, 'three brokers that fail', () => {
  let kafka: KafkaCluster;
  const proxies: FaultProxy[] = [];
  let streams: KafkaStreams;
  let topics = 0;

  beforeAll(async () => {
    kafka = await startKafka({
      brokers: 3,
      async advertise(port) {
        const proxy = await startFaultProxy({ target: { port }, frameEnd: kafkaFrame });
        proxies.push(proxy);
        return proxy.port;
      },
    });
    streams = await openStreams(kafka.bootstrap);
  }, 300_000);
  afterAll(async () => {
    await streams?.close();
    await Promise.all(proxies.map(proxy => proxy.close()));
    await kafka?.stop();
  });

  test.each<[string, (proxy: FaultProxy) => void]>([
    ['the reply of the first request is lost', proxy => proxy.swallowReply(isProduce)],
    ['the first request is cut in the middle', proxy => proxy.cut(isProduce, { of: 'request', bytes: 20 })],
    ['the first reply never comes', proxy => proxy.swallowReply(isProduce, { afterwards: 'silence' })],
  ])('%s, of one of three: nothing is lost, and each record is where its key says', limit, async (_, break_) => {
    const topic = await makeTopic();
    for (const proxy of proxies.slice(1, 2)) break_(proxy);
    const ids = Array.from({ length: 600 }, (_, i) => `${i}`);
    await appendAll(topic, ids);
    for (const proxy of proxies) proxy.heal();
    expect(await lost(topic, ids)).toEqual([]);
  });

  test(
    'without a key another client loses what it calls acknowledged, when the first request to one of three fails; we lose nothing',
    limit,
    async () => {
      // With each retry it deals all records out again, from where it stopped: of six partitions the third retry would put 550 where they were, of seven the seventh 551.
      const dealt = 7;
      const ids = Array.from({ length: 551 }, (_, i) => `${i}`);
      const failFirst = () => proxies[1]?.cut(isProduce, { of: 'request', bytes: 20 });
      const theirs = await makeTopic(dealt);
      const producer = plainClient(kafka.bootstrap).producer({ createPartitioner: Partitioners.DefaultPartitioner });
      await producer.connect();
      failFirst();
      await producer.send({ topic: theirs, messages: ids.map(value => ({ value })) });
      await producer.disconnect();
      for (const proxy of proxies) proxy.heal();
      const ours = await makeTopic(dealt);
      failFirst();
      await streams.append(
        ours,
        ids.map(id => ({ partition: partitionOf(null, id, dealt), key: null, value: Buffer.from(id), headers: [] })),
      );
      for (const proxy of proxies) proxy.heal();
      const [lostByThem, lostByUs] = await Promise.all([theirs, ours].map(topic => missing(topic, dealt, ids)));
      process.stdout.write(
        `first request to one of three brokers fails, ${ids.length} without a key: kafkajs lost ${lostByThem}, we lost ${lostByUs}\n`,
      );
      expect(lostByUs).toBe(0);
      expect(lostByThem).toBeGreaterThan(0);
    },
  );

  test('each broker is killed under load: nothing acknowledged is lost', limit, async () => {
    const topic = await makeTopic();
    const acknowledged: string[] = [];
    let going = true;
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      for (let i = 0; going; i += 1) {
        const id = `${writer}-${i}`;
        const sent = await append(topic, [id]).catch(() => undefined);
        if (sent !== undefined) acknowledged.push(id);
        await new Promise(resolve => setTimeout(resolve, 5));
      }
    });
    for (const broker of kafka.brokers) {
      await new Promise(resolve => setTimeout(resolve, 500));
      await broker.kill();
      await new Promise(resolve => setTimeout(resolve, 2_000));
      await broker.start();
      const before = acknowledged.length;
      while (acknowledged.length < before + 20) await new Promise(resolve => setTimeout(resolve, 50));
    }
    going = false;
    await Promise.all(writers);
    process.stdout.write(`kill -9 of each of three brokers: ${acknowledged.length} acknowledged\n`);
    expect(await lost(topic, acknowledged)).toEqual([]);
  });

  test('the offsets of one group that are asked for in one turn are one request', async () => {
    const topics = [await makeTopic(), await makeTopic()];
    const [first = '', second = ''] = topics;
    await streams.setCommitted('asked', first, [{ partition: 4, offset: 7, metadata: 'a' }], 'replace');
    await streams.setCommitted('asked', second, [{ partition: 1, offset: 9, metadata: 'b' }], 'replace');
    let requests = 0;
    for (const proxy of proxies) {
      proxy.hold(request => {
        if (request.readInt16BE(4) === offsetFetch) requests += 1;
        return false;
      });
    }
    const asked = await Promise.all([first, second, first].map(topic => streams.committed('asked', topic)));
    for (const proxy of proxies) proxy.heal();
    const [inFirst, inSecond] = [
      { partition: 4, offset: 7, metadata: 'a' },
      { partition: 1, offset: 9, metadata: 'b' },
    ];
    expect(asked).toEqual([[inFirst], [inSecond], [inFirst]]);
    expect(requests).toBe(1);
  });

  test('a member says that its group does not answer within seconds of the silence, and that it does again', limit, async () => {
    const topic = await makeTopic();
    const said: string[] = [];
    let wake = () => {};
    const say = (what: string) => {
      if (said.at(-1) !== what) said.push(what);
      wake();
    };
    const until = async (what: string) => {
      while (said.at(-1) !== what) await new Promise<void>(resolve => (wake = resolve));
    };
    const member = await streams.join({
      group: 'silent',
      topics: [topic],
      onAssigned() {},
      onRevoked() {},
      onLost() {},
      onAway: error => say(error instanceof FaasError ? error.code : String(error)),
      onBack: () => say('back'),
    });
    try {
      await until('back');
      for (const proxy of proxies) proxy.blackhole();
      const silentAtMs = performance.now();
      await until('FAAS_KAFKA_UNREACHABLE');
      expect(performance.now() - silentAtMs).toBeLessThan(10_000);
      for (const proxy of proxies) proxy.heal();
      await until('back');
    } finally {
      for (const proxy of proxies) proxy.heal();
      await member.leave();
    }
  });

  async function makeTopic(count = partitions): Promise<string> {
    topics += 1;
    const topic = `broken-${topics}`;
    await streams.ensureTopic(topic, { partitions: count });
    return topic;
  }

  async function append(topic: string, ids: readonly string[]): Promise<readonly number[]> {
    return streams.append(
      topic,
      ids.map(id => {
        const key = Buffer.from(id);
        return { partition: partitionOf(key, id, partitions), key, value: key, headers: [] };
      }),
    );
  }

  async function appendAll(topic: string, ids: readonly string[]): Promise<void> {
    const calls: Promise<readonly number[]>[] = [];
    for (let from = 0; from < ids.length; from += 20) calls.push(append(topic, ids.slice(from, from + 20)));
    await Promise.all(calls);
  }

  async function missing(topic: string, count: number, ids: readonly string[]): Promise<number> {
    const found = new Set<string>();
    for (let partition = 0; partition < count; partition += 1) {
      const { records } = await streams.read(topic, partition, 0, { records: 5_000, bytes: 2 ** 22 });
      for (const { value } of records) found.add(Buffer.from(value ?? []).toString());
    }
    return ids.filter(id => !found.has(id)).length;
  }

  /** What is not in the partition of its key. */
  async function lost(topic: string, ids: readonly string[]): Promise<readonly string[]> {
    const found = new Set<string>();
    for (let partition = 0; partition < partitions; partition += 1) {
      for (let offset = 0; ; ) {
        const { records, nextOffset } = await streams.read(topic, partition, offset, { records: 5_000, bytes: 2 ** 22 });
        for (const { key } of records) {
          const id = Buffer.from(key ?? []).toString();
          if (partitionOf(key, id, partitions) === partition) found.add(id);
        }
        if (nextOffset === offset) break;
        offset = nextOffset;
      }
    }
    return ids.filter(id => !found.has(id));
  }
});

const kafkaWithTls: NeededService = {
  name: kafkaService.name,
  commands: [...kafkaService.commands, ...certificateService.commands],
  howToGet: `${kafkaService.howToGet}; ${certificateService.howToGet}`,
};

describeWith(kafkaWithTls, 'brokers that want TLS, a certificate of ours and a password', () => {
  let kafka: KafkaCluster;
  let certificates: Certificates;
  beforeAll(async () => {
    certificates = await makeCertificates();
    const settings = {
      'listener.name.client.ssl.client.auth': 'required',
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.location': certificates.files.ca,
    };
    kafka = await startKafka({ security: 'sasl-tls', settings });
  }, 300_000);
  afterAll(async () => {
    await kafka?.stop();
    await certificates?.remove();
  });

  const tls = () => ({ ca: readFileSync(kafka.certificateFile, 'utf8'), ...certificates.client });

  test.each([
    ['none', () => ({})],
    ['a foreign one', () => certificates.stranger],
  ])('who shows %s is not let in', async (_, shown) => {
    const ca = readFileSync(kafka.certificateFile, 'utf8');
    const refused = openStreams(kafka.bootstrap, { tls: { ca, ...shown() }, sasl: { mechanism: 'plain', ...saslUsers.plain } });
    await expect(refused).rejects.toMatchObject({ code: 'FAAS_KAFKA_UNREACHABLE' });
  });

  test.each([
    ['plain', saslUsers.plain],
    ['scram-sha-256', saslUsers.scram],
    ['scram-sha-512', saslUsers.scram],
  ] as const)('%s: the right password is let in, a wrong one is told which settings to look at', async (mechanism, user) => {
    const streams = await openStreams(kafka.bootstrap, { tls: tls(), sasl: { mechanism, ...user } });
    await streams.ensureTopic(mechanism, { partitions: 1 });
    expect(await streams.append(mechanism, [{ partition: 0, key: null, value: null, headers: [] }])).toEqual([0]);
    await streams.close();
    const wrong = openStreams(kafka.bootstrap, { tls: tls(), sasl: { mechanism, ...user, password: 'not-it' } });
    await expect(wrong).rejects.toMatchObject({ code: 'FAAS_KAFKA_AUTH', hint: expect.stringContaining('FAAS_KAFKA_PASSWORD') });
    await expect(wrong).rejects.not.toMatchObject({ message: expect.stringContaining('not-it') });
  });

  test('a certificate that nobody trusts, and no TLS at all, are told apart from a broker that is away', async () => {
    const sasl = { mechanism: 'plain', ...saslUsers.plain } as const;
    await expect(openStreams(kafka.bootstrap, { tls: {}, sasl })).rejects.toMatchObject({
      code: 'FAAS_KAFKA_UNREACHABLE',
      message: expect.stringContaining('self-signed certificate'),
    });
    await expect(openStreams(kafka.bootstrap)).rejects.toMatchObject({ code: 'FAAS_KAFKA_UNREACHABLE' });
  });
});

describeWith(kafkaService, 'a broker that permits little', () => {
  let kafka: KafkaCluster;
  beforeAll(async () => {
    kafka = await startKafka({
      security: 'sasl',
      settings: {
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': `User:ANONYMOUS;User:${saslUsers.plain.username}`,
      },
    });
  }, 300_000);
  afterAll(() => kafka?.stop());

  test('what is not permitted is refused at once, and named', async () => {
    const owner = await openStreams(kafka.bootstrap, { sasl: { mechanism: 'plain', ...saslUsers.plain } });
    const guest = await openStreams(kafka.bootstrap, { sasl: { mechanism: 'scram-sha-256', ...saslUsers.scram } });
    await owner.ensureTopic('private', { partitions: 1 });
    const refused = { code: 'FAAS_KAFKA_FORBIDDEN', message: expect.stringContaining('private') };
    const join = { topics: ['private'], onAssigned() {}, onRevoked() {}, onLost() {} };
    await expect(guest.append('private', [{ partition: 0, key: null, value: null, headers: [] }])).rejects.toMatchObject(refused);
    await expect(guest.read('private', 0, 0, { records: 1, bytes: 1 })).rejects.toMatchObject(refused);
    await expect(guest.ensureTopic('private', { partitions: 1 })).rejects.toMatchObject(refused);
    await expect(guest.join({ ...join, group: 'private-group' })).rejects.toMatchObject(refused);
    await Promise.all([owner.close(), guest.close()]);
  });
});
