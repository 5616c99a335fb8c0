import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { expectOk, type KubernetesApi, openKubernetesApi } from '../../controller/adapters/kubernetes/kubernetes-api.ts';
import { isRecord } from '../../controller/adapters/kubernetes/kubernetes-object.ts';
import { createKubernetesPods } from '../../controller/adapters/kubernetes/kubernetes-pods.ts';
import type { PodTemplate } from '../../controller/adapters/kubernetes/pod-manifest.ts';
import { systemClock } from '../../controller/clock.ts';
import { functionStatus } from '../../controller/operator/resource-status.ts';
import type { ClusterObject } from '../../controller/ports/objects.ts';
import type { PodExit, Pods } from '../../controller/ports/pods.ts';
import { systemRandom } from '../../controller/random.ts';
import { type Log, silentLog } from '../../controller/telemetry/log.ts';
import { batchEvent, batchOf, startPod } from '../pod/pod-fixture.ts';
import { hiddenAddresses } from '../services/kubernetes/hidden-addresses.ts';
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
  const create = async (
    change: Partial<PodTemplate> = {},
    way: { readonly api?: KubernetesApi; readonly log?: Log } = {},
  ): Promise<Pods> => {
    servers += 1;
    return createKubernetesPods({
      api,
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      ...way,
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
    const listening: Server[] = [];
    const start = async (...how: Parameters<typeof create>) => {
      const pods = await create(...how);
      open.push(pods);
      return pods;
    };
    afterEach(async () => {
      await Promise.all(open.splice(0).map(pods => pods.close()));
      for (const server of listening.splice(0)) server.close();
    });

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

    /** What pods say to a server at which they can be heard, and what they are answered. */
    const hear = async (pods: Pods) => {
      const heard: { readonly token: string; readonly answer: unknown }[] = [];
      const server = createServer((request, response) => {
        request.on('data', async body => {
          const token = request.headers.authorization?.slice('Bearer '.length) ?? '';
          const answer = await pods.announced?.(token, JSON.parse(body));
          heard.push({ token, answer });
          response.writeHead(answer === 'taken' ? 204 : 401).end();
        });
      });
      await new Promise<void>(resolve => server.listen(0, cluster.hostAddress, resolve));
      listening.push(server);
      return { heard, callbackUrl: `http://${cluster.hostAddress}:${(server.address() as AddressInfo).port}` };
    };

    /** Whether somebody believes the token: the API server itself, or who is its only audience. */
    const isBelieved = async (token: string, audiences: readonly string[]): Promise<unknown> => {
      const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences } };
      const answer = await api.send({ method: 'POST', path: '/apis/authentication.k8s.io/v1/tokenreviews', body: review });
      const body = expectOk(answer, 'a review');
      return isRecord(body) && isRecord(body.status) && body.status.authenticated === true;
    };

    test('P9 a pod says itself where it is: reached although the API server never tells, by a token that opens nothing there', async () => {
      const pods = await start({}, { api: hiddenAddresses(api) });
      const { heard, callbackUrl } = await hear(pods);
      const { bootId } = await pods.start({ ...spec, callbackUrl, startMs: 60_000 });
      expect(heard.map(({ answer }) => answer)).toEqual(['taken']);
      const { token = '' } = heard[0] ?? {};
      expect([await isBelieved(token, []), await isBelieved(token, ['faas.internal'])]).toEqual([false, true]);
      expect(await pods.announced?.(token, { bootId, ip: '127.0.0.2' })).toBe('unexpected');
    });

    test('P9 where the keys of the cluster cannot be read, no pod is believed, and the start goes on as before', async () => {
      const refusing: KubernetesApi = {
        ...{ server: api.server, namespace: api.namespace, close() {} },
        send: async request => (request.path.startsWith('/openid') ? { status: 403, body: {} } : api.send(request)),
        follow: (...request) => api.follow(...request),
      };
      const warnings: string[] = [];
      const pods = await start({}, { api: refusing, log: { ...silentLog, warn: message => warnings.push(message) } });
      const { heard, callbackUrl } = await hear(pods);
      for (let i = 0; i < 2; i += 1) await pods.start({ ...spec, callbackUrl });
      expect(heard.filter(({ answer }) => answer === 'taken')).toEqual([]);
      expect(warnings).toEqual([expect.stringContaining('the keys that verify their announcements cannot be read')]);
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
