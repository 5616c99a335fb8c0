import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { leaseMs } from '../../controller/lease/lease-holder.ts';
import { type KafkaCluster, startKafka } from '../services/kafka/kafka-cluster.ts';
import { kafkaAndRedis } from '../services/kafka-and-redis.ts';
import { type ApiServer, apiServerService, startApiServer } from '../services/kubernetes/api-server.ts';
import { describeWith } from '../services/needed-service.ts';
import { type RedisServer, startRedis } from '../services/redis.ts';
import { ServerProcess } from './server-process.ts';
import { check, deploy, eventually, nothing, send } from './shop-run.ts';

const needed = { ...kafkaAndRedis, commands: [...kafkaAndRedis.commands, ...apiServerService.commands] };

describeWith(needed, 'two servers of which a Lease says who leads', () => {
  let kafka: KafkaCluster;
  let redis: RedisServer;
  let cluster: ApiServer;

  beforeAll(async () => {
    [kafka, redis, cluster] = await Promise.all([startKafka(), startRedis(), startApiServer()]);
  }, 900_000);
  afterAll(() => Promise.all([kafka?.stop(), redis?.stop(), cluster?.stop()]));

  const lease = (path: string) => cluster.kubectl('get', 'lease', 'faas-controller', '-o', `jsonpath={${path}}`);
  const transitions = async () => Number(await lease('.spec.leaseTransitions'));

  test('the leader is stopped for longer than its lease, then the API server is away: schedules fire once each', {
    timeout: 240_000,
  }, async () => {
    const servers = [await ServerProcess.create(), await ServerProcess.create()];
    const [a, b] = servers;
    if (a === undefined || b === undefined) return;
    const env = {
      ...{ FAAS_STREAMS: `kafka://${kafka.bootstrap.join(',')}`, FAAS_STATE: redis.url, FAAS_KAFKA_SESSION: '3s' },
      ...{ FAAS_LEADERSHIP: 'lease', FAAS_KUBERNETES_KUBECONFIG: cluster.kubeconfig },
    };
    try {
      await a.start(env);
      await eventually(async () => (await transitions()) === 1);
      await b.start(env);
      await deploy(a);
      const first = { webhooks: 24, calls: 8 };
      await send(b, nothing, first);
      const { pid = -1 } = (await a.address()) ?? {};
      process.kill(pid, 'SIGSTOP');
      await sleep(leaseMs);
      await eventually(async () => (await transitions()) === 2);
      await sleep(2_000);
      process.kill(pid, 'SIGCONT');
      const second = { webhooks: 48, calls: 16 };
      await send(b, first, second);
      await cluster.kill();
      await sleep(2 * leaseMs);
      const third = { webhooks: 72, calls: 24 };
      await send(b, second, third);
      await cluster.restart();
      expect(await check(b, third), `${a.output}\n${b.output}`).toEqual([]);
      process.stdout.write(`lease: ${await transitions()} terms, schedules exact\n`);
    } finally {
      await Promise.all(servers.map(server => server.dispose()));
    }
  });
});
