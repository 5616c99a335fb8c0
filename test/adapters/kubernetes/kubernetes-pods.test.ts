import { expect, test } from 'vitest';
import type { KubernetesApi } from '../../../controller/adapters/kubernetes/kubernetes-api.ts';
import { createKubernetesPods } from '../../../controller/adapters/kubernetes/kubernetes-pods.ts';
import { silentLog } from '../../../controller/telemetry/log.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

/** An API server that takes every pod and has no node for it. */
interface FullCluster extends KubernetesApi {
  readonly pods: Set<string>;
  isAway: boolean;
}

function fullCluster(left: readonly string[] = []): FullCluster {
  const pods = new Set(left);
  return {
    pods,
    isAway: false,
    server: 'https://cluster',
    namespace: 'faas',
    async send({ method, path, body }) {
      if (this.isAway) throw new Error('connect ECONNREFUSED');
      if (method === 'POST') pods.add(Object(body).metadata.name);
      if (method === 'DELETE') pods.delete(path.split('/').at(-1) ?? '');
      const items = [...pods].map(name => ({ metadata: { name, uid: name, resourceVersion: '1' } }));
      return { status: 200, body: method === 'GET' ? { metadata: { resourceVersion: '1' }, items } : {} };
    },
    follow: (_path, _silentMs, signal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true })),
    close() {},
  };
}

function openPods(api: KubernetesApi, clock: VirtualClock) {
  return createKubernetesPods({
    ...{ api, clock, random: seededRandom(1), log: silentLog, secret: 'secret' },
    template: {
      ...{ namespace: 'faas', image: 'faas', serviceAccount: 'default', server: 'server', cpu: '10m' },
      ...{ imagePullPolicy: 'IfNotPresent', fields: {}, graceMs: 10_000, orphanMs: 60_000, owner: undefined },
    },
  });
}

test.each([
  ['no time', undefined, 300_000],
  ['a short time', 30_000, 30_000],
  ['more than a start may take at all', 900_000, 300_000],
])('a pod that no node can hold, given %s: given up after that, and deleted', async (_, startMs, expectedMs) => {
  const [clock, api] = [new VirtualClock(), fullCluster()];
  const pods = openPods(api, clock);
  const startedAtMs = clock.now();
  let ended: unknown;
  const spec = { memoryBytes: 2 ** 28, callbackUrl: 'http://127.0.0.1:9', ...(startMs !== undefined && { startMs }) };
  const start = pods.start(spec).catch(error => {
    ended = [error.code, clock.now() - startedAtMs];
  });
  await clock.advance(1_000);
  expect(api.pods.size).toBe(1);
  await clock.advance(expectedMs);
  await start;
  expect(ended).toEqual(['FAAS_POD_START', expectedMs]);
  expect(api.pods.size).toBe(0);
  await pods.close();
});

test.each([
  ['at once: they are asked for, and ended because they do not run', 0],
  ['within the time for it: the same', 20_000],
  ['only after the server has gone on without them: they are ended when they are seen', 60_000],
])('P7 pods of an earlier server that are found %s', async (_, awayMs) => {
  const [clock, api] = [new VirtualClock(), fullCluster(['faas-pod-one', 'faas-pod-two'])];
  api.isAway = awayMs > 0;
  const pods = openPods(api, clock);
  let adopted: unknown;
  const adoption = pods.adopt('http://127.0.0.1:9').then(found => {
    adopted = found;
  });
  await clock.advance(awayMs);
  api.isAway = false;
  await clock.advance(10_000);
  await adoption;
  expect(adopted).toEqual([]);
  expect([...api.pods]).toEqual([]);
  await pods.close();
});
