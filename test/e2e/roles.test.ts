import { afterAll, beforeAll, expect, test } from 'vitest';
import { kafkaAndRedis } from '../services/kafka-and-redis.ts';
import { describeWith } from '../services/needed-service.ts';
import { FaultWorld } from './faults/fault-world.ts';
import { exact } from './faults/verdict.ts';
import { ServerProcess } from './server-process.ts';

const limit = { timeout: 240_000 };
const secret = { FAAS_CLUSTER_SECRET: 'a-secret-of-this-test-alone' };

describeWith(kafkaAndRedis, 'a controller, two dispatchers and a gateway', () => {
  let world: FaultWorld;
  let dispatchers: readonly ServerProcess[] = [];
  let gateway: ServerProcess | undefined;

  beforeAll(async () => {
    world = await FaultWorld.create({
      env: { ...secret, FAAS_ROLES: 'controller' },
      others: async env => {
        dispatchers = [await ServerProcess.create(), await ServerProcess.create()];
        gateway = await ServerProcess.create();
        await Promise.all([
          ...dispatchers.map(one => one.start({ ...env, FAAS_ROLES: 'dispatcher' })),
          gateway.start({ ...env, FAAS_ROLES: 'gateway' }),
        ]);
        return gateway;
      },
    });
  }, 300_000);
  afterAll(async () => {
    await Promise.all([...dispatchers, gateway].map(one => one?.dispose()));
    await world?.stop();
  });

  test('records, webhooks and calls go through all of them', limit, async () => {
    const load = world.load();
    await new Promise(resolve => setTimeout(resolve, 5_000));
    expect(await world.verdict('together', load)).toMatchObject(exact);
  });
});
