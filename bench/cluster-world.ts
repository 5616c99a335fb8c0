import { clusterAndStores, startClusterAndStores } from '../test/services/kubernetes/cluster-and-stores.ts';
import type { TestCluster } from '../test/services/kubernetes/test-cluster.ts';
import { requireService } from './row.ts';

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
  requireService(clusterAndStores);
  const world = await openClusterWorld();
  try {
    return await work(world);
  } finally {
    await world.stop();
  }
}

async function openClusterWorld(): Promise<ClusterWorld> {
  const { cluster, kafka, redisUrl, stop } = await startClusterAndStores();
  return {
    cluster,
    stores: { streams: `kafka://${kafka.bootstrap.join(',')}`, state: redisUrl },
    pods: {
      pods: 'kubernetes',
      'admin-host': cluster.hostAddress,
      'kubernetes-kubeconfig': cluster.kubeconfig,
      'kubernetes-image': cluster.image,
      'kubernetes-namespace': 'default',
      'kubernetes-server': 'bench',
    },
    stop,
  };
}
