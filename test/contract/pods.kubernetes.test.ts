import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type KubernetesApi, openKubernetesApi } from '../../controller/adapters/kubernetes/kubernetes-api.ts';
import { createKubernetesPods } from '../../controller/adapters/kubernetes/kubernetes-pods.ts';
import type { PodTemplate } from '../../controller/adapters/kubernetes/pod-manifest.ts';
import { systemClock } from '../../controller/clock.ts';
import { functionStatus } from '../../controller/operator/resource-status.ts';
import type { ClusterObject } from '../../controller/ports/objects.ts';
import type { PodExit, Pods } from '../../controller/ports/pods.ts';
import { systemRandom } from '../../controller/random.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { batchEvent, batchOf, startPod } from '../pod/pod-fixture.ts';
import { kubernetesService, nodePrograms } from '../services/kubernetes/programs.ts';
import { openTestCluster, type TestCluster } from '../services/kubernetes/test-cluster.ts';
import { describeWith } from '../services/needed-service.ts';
import { podsContract } from './pods.ts';

const buildMs = 30 * 60_000;
const namespace = 'pods-contract';

describeWith(kubernetesService, 'pods of a cluster', () => {
  let cluster: TestCluster;
  let api: KubernetesApi;
  let servers = 0;
  beforeAll(async () => {
    await nodePrograms();
    cluster = await openTestCluster();
    api = await openKubernetesApi({ kubeconfigFile: cluster.kubeconfig });
    await cluster.kubectl('create', 'namespace', namespace);
    await cluster.kubectl('label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted');
  }, buildMs);
  afterAll(async () => {
    api?.close();
    await cluster?.stop();
  }, 60_000);

  /** Of a server of its own, so that nobody takes over what others have left. */
  const create = async (change: Partial<PodTemplate> = {}): Promise<Pods> => {
    servers += 1;
    return createKubernetesPods({
      api,
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      secret: 'of the test',
      template: {
        ...{ namespace, image: cluster.image, serviceAccount: 'default', server: `server-${servers}`, cpu: '10m' },
        ...{ graceMs: 10_000, orphanMs: 5_000, owner: undefined, imagePullPolicy: 'IfNotPresent', fields: {} },
        ...change,
      },
    });
  };
  podsContract({ name: 'a cluster', create, processes: false });

  describe('what a cluster does to pods', { timeout: 90_000 }, () => {
    const spec = { memoryBytes: 2 ** 28, callbackUrl: 'http://127.0.0.1:9' };
    const open: Pods[] = [];
    const start = async (change?: Parameters<typeof create>[0]) => {
      const pods = await create(change);
      open.push(pods);
      return pods;
    };
    afterEach(() => Promise.all(open.splice(0).map(pods => pods.close())));

    test.each([
      ['an image that nobody has', { image: 'faas.test/nothing:1' }, /^(ErrImagePull|ImagePullBackOff)$/],
      ['more processor than any node has', { cpu: '4000' }, /^Unschedulable$/],
    ])('%s: the start waits, and says for what', async (_, change, reason) => {
      const pods = await start(change);
      const starting = pods.start(spec).catch(error => error.code);
      await expect.poll(() => pods.waiting(), { timeout: 60_000 }).toMatchObject([{ reason: expect.stringMatching(reason) }]);
      await pods.close();
      expect(await starting).toBe('FAAS_PODS_CLOSED');
    });

    test('a quota that is full: the start is refused, and says so', async () => {
      await cluster.kubectl('create', 'namespace', 'full');
      await cluster.kubectl('create', 'quota', 'none', '-n', 'full', '--hard=pods=0');
      const pods = await start({ namespace: 'full' });
      await expect.poll(() => pods.start(spec).catch(error => error.code), { timeout: 30_000 }).toBe('FAAS_POD_QUOTA');
    });

    test('P8 an eviction is told of at once, what runs is answered, and the exit is an orderly one', async () => {
      const { pods, pod, load, run, client } = await startPod(await start());
      const told: unknown[] = [];
      pods.onLeaving(leaving => told.push(leaving));
      const exit = new Promise<PodExit>(resolve => pods.onExit(resolve));
      await load('export default async () => { await new Promise(done => setTimeout(done, 1_000)); }');
      const running = run(batchOf([batchEvent(0)]));
      while ((await client.status(pod))?.eventsInFlight !== 1) await new Promise(resolve => setImmediate(resolve));
      const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: pod.id, namespace } };
      const path = `/api/v1/namespaces/${namespace}/pods/${pod.id}/eviction`;
      expect((await api.send({ method: 'POST', path, body })).status).toBe(201);
      expect((await running).outcomes.get(0)).toMatchObject({ kind: 'ok' });
      expect(await exit).toMatchObject({ id: pod.id, reason: 'stopped', code: 0 });
      expect(told).toEqual([{ id: pod.id, why: 'told' }]);
      await client.close();
    });

    test('P3, P8 out of memory: the pod is lost at once, and its exit says why', async () => {
      const { pods, pod, load, run, client } = await startPod(await start());
      const told: unknown[] = [];
      pods.onLeaving(leaving => told.push(leaving));
      const exit = new Promise<PodExit>(resolve => pods.onExit(resolve));
      await load('export default () => { Buffer.alloc(2 ** 31, 1); }', { timeoutMs: 60_000 });
      const { end } = await run(batchOf([batchEvent(0)]));
      const { reason, signal, detail } = await exit;
      expect([end.kind, reason, signal, detail, told]).toEqual([
        'lost',
        'memory',
        'SIGKILL',
        expect.stringContaining('OOMKilled'),
        [{ id: pod.id, why: 'lost' }],
      ]);
      await client.close();
    });

    test('labels say of which function it is', async () => {
      const pods = await start();
      const { id } = await pods.start(spec);
      pods.mark(id, { unit: 'shop.totals', revision: 'r7-abc' });
      // As the status of a Function tells whoever scales it.
      const { selector } = functionStatus(ofFunction('shop.totals'), undefined, {
        verdict: { generation: 1, problem: undefined },
        fencing: 1,
        nowMs: 1,
      });
      const query = ['get', 'pod', '-n', namespace, '-l', String(selector), '-o', 'name'];
      await expect.poll(() => cluster.kubectl(...query), { timeout: 10_000 }).toBe(`pod/${id}`);
    });
  });
});

function ofFunction(name: string): ClusterObject {
  return { metadata: { name, uid: 'u', resourceVersion: '1' } };
}
