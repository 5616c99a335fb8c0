import { createHash } from 'node:crypto';
import { expectOk, type KubernetesApi, openKubernetesApi } from '../../../controller/adapters/kubernetes/kubernetes-api.ts';
import { isRecord, type KubernetesObject, readObject } from '../../../controller/adapters/kubernetes/kubernetes-object.ts';
import { labelSelector } from '../../../controller/adapters/kubernetes/pod-manifest.ts';
import { podState } from '../../../controller/adapters/kubernetes/pod-state.ts';
import type { KafkaCluster } from '../../services/kafka/kafka-cluster.ts';
import { type ClusterAndStores, clusterAndStores, startClusterAndStores } from '../../services/kubernetes/cluster-and-stores.ts';
import type { TestCluster } from '../../services/kubernetes/test-cluster.ts';
import type { RedisServer } from '../../services/redis.ts';
import { ServerProcess } from '../server-process.ts';
import { eventually } from '../shop-run.ts';

export const namespace = 'functions';

export const clusterWorldNeeds = clusterAndStores;
/** The programs of the cluster may have to be built first. */
export const openMsMax = 40 * 60_000;

/** A cluster, a Kafka and a Redis, and servers beside the cluster whose pods are in it. */
export class ClusterWorld {
  readonly cluster: TestCluster;
  readonly kafka: KafkaCluster;
  readonly redis: RedisServer;
  /** Its address for whoever is in the cluster. */
  readonly redisUrl: string;
  readonly api: KubernetesApi;
  readonly #services: ClusterAndStores;

  private constructor(services: ClusterAndStores, api: KubernetesApi) {
    this.cluster = services.cluster;
    this.kafka = services.kafka;
    this.redis = services.redis;
    this.redisUrl = services.redisUrl;
    this.api = api;
    this.#services = services;
  }

  static async open(): Promise<ClusterWorld> {
    const services = await startClusterAndStores();
    const { cluster } = services;
    const api = await openKubernetesApi({ kubeconfigFile: cluster.kubeconfig });
    await cluster.kubectl('create', 'namespace', namespace);
    await cluster.kubectl('label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted');
    await eventually(async () => (await cluster.kubectl('get', 'serviceaccount', 'default', '-n', namespace, '-o', 'name')) !== '');
    return new ClusterWorld(services, api);
  }

  async close(): Promise<void> {
    this.api.close();
    await this.#services.stop();
  }

  async withServer(work: (server: ServerProcess) => Promise<void>): Promise<void> {
    const server = await ServerProcess.create();
    try {
      await this.start(server);
      await work(server);
    } finally {
      await server.dispose();
      await eventually(async () => (await this.pods(server)).length === 0);
    }
  }

  /** `more`: settings beside those that all servers of this world have, or instead of them. */
  start(server: ServerProcess, more: Readonly<Record<string, string>> = {}): Promise<void> {
    return server.start({
      FAAS_STREAMS: `kafka://${this.kafka.bootstrap.join(',')}`,
      FAAS_KAFKA_SESSION: '3s',
      FAAS_STATE: this.redis.url,
      FAAS_PODS: 'kubernetes',
      FAAS_PODS_MAX: '24',
      FAAS_ADMIN_HOST: this.cluster.hostAddress,
      FAAS_KUBERNETES_KUBECONFIG: this.cluster.kubeconfig,
      FAAS_KUBERNETES_IMAGE: this.cluster.image,
      FAAS_KUBERNETES_NAMESPACE: namespace,
      FAAS_KUBERNETES_SERVER: nameOf(server),
      ...more,
    });
  }

  /** That the cluster has of this server, in the order of their creation; with what it says of each. */
  async pods(server: ServerProcess): Promise<readonly ClusterPod[]> {
    return this.podsOfServer(nameOf(server));
  }

  async podsOfServer(name: string): Promise<readonly ClusterPod[]> {
    return this.podsIn(namespace, labelSelector(name));
  }

  /** Asked again and again under load: a kubectl for each look would take a third of the machine. */
  async podsIn(where: string, selector: string): Promise<readonly ClusterPod[]> {
    const path = `/api/v1/namespaces/${where}/pods?labelSelector=${encodeURIComponent(selector)}`;
    const body = expectOk(await this.api.send({ method: 'GET', path }), `pods of ${selector}`);
    const items = isRecord(body) && Array.isArray(body.items) ? body.items : [];
    return items.flatMap(item => readObject(item) ?? []).map(object => ({ name: object.metadata.name, object, ...podState(object) }));
  }

  /** Of the function, as labels say, and not on their way out. */
  async podsOf(server: ServerProcess, name: string): Promise<readonly ClusterPod[]> {
    const all = await this.pods(server);
    return all.filter(pod => pod.object.metadata.labels?.['faas.internal/function'] === name && pod.isRunning && !pod.isLeaving);
  }

  async untilPodsOf(server: ServerProcess, name: string, count: number): Promise<readonly ClusterPod[]> {
    let found: readonly ClusterPod[] = [];
    await eventually(async () => {
      found = await this.podsOf(server, name);
      return found.length === count;
    }).catch(error => {
      throw new Error(`${count} pods of ${name} wanted, ${found.length} found: ${error}\n${server.output}`);
    });
    return found;
  }

  /** SIGTERM to the pod's process, as by somebody in the container. A pod without work ends at once, and what said so to it is killed with it. */
  async terminate(pod: string): Promise<void> {
    const script =
      'const fs=require("fs");for(const p of fs.readdirSync("/proc"))if(+p>0&&+p!==process.pid&&' +
      'fs.readFileSync("/proc/"+p+"/cmdline","utf8").includes("pod-alone"))process.kill(+p,"SIGTERM")';
    await this.cluster.kubectl('exec', '-n', namespace, pod, '--', 'node', '-e', script).catch(error => {
      if (!String(error).includes('exit code 137')) throw error;
    });
  }

  async evict(pod: string): Promise<void> {
    const path = `/api/v1/namespaces/${namespace}/pods/${pod}/eviction`;
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: pod, namespace } };
    expectOk(await this.api.send({ method: 'POST', path, body }), `eviction of ${pod}`);
  }
}

export interface ClusterPod extends ReturnType<typeof podState> {
  readonly name: string;
  readonly object: KubernetesObject;
}

function nameOf(server: ServerProcess): string {
  return `s${createHash('sha256').update(server.folder).digest('hex').slice(0, 12)}`;
}
