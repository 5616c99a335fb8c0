import { afterAll, beforeAll, describe } from 'vitest';
import { kafkaAndRedis } from '../services/kafka-and-redis.ts';
import { describeWith } from '../services/needed-service.ts';
import { failureCases } from './faults/failure-cases.ts';
import { FaultWorld } from './faults/fault-world.ts';
import { memberCases } from './faults/member-cases.ts';
import { processCases } from './faults/process-cases.ts';

describeWith(kafkaAndRedis, 'a bank on Kafka and Redis', () => {
  let world: FaultWorld;
  beforeAll(async () => {
    world = await FaultWorld.create();
  }, 300_000);
  afterAll(() => world?.stop());

  describe('processes that are killed, 500 events a second', () => processCases(() => world));
  describe('servers that come and go', () => memberCases(() => world));
  describe('events that fail', () => failureCases(() => world));
});
