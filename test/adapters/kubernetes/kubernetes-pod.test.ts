import { createServer, type Server } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { KubernetesPod } from '../../../controller/adapters/kubernetes/kubernetes-pod.ts';
import { podPort } from '../../../controller/adapters/kubernetes/pod-manifest.ts';
import type { PodState } from '../../../controller/adapters/kubernetes/pod-state.ts';
import { type Clock, systemClock } from '../../../controller/clock.ts';
import type { PodExit } from '../../../controller/ports/pods.ts';
import { silentLog } from '../../../controller/telemetry/log.ts';

const here = '127.0.0.1';
/** Nothing listens there. */
const elsewhere = '127.0.0.2';
const callbackUrl = 'http://127.0.0.1:9';
const told: PodState = { ip: undefined, isRunning: false, isLeaving: false, trouble: undefined, exit: undefined };
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** What answers as a pod does to which somebody attaches, at the port of every pod; how often. */
async function listen(host: string): Promise<{ attached: number }> {
  const seen = { attached: 0 };
  const server = createServer((request, response) => {
    if (request.url !== '/v1/attach') return response.writeHead(404).end();
    seen.attached += 1;
    return response.writeHead(200).write('{"kind":"alive"}\n');
  });
  servers.push(server);
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(podPort, host, resolve));
  return seen;
}

/** `knocked`: the pod could not be reached at the address that is known. */
function starting(knocked = () => {}) {
  const sleep: Clock['sleep'] = (...time) => {
    knocked();
    return systemClock.sleep(...time);
  };
  const exits: PodExit[] = [];
  const pod = new KubernetesPod('faas-pod-one', 'boot', 'token', {
    ...{ clock: { ...systemClock, sleep }, log: silentLog, leaving() {}, output() {} },
    exit: exit => exits.push(exit),
  });
  return { pod, exits, started: pod.starting(callbackUrl, 30_000) };
}

test('a pod that says where it is, is attached to before the cluster knows', async () => {
  await listen(here);
  const { pod, started } = starting();
  pod.seen(told);
  pod.announced(here);
  expect(await started).toMatchObject({ bootId: 'boot', address: `http://${here}:${podPort}` });
  pod.forget();
});

test('an address of IPv6 is written in brackets', async context => {
  await listen('::1').catch(() => context.skip('this machine has no IPv6'));
  const { pod, started } = starting();
  pod.announced('::1');
  expect(await started).toMatchObject({ address: `http://[::1]:${podPort}` });
  pod.forget();
});

test('what the cluster says later moves nobody who is attached, and its word of an exit counts', async () => {
  const seen = await listen(here);
  const { pod, exits, started } = starting();
  pod.announced(here);
  await started;
  pod.seen({ ...told, ip: elsewhere, isRunning: true });
  expect([pod.info?.address, seen.attached, exits]).toEqual([`http://${here}:${podPort}`, 1, []]);
  pod.seen({ ...told, ip: elsewhere, exit: { reason: 'memory', code: null, signal: 'SIGKILL' } });
  expect(exits).toMatchObject([{ id: 'faas-pod-one', reason: 'memory' }]);
});

test('where nothing is at the announced address, the one that the cluster says is taken', async () => {
  await listen(here);
  const { pod, started } = starting(() => pod.seen({ ...told, ip: here, isRunning: true }));
  pod.announced(elsewhere);
  expect(await started).toMatchObject({ address: `http://${here}:${podPort}` });
  pod.forget();
});

test('an announcement is awaited by a pod that starts, of its own boot id, and once', async () => {
  await listen(here);
  const { pod, started } = starting();
  expect([pod.awaits('boot'), pod.awaits('another')]).toEqual([true, false]);
  pod.announced(here);
  expect(pod.awaits('boot')).toBe(false);
  await started;
  pod.forget();
});

test.each<[string, (pod: KubernetesPod) => void]>([
  ['has been reached without one', pod => pod.seen({ ...told, ip: here, isRunning: true })],
  ['was given up', pod => pod.forget()],
])('no announcement is awaited of a pod that %s', async (_, happen) => {
  await listen(here);
  const { pod, started } = starting();
  happen(pod);
  await started.catch(() => undefined);
  expect(pod.awaits('boot')).toBe(false);
  pod.forget();
});
