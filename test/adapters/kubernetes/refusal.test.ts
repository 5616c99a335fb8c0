import { expect, test } from 'vitest';
import { expectOk, type KubernetesApi } from '../../../controller/adapters/kubernetes/kubernetes-api.ts';
import { listWatch } from '../../../controller/adapters/kubernetes/list-watch.ts';
import type { Log, LogFields } from '../../../controller/telemetry/log.ts';
import { silentLog } from '../../../controller/telemetry/log.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const forbidden = (verb: string) => ({
  ...{ kind: 'Status', reason: 'Forbidden', code: 403 },
  message: `pods is forbidden: User "system:serviceaccount:faas:server" cannot ${verb} resource "pods" in API group "" in the namespace "shop"`,
});
const emptyList = { status: 200, body: { metadata: { resourceVersion: '1' }, items: [] } };

async function* one(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}

/** What a follower and the log are told when an API server answers a list, and a watch, like this. */
async function toldOf(path: string, list: { status: number; body: unknown }, watch: { status: number; text: string }) {
  const api: KubernetesApi = {
    ...{ server: 'https://cluster', namespace: 'faas', close() {} },
    send: async () => list,
    follow: async () => ({ status: watch.status, pieces: one(watch.text) }),
  };
  const [clock, stop] = [new VirtualClock(), new AbortController()];
  const troubles: unknown[] = [];
  const logged: (LogFields | undefined)[] = [];
  const log: Log = { ...silentLog, warn: (_, fields) => logged.push(fields) };
  const over = listWatch(
    { api, clock, random: seededRandom(1), log, path, onChanges() {}, onTrouble: one => troubles.push(one) },
    stop.signal,
  );
  await clock.advance(10);
  stop.abort();
  await clock.advance(10_000);
  await over;
  return { trouble: troubles.at(-1), logged: logged[0] };
}

test.each([
  ['/api/v1/namespaces/shop/pods', 'list pods --namespace shop'],
  ['/apis/apps/v1/deployments', 'list deployments.apps --all-namespaces'],
  ['/apis/apps/v1/namespaces/shop/deployments', 'list deployments.apps --namespace shop'],
])('a list of %s that is forbidden says what the API server says, and how to see that it is granted', async (path, words) => {
  const { trouble, logged } = await toldOf(path, { status: 403, body: forbidden('list') }, { status: 200, text: '' });
  expect(trouble).toMatchObject({ code: 'FAAS_KUBERNETES_REFUSED', hint: expect.stringContaining(`kubectl auth can-i ${words} --as`) });
  expect(String(trouble)).toContain(forbidden('list').message);
  expect(logged).toMatchObject({ path, error: String(trouble), hint: expect.stringContaining('kubectl auth can-i') });
});

test.each([
  [403, JSON.stringify(forbidden('watch')), '403 Forbidden: pods is forbidden', 'kubectl auth can-i watch pods --namespace shop'],
  [401, '{"reason":"Unauthorized","message":"Unauthorized"}', '401 Unauthorized: Unauthorized', 'the token of its service account'],
  [404, '404 page not found', '404: 404 page not found', 'kubectl api-resources'],
  [429, '{"reason":"TooManyRequests","message":"slow down"}', '429 TooManyRequests: slow down', ''],
])('a watch that is refused with %i says it as well', async (status, text, message, hint) => {
  const { trouble } = await toldOf('/api/v1/namespaces/shop/pods', emptyList, { status, text });
  expect(String(trouble)).toContain(message);
  const { hint: found = '' } = Object(trouble);
  expect(found).toContain(hint);
});

test('what the server does for itself is granted by the chart, and has nothing to do with triggers', () => {
  const refused = (): unknown => expectOk({ status: 403, body: forbidden('create') }, 'a new pod');
  expect(refused).toThrow(expect.objectContaining({ code: 'FAAS_KUBERNETES_REFUSED', hint: expect.stringContaining('helm/README.md') }));
  expect(refused).not.toThrow(expect.objectContaining({ hint: expect.stringContaining('triggers') }));
});
