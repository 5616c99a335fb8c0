import { expect, test } from 'vitest';
import type { KubernetesApi } from '../../../controller/adapters/kubernetes/kubernetes-api.ts';
import { createKubernetesPods } from '../../../controller/adapters/kubernetes/kubernetes-pods.ts';
import { silentLog } from '../../../controller/telemetry/log.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

/** An API server that takes every pod and has no node for it. */
function fullCluster(): KubernetesApi & { readonly pods: Set<string> } {
  const pods = new Set<string>();
  return {
    pods,
    server: 'https://cluster',
    namespace: 'faas',
    async send({ method, path, body }) {
      if (method === 'POST') pods.add(Object(body).metadata.name);
      if (method === 'DELETE') pods.delete(path.split('/').at(-1) ?? '');
      return { status: 200, body: method === 'GET' ? { metadata: { resourceVersion: '1' }, items: [] } : {} };
    },
    follow: (_path, _silentMs, signal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true })),
    close() {},
  };
}

test.each([
  ['no time', undefined, 300_000],
  ['a short time', 30_000, 30_000],
  ['more than a start may take at all', 900_000, 300_000],
])('a pod that no node can hold, given %s: given up after that, and deleted', async (_, startMs, expectedMs) => {
  const [clock, api] = [new VirtualClock(), fullCluster()];
  const pods = createKubernetesPods({
    ...{ api, clock, random: seededRandom(1), log: silentLog, secret: 'secret' },
    template: {
      ...{ namespace: 'faas', image: 'faas', serviceAccount: 'default', server: 'server', cpu: '10m' },
      ...{ imagePullPolicy: 'IfNotPresent', fields: {}, graceMs: 10_000, orphanMs: 60_000, owner: undefined },
    },
  });
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
