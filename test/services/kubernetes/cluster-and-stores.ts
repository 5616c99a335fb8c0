import { type KafkaCluster, startKafka } from '../kafka/kafka-cluster.ts';
import { kafkaAndRedis } from '../kafka-and-redis.ts';
import { allOf } from '../needed-service.ts';
import { type RedisServer, startRedis } from '../redis.ts';
import { kubernetesService, nodePrograms } from './programs.ts';
import { openTestCluster, type TestCluster } from './test-cluster.ts';

export const clusterAndStores = allOf(kubernetesService, kafkaAndRedis);

/** A cluster of one node with our image, and a Kafka and a Redis that its pods reach. */
export interface ClusterAndStores {
  readonly cluster: TestCluster;
  readonly kafka: KafkaCluster;
  readonly redis: RedisServer;
  /** Its address for whoever is in the cluster. */
  readonly redisUrl: string;
  stop(): Promise<void>;
}

/** The programs of the cluster may have to be built first, which takes minutes. */
export async function startClusterAndStores(): Promise<ClusterAndStores> {
  await nodePrograms();
  const cluster = await openTestCluster();
  const host = cluster.hostAddress;
  const [kafka, redis] = await Promise.all([startKafka({ host }), startRedis({ bind: `127.0.0.1 ${host}`, 'protected-mode': 'no' })]);
  return {
    ...{ cluster, kafka, redis, redisUrl: `redis://${host}:${redis.port}` },
    stop: async () => {
      await Promise.all([cluster.stop(), kafka.stop(), redis.stop()]);
    },
  };
}
