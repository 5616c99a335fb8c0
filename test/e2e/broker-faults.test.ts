import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { kafkaAndRedis } from '../services/kafka-and-redis.ts';
import { describeWith } from '../services/needed-service.ts';
import { FaultWorld, produces } from './faults/fault-world.ts';
import { runs } from './faults/runs.ts';
import { exact } from './faults/verdict.ts';
import { eventually } from './shop-run.ts';

const limit = { timeout: 240_000 };
const faults = runs(2);

async function times(happens: () => Promise<void>): Promise<void> {
  for (let run = 0; run < faults; run += 1) await happens();
}

describeWith(kafkaAndRedis, 'a bank on three brokers and Redis', () => {
  let world: FaultWorld;
  beforeAll(async () => {
    world = await FaultWorld.create({ brokers: 3 });
  }, 300_000);
  afterAll(() => world?.stop());

  test('each of three brokers is killed under load', limit, async () => {
    const load = world.load();
    await times(async () => {
      for (const broker of world.kafka.brokers) {
        await sleep(500);
        await broker.kill();
        await sleep(4_000);
        await broker.start();
        await sleep(1_500);
      }
    });
    const verdict = await world.verdict(`each of three brokers killed for 4 s, ${faults} times`, load);
    expect(verdict, world.server.output).toMatchObject({ ...exact, attemptsCounted: 0 });
  });

  test('the coordinator of the group is killed', limit, async () => {
    const load = world.load();
    await times(async () => {
      await sleep(1_000);
      const coordinator = await world.coordinatorOf('faas.bank.ledger');
      await coordinator.kill();
      await sleep(4_000);
      await coordinator.start();
      await sleep(1_500);
    });
    const verdict = await world.verdict(`the coordinator killed for 4 s, ${faults} times`, load);
    expect(verdict, world.server.output).toMatchObject({ ...exact, attemptsCounted: 0 });
  });

  test('too few replicas in sync: said so, and what waits arrives once when there are enough', limit, async () => {
    const wanted = (replicas: string) => {
      const configEntries = [{ name: 'min.insync.replicas', value: replicas }];
      return world.admin.alterConfigs({ validateOnly: false, resources: [{ type: 2, name: 'bank.int.entries', configEntries }] });
    };
    await wanted('3');
    const [broker] = world.kafka.brokers;
    await broker?.kill();
    const load = world.load();
    await eventually(async () => (await world.conditions()).get('TooFewReplicas')?.includes('min.insync.replicas') === true);
    expect(await world.mustRun(['describe', 'bank.ledger'])).toMatch(/TooFewReplicas +yes/);
    await broker?.start();
    const verdict = await world.verdict('too few replicas in sync', load);
    expect(verdict, world.server.output).toMatchObject({ ...exact, attemptsCounted: 0 });
    await eventually(async () => !(await world.conditions()).has('TooFewReplicas'));
    await wanted('2');
  });

  test(
    'replies to produce requests are lost, for longer than an append is tried: 503 with Retry-After, and never a false 2xx',
    limit,
    async () => {
      const load = world.load();
      await times(async () => {
        await sleep(500);
        for (const proxy of world.kafkaProxies) proxy.swallowReply(produces, { times: Number.POSITIVE_INFINITY });
        await sleep(17_000);
        for (const proxy of world.kafkaProxies) proxy.heal();
        await sleep(500);
      });
      const verdict = await world.verdict(`replies to all produce requests lost for 17 s, ${faults} times`, load);
      expect(verdict, world.server.output).toMatchObject({ ...exact, attemptsCounted: 0 });
      expect(load.refusals.webhooks.get('503 with Retry-After')).toBeGreaterThan(0);
      expect([...load.refusals.webhooks.keys()]).toEqual(['503 with Retry-After']);
    },
  );
});
