import { afterEach, beforeEach, expect, test } from 'vitest';
import { createKubernetesPods } from '../../controller/adapters/kubernetes/kubernetes-pods.ts';
import { systemClock } from '../../controller/clock.ts';
import { createPodCallbacks } from '../../controller/gateway/pod-callbacks.ts';
import type { Pods } from '../../controller/ports/pods.ts';
import { systemRandom } from '../../controller/random.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { noMetrics } from '../../controller/telemetry/metrics.ts';
import { podClaims, signed, signingCluster, signingKey } from '../adapters/kubernetes/signing-cluster.ts';
import { processPods } from '../pod/pod-fixture.ts';
import { startAdmin } from './start-admin.ts';

/** Nothing listens there. */
const ip = '127.0.0.2';
const path = '/internal/v1/announce';
let pods: Pods;
let token: string;
let bootId: string;
let admin: Awaited<ReturnType<typeof startAdmin>>;

/** A pod starts in a cluster that has no node for it, and what it has to say when it listens is known. */
beforeEach(async () => {
  const key = await signingKey('one', 'ES256');
  const api = signingCluster([key]);
  pods = createKubernetesPods({
    ...{ api, clock: systemClock, random: systemRandom, log: silentLog, secret: 'secret' },
    template: {
      ...{ namespace: 'faas', image: 'faas', serviceAccount: 'functions', server: 'server', cpu: '10m' },
      ...{ imagePullPolicy: 'IfNotPresent', fields: {}, graceMs: 10_000, orphanMs: 60_000, owner: undefined },
    },
  });
  void pods.start({ memoryBytes: 2 ** 28, callbackUrl: 'http://127.0.0.1:9' }).catch(() => undefined);
  const pod = api.latest();
  bootId = pod.bootId;
  token = await signed(key, podClaims(pod.name, systemClock.now()));
  admin = await startAdmin({ podCallbacks: callbacksOf(pods) });
});
afterEach(async () => {
  await admin.close();
  await pods.close();
});

function callbacksOf(pods: Pods) {
  const none = async (): Promise<never> => {
    throw new Error('nothing runs');
  };
  return createPodCallbacks({ state: { read: none }, calls: { call: none }, tokens: admin?.tokens, pods, metrics: noMetrics });
}

async function announce(body: unknown, headers: Record<string, string> = {}, url = admin.url): Promise<readonly [number, unknown]> {
  const answer = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  return [answer.status, text === '' ? undefined : JSON.parse(text).code];
}

test('taken once, without a body', async () => {
  await expect.poll(() => announce({ bootId, ip })).toEqual([204, undefined]);
  expect(await announce({ bootId, ip })).toEqual([404, 'FAAS_POD_UNEXPECTED']);
});

test.each<[string, () => unknown, Record<string, string>, number, string]>([
  ['the admin token', () => ({ bootId, ip }), { authorization: 'Bearer of the admin' }, 401, 'FAAS_POD_IDENTITY'],
  ['no token', () => ({ bootId, ip }), { authorization: '' }, 401, 'FAAS_POD_IDENTITY'],
  ['another boot id', () => ({ bootId: 'another', ip }), {}, 404, 'FAAS_POD_UNEXPECTED'],
  ['no boot id', () => ({ ip }), {}, 400, 'FAAS_API_REQUEST'],
  ['no address', () => ({ bootId }), {}, 400, 'FAAS_API_REQUEST'],
  ['the name of a host', () => ({ bootId, ip: 'example.com' }), {}, 400, 'FAAS_API_REQUEST'],
  ['an address with a port', () => ({ bootId, ip: '10.0.0.1:80' }), {}, 400, 'FAAS_API_REQUEST'],
  ['an address in brackets', () => ({ bootId, ip: '[::1]' }), {}, 400, 'FAAS_API_REQUEST'],
  ['more than it is', () => ({ bootId, ip, more: 'x'.repeat(1_024) }), {}, 413, 'FAAS_API_BODY_TOO_LARGE'],
  ['a page of another origin', () => ({ bootId, ip }), { origin: 'http://example.com' }, 403, 'FAAS_API_ORIGIN'],
])('refused with %s', async (_, body, headers, status, code) => {
  expect(await announce(body(), headers)).toEqual([status, code]);
});

test('where pods are processes, nobody waits for an announcement', async () => {
  const children = processPods();
  const other = await startAdmin({ podCallbacks: callbacksOf(children) });
  expect(await announce({ bootId, ip }, {}, other.url)).toEqual([404, 'FAAS_POD_UNEXPECTED']);
  await other.close();
  await children.close();
});
