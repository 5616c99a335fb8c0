import { expect, test } from 'vitest';
import type { KubernetesApi } from '../../../controller/adapters/kubernetes/kubernetes-api.ts';
import { createKubernetesPods } from '../../../controller/adapters/kubernetes/kubernetes-pods.ts';
import { paths } from '../../../controller/api/paths.ts';
import { silentLog } from '../../../controller/telemetry/log.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { podClaims, signed, signingCluster, signingKey } from './signing-cluster.ts';

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
      ...{ namespace: 'faas', image: 'faas', serviceAccount: 'functions', server: 'server', cpu: '10m' },
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

/** Nothing listens there. */
const ip = '127.0.0.2';

test('P9 an announcement is taken of a pod that starts, with its own token, and once', async () => {
  const key = await signingKey('one', 'ES256');
  const [clock, api] = [new VirtualClock(), signingCluster([key])];
  const pods = openPods(api, clock);
  const spec = { memoryBytes: 2 ** 28, callbackUrl: 'http://127.0.0.1:9', startMs: 30_000 };
  void pods.start(spec).catch(() => undefined);
  const first = api.latest();
  const given = pods.start(spec).catch(error => error.code);
  const second = api.latest();
  const token = (pod: string) => signed(key, podClaims(pod, clock.now()));
  const [ofFirst, ofSecond] = [await token(first.name), await token(second.name)];
  await expect.poll(() => pods.announced?.(ofFirst, { bootId: first.bootId, ip })).toBe('taken');
  const answers = [
    await pods.announced?.(ofFirst, { bootId: first.bootId, ip }),
    await pods.announced?.(ofFirst, { bootId: second.bootId, ip }),
    await pods.announced?.(ofSecond, { bootId: `${second.bootId.slice(0, 12)}00000000000000000000`, ip }),
    await pods.announced?.(ofSecond, { bootId: '', ip }),
  ];
  expect(answers).toEqual(['unexpected', 'refused', 'unexpected', 'unexpected']);
  await clock.advance(30_000);
  expect(await given).toBe('FAAS_POD_START');
  expect(await pods.announced?.(ofSecond, { bootId: second.bootId, ip })).toBe('unexpected');
  await pods.close();
});

test('a pod that shall announce itself has a token for us alone, and is told where; without the keys of the cluster the next one has none', async () => {
  const [clock, api] = [new VirtualClock(), signingCluster([])];
  api.keysAnswer = { status: 403, body: {} };
  const pods = openPods(api, clock);
  const start = () => void pods.start({ memoryBytes: 2 ** 28, callbackUrl: 'http://[fd00::1]:7070' }).catch(() => undefined);
  start();
  const identity = { serviceAccountToken: { audience: 'faas.internal', expirationSeconds: 3_600, path: 'token' } };
  expect(api.latest().spec).toMatchObject({
    automountServiceAccountToken: false,
    volumes: [{ name: 'tmp' }, { name: 'identity', projected: { sources: [identity] } }],
    containers: [
      {
        env: expect.arrayContaining([
          { name: 'FAAS_POD_ANNOUNCE_URL', value: `http://[fd00::1]:7070${paths.internalAnnounce}` },
          { name: 'FAAS_POD_IDENTITY_FILE', value: '/var/run/faas-identity/token' },
          { name: 'FAAS_POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
        ]),
        volumeMounts: [{ name: 'tmp' }, { name: 'identity', mountPath: '/var/run/faas-identity', readOnly: true }],
      },
    ],
  });
  await clock.advance(1_000);
  await expect
    .poll(() => {
      start();
      return api.latest().spec;
    })
    .toMatchObject({ volumes: [{ name: 'tmp' }], containers: [{ volumeMounts: [{ name: 'tmp' }] }] });
  expect(JSON.stringify(api.latest().spec)).not.toMatch(/ANNOUNCE|IDENTITY/);
  await pods.close();
});
