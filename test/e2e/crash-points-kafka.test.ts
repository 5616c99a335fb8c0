import { afterAll, beforeAll, expect, test } from 'vitest';
import { type KafkaCluster, startKafka } from '../services/kafka/kafka-cluster.ts';
import { kafkaAndRedis } from '../services/kafka-and-redis.ts';
import { describeWith } from '../services/needed-service.ts';
import { startRedis } from '../services/redis.ts';
import { crashAtEach, hits, pointsOfLoad } from './crash-run.ts';
import { patienceMs, ServerProcess } from './server-process.ts';

describeWith(
  kafkaAndRedis,
  'on Kafka and Redis, a server that dies at a fault point, and again after its restart, has exact counts in the end',
  () => {
    let kafka: KafkaCluster;
    beforeAll(async () => {
      kafka = await startKafka();
    }, 300_000);
    afterAll(() => kafka?.stop());

    test.concurrent.each(pointsOfLoad.map((at, index) => [at, index] as const))(
      `%s, hits ${hits.join(', ')}`,
      { timeout: 3 * patienceMs },
      async (at, index) => {
        const redis = await startRedis();
        const server = await ServerProcess.create(`crash-${index}`);
        const env = { FAAS_STREAMS: `kafka://${kafka.bootstrap.join(',')}`, FAAS_STATE: redis.url, FAAS_KAFKA_SESSION: '1s' };
        try {
          expect(await crashAtEach(server, at, env), server.output).toEqual([]);
        } finally {
          await server.dispose();
          await redis.stop();
        }
      },
    );
  },
);
