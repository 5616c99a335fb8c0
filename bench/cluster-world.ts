import { startKafka } from '../test/services/kafka/kafka-cluster.ts';
import { kafkaAndRedis } from '../test/services/kafka-and-redis.ts';
import { kubernetesService, nodePrograms } from '../test/services/kubernetes/programs.ts';
import { openTestCluster, type TestCluster } from '../test/services/kubernetes/test-cluster.ts';
import { allOf, isOnPath } from '../test/services/needed-service.ts';
import { startRedis } from '../test/services/redis.ts';
import { PeerMissing } from './row.ts';

/** A cluster of one node with our image, and a Kafka and a Redis that its pods reach. */
export interface ClusterWorld {
  readonly cluster: TestCluster;
  /** For servers beside the cluster, as {@link startFaas} takes them: streams and state. */
  readonly stores: Readonly<Record<string, string>>;
  /** Besides those, for servers whose pods are in the cluster. */
  readonly pods: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export async function withClusterWorld<Result>(work: (world: ClusterWorld) => Promise<Result>): Promise<Result> {
  const needed = allOf(kubernetesService, kafkaAndRedis);
  const missing = needed.commands.filter(command => !isOnPath(command));
  if (missing.length > 0) throw new PeerMissing(`${needed.name} need ${missing.join(', ')} on the PATH: ${needed.howToGet}`);
  const world = await openClusterWorld();
  try {
    return await work(world);
  } finally {
    await world.stop();
  }
}

async function openClusterWorld(): Promise<ClusterWorld> {
  await nodePrograms();
  const cluster = await openTestCluster();
  const host = cluster.hostAddress;
  const [kafka, redis] = await Promise.all([startKafka({ host }), startRedis({ bind: `127.0.0.1 ${host}`, 'protected-mode': 'no' })]);
  return {
    cluster,
    stores: { streams: `kafka://${kafka.bootstrap.join(',')}`, state: `redis://${host}:${redis.port}` },
    pods: {
      pods: 'kubernetes',
      'admin-host': host,
      'kubernetes-kubeconfig': cluster.kubeconfig,
      'kubernetes-image': cluster.image,
      'kubernetes-namespace': 'default',
      'kubernetes-server': 'bench',
    },
    async stop() {
      await Promise.all([cluster.stop(), kafka.stop(), redis.stop()]);
    },
  };
}
