import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  type Admin,
  Kafka,
  logLevel,
  Partitioners,
  ResourcePatternTypes,
} from 'kafkajs';
import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from 'vitest';
import { saslUsers } from '../services/kafka/broker-properties.ts';
import { type KafkaCluster, startKafka } from '../services/kafka/kafka-cluster.ts';
import { kafkaAndRedis } from '../services/kafka-and-redis.ts';
import { describeWith } from '../services/needed-service.ts';
import { type RedisServer, startRedis } from '../services/redis.ts';
import { freePort } from '../services/service-process.ts';
import { ServerProcess } from './server-process.ts';
import { eventually } from './shop-run.ts';

const limit = { timeout: 240_000 };
const { plain: owner, scram: guest } = saslUsers;
type Env = Readonly<Record<string, string>>;

describeWith(kafkaAndRedis, 'bad input on Kafka with rights and Redis', () => {
  let kafka: KafkaCluster;
  let redis: RedisServer;
  let server: ServerProcess;
  let client: Kafka;
  let admin: Admin;
  let sent = 0;

  beforeAll(async () => {
    [kafka, redis] = await Promise.all([
      startKafka({
        security: 'sasl',
        settings: {
          'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
          'super.users': `User:ANONYMOUS;User:${owner.username}`,
        },
      }),
      startRedis(),
    ]);
    client = new Kafka({ brokers: [...kafka.bootstrap], logLevel: logLevel.NOTHING, sasl: { mechanism: 'plain', ...owner } });
    admin = client.admin();
    await admin.connect();
    for (const prefix of ['faas.', 'bad-']) await allow(AclResourceTypes.TOPIC, prefix);
    await allow(AclResourceTypes.GROUP, 'faas.');
    await makeResults();
    server = await ServerProcess.create();
    await server.start(good());
    const { code, output } = await server.cli(['deploy', '-f', 'test/data/e2e-bad-input/faas.yaml']);
    expect(code, `${output}\n${server.output}`).toBe(0);
  }, 300_000);
  afterAll(async () => {
    await server?.dispose();
    await admin?.disconnect();
    await Promise.all([kafka?.stop(), redis?.stop()]);
  });

  beforeEach(() => onTestFailed(() => void process.stdout.write(server.output.slice(-4_000))));

  const good = (): Env => ({
    FAAS_STREAMS: `kafka://${kafka.bootstrap.join(',')}`,
    FAAS_KAFKA_SASL: 'scram-sha-256',
    FAAS_KAFKA_USERNAME: guest.username,
    FAAS_KAFKA_PASSWORD: guest.password,
    FAAS_KAFKA_SESSION: '2s',
    FAAS_STATE: redis.url,
  });

  test.each<[string, (env: Env) => Promise<Env>, string, RegExp]>([
    [
      'a broker that is not there',
      async () => ({ FAAS_STREAMS: `kafka://127.0.0.1:${await freePort()}` }),
      'FAAS_KAFKA_UNREACHABLE',
      /streams/,
    ],
    ['a wrong password of Kafka', async () => ({ FAAS_KAFKA_PASSWORD: 'wrong-secret' }), 'FAAS_KAFKA_AUTH', /FAAS_KAFKA_PASSWORD/],
    ['a Redis that is not there', async () => ({ FAAS_STATE: `redis://127.0.0.1:${await freePort()}` }), 'FAAS_STORE_UNREACHABLE', /state/],
  ])('%s: the server does not start, and names the setting', limit, async (_, wrong, code, setting) => {
    const refused = await ServerProcess.create();
    try {
      await refused.start({ ...good(), ...(await wrong(good())) });
      expect(await refused.ended(0), refused.output).toMatch(/exit code [12]/);
      expect(refused.output).toContain(code);
      expect(refused.output).toMatch(setting);
      expect(refused.output).not.toContain('wrong-secret');
    } finally {
      await refused.dispose();
    }
  });

  test.each<[string, (store: RedisServer) => Promise<unknown>, string, RegExp]>([
    ['without append-only file', store => store.admin.config('SET', 'appendonly', 'no'), 'FAAS_REDIS_UNSAFE', /appendonly yes/],
    [
      'with data of another version',
      store => store.admin.set('faas:{registry}:layout', '99'),
      'FAAS_DATA_NEWER',
      /layout 99.*setting state/s,
    ],
  ])('a Redis %s: the server does not start, and says what to do', limit, async (_, spoil, code, advice) => {
    const store = await startRedis();
    const refused = await ServerProcess.create();
    try {
      await spoil(store);
      await refused.start({ ...good(), FAAS_STATE: store.url });
      expect(await refused.ended(0), refused.output).toMatch(/exit code [12]/);
      expect(refused.output).toContain(code);
      expect(refused.output).toMatch(advice);
    } finally {
      await refused.dispose();
      await store.stop();
    }
  });

  test('a topic without permission: said so, others go on, and it heals by itself', limit, async () => {
    await handles('closed', 'bad-secret');
    const denied = acl(AclResourceTypes.TOPIC, 'bad-secret', ResourcePatternTypes.LITERAL, AclPermissionTypes.DENY);
    await admin.createAcls({ acl: [denied] });
    await shows('closed', 'NotAuthorised', /bad-secret.*ACL/s);
    await handles('open', 'bad-orders');
    await admin.deleteAcls({ filters: [{ ...denied, permissionType: AclPermissionTypes.DENY }] });
    await handles('closed', 'bad-secret');
    await isOver('closed', 'NotAuthorised');
  });

  test('an emit over the limit of its topic fails its event before anything of it is committed', limit, async () => {
    const [small, large] = [await send('bad-orders', { emitBytes: 10 }), await send('bad-orders', { emitBytes: 100_000 })];
    await eventually(async () => (await idsOf('open')).includes(small));
    await eventually(async () =>
      (await server.cli(['dlq', 'list', 'bad.open', '--where', 'code=FAAS_EMIT_TOO_LARGE'])).output.includes('too-large'),
    );
    await handles('open', 'bad-orders', { emitBytes: 10 });
    expect(await idsOf('open')).not.toContain(large);
    expect(await condition('open', 'StoreRefused')).toBeUndefined();
  });

  test('a topic that is emitted to is deleted: said so, state goes on, and what waits arrives when it is there again', limit, async () => {
    await admin.deleteTopics({ topics: ['bad-results'] });
    const waiting = await send('bad-orders', { emitBytes: 10 });
    await shows('open', 'TopicMissing', /bad-results/);
    await handles('open', 'bad-orders');
    await makeResults();
    await isOver('open', 'TopicMissing');
    expect(await idsOf('open')).toContain(waiting);
    await eventually(async () => (await admin.fetchTopicOffsets('bad-results'))[0]?.high === '1');
  });

  test('a topic that is read is deleted: said so, and it is read when it is there again', limit, async () => {
    await admin.deleteTopics({ topics: ['bad-secret'] });
    await shows('closed', 'TopicMissing', /bad-secret/);
    await admin.createTopics({ topics: [{ topic: 'bad-secret', numPartitions: 1 }], waitForLeaders: false });
    await isOver('closed', 'TopicMissing');
    await handles('closed', 'bad-secret');
  });

  test('a Redis that loses its append-only file: nothing is handled on it, and it heals by itself', limit, async () => {
    await redis.admin.config('SET', 'appendonly', 'no');
    await redis.admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    const waiting = await send('bad-orders');
    // What is deployed is in that Redis too: the answer of any command is why.
    await eventually(async () => (await server.cli(['describe', 'bad.open'])).output.includes('no append-only file'));
    await redis.admin.config('SET', 'appendonly', 'yes');
    await eventually(async () => (await idsOf('open')).includes(waiting));
    await isOver('open', 'StoreRefused');
    await isOver('open', 'StateUnreachable');
  });

  function acl(
    resourceType: AclResourceTypes,
    resourceName: string,
    resourcePatternType: ResourcePatternTypes,
    permissionType: AclPermissionTypes,
  ) {
    return {
      resourceType,
      resourceName,
      resourcePatternType,
      principal: `User:${guest.username}`,
      host: '*',
      operation: AclOperationTypes.ALL,
      permissionType,
    };
  }

  function allow(type: AclResourceTypes, prefix: string): Promise<boolean> {
    return admin.createAcls({ acl: [acl(type, prefix, ResourcePatternTypes.PREFIXED, AclPermissionTypes.ALLOW)] });
  }

  async function makeResults(): Promise<void> {
    const configEntries = [{ name: 'max.message.bytes', value: '4000' }];
    await admin.createTopics({ topics: [{ topic: 'bad-results', numPartitions: 1, configEntries }], waitForLeaders: false });
  }

  /** Answers its id. */
  async function send(topic: string, more: Readonly<Record<string, number>> = {}): Promise<string> {
    sent += 1;
    const id = `order-${sent}`;
    const producer = client.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    await producer.send({ topic, messages: [{ key: 'k', value: JSON.stringify({ id, ...more }) }] });
    await producer.disconnect();
    return id;
  }

  async function handles(name: string, topic: string, more: Readonly<Record<string, number>> = {}): Promise<void> {
    const id = await send(topic, more);
    await eventually(async () => (await idsOf(name)).includes(id));
  }

  async function idsOf(name: string): Promise<readonly string[]> {
    const { entries } = await server.ask<{ entries: { value: { ids: string[] } }[] }>(`/functions/bad/${name}/state?limit=100`);
    return entries.flatMap(({ value }) => value.ids);
  }

  /** Why it holds; undefined: it does not. */
  async function condition(name: string, type: string): Promise<string | undefined> {
    const { conditions } = await server.ask<{ conditions: { type: string; status: boolean; message: string }[] }>(`/functions/bad/${name}`);
    return conditions.find(one => one.type === type && one.status)?.message;
  }

  /** In `faas describe` too. */
  async function shows(name: string, type: string, message: RegExp): Promise<void> {
    await eventually(async () => (await condition(name, type)) !== undefined);
    expect(await condition(name, type)).toMatch(message);
    expect((await server.cli(['describe', `bad.${name}`])).output).toMatch(new RegExp(`${type} +yes`));
  }

  async function isOver(name: string, type: string): Promise<void> {
    await eventually(async () => (await condition(name, type)) === undefined);
  }
});
