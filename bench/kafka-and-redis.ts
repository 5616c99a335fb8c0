import { type KafkaCluster, startKafka } from '../test/services/kafka/kafka-cluster.ts';
import { kafkaAndRedis } from '../test/services/kafka-and-redis.ts';
import { startRedis } from '../test/services/redis.ts';
import { requireService } from './row.ts';

/** One broker and one Redis of their own; `settings` for {@link startFaas}. */
export async function withKafkaAndRedis<Result>(
  work: (settings: Readonly<Record<string, string>>, kafka: KafkaCluster, redisPort: number) => Promise<Result>,
): Promise<Result> {
  requireService(kafkaAndRedis);
  const [kafka, redis] = await Promise.all([startKafka(), startRedis()]);
  try {
    return await work({ streams: `kafka://${kafka.bootstrap.join(',')}`, state: redis.url }, kafka, redis.port);
  } finally {
    await Promise.all([kafka.stop(), redis.stop()]);
  }
}
