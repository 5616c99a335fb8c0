import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { helmService } from '../../services/helm.ts';
import { allOf, describeWith } from '../../services/needed-service.ts';
import { isUnderWay, RollingLoad, totalOf, verdictOf } from '../rolling-load.ts';
import { eventually } from '../shop-run.ts';
import { ChartRelease, type ReleaseEndpoint } from './chart-release.ts';
import { ClusterWorld, clusterWorldNeeds, openMsMax } from './cluster-world.ts';
import { knowingRoles, type Rule, type StartUp, verbsGranted, verbsOf } from './used-verbs.ts';

const limit = { timeout: 600_000 };
const parts = ['controller', 'dispatcher', 'gateway'] as const;
/** Of what is sent in the time of a fault so much is handled in it. */
const eventsGoOn = 0.95;
/** Eight senders of webhooks and eight of calls have one request open each, shared by two gateways. */
const openAtGatewayMax = 16;

/** From a resource that cannot work to its condition. */
const saidWithinMs = 30_000;
const goodHello = 'export default event => ({ hello: event.data.name });';
const waysNotToStart: readonly (readonly [way: string, inline: string, code: string])[] = [
  ['a syntax error', 'export default (', 'FAAS_LOAD_SYNTAX'],
  ['no handler', 'export const other = 1;', 'FAAS_LOAD_EXPORT'],
  ['throws while it is imported', 'throw new Error("no"); export default 1;', 'FAAS_LOAD_IMPORT'],
  ['ends its process while it is imported', 'process.exit(3); export default 1;', 'FAAS_LOAD_IMPORT'],
  ['never gets imported', 'await new Promise(() => setInterval(() => {}, 1000)); export default () => 1;', 'FAAS_LOAD_TIMEOUT'],
  ['throws in init', 'export const init = () => { throw new Error("no"); }; export default () => 1;', 'FAAS_LOAD_INIT'],
  ['takes all memory', 'Buffer.alloc(2 ** 31, 1); export default () => 1;', 'FAAS_LOAD_LOST'],
];

function hello(inline: string): object {
  const triggers = [{ webhook: { path: '/hello', verify: 'none', respond: 'result' } }];
  return { apiVersion: 'faas.internal/v1', kind: 'Function', metadata: { name: 'ops.hello' }, spec: { code: { inline }, triggers } };
}

/** Status and body of the answer. */
async function greet(endpoint: ReleaseEndpoint): Promise<string> {
  const { gatewayUrl } = await endpoint.address();
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${gatewayUrl}/hooks/ops/hello`, { method: 'POST', headers, body: JSON.stringify({ name: 'world' }) });
  return `${answer.status} ${await answer.text()}`;
}

/** In their order: the release that the first one installs is that of all others, and the last one takes it away. */
describeWith(allOf(clusterWorldNeeds, helmService), 'the chart on a real cluster', () => {
  let world: ClusterWorld;
  let release: ChartRelease;
  let endpoint: ReleaseEndpoint;
  let isInstalled = false;
  let startUp: StartUp = { fromMs: 0, toMs: 0 };
  beforeAll(async () => {
    world = await ClusterWorld.open();
    release = new ChartRelease(world, 'faas-system');
    await release.prepare();
  }, openMsMax);
  afterAll(async () => {
    await endpoint?.stop();
    await world?.close();
  }, 60_000);

  /** Lets `happen` happen when a load is under way, and `forMs` pass; `share`: what was handled in that time of what was sent in it. */
  const underLoad = async (name: string, forMs: number, happen: () => Promise<void>) => {
    const load = new RollingLoad(name, [endpoint], world.kafka.bootstrap);
    await load.start();
    await eventually(() => isUnderWay(endpoint, name));
    await sleep(3_000);
    const before = { handled: await totalOf(endpoint, name), sent: load.sent };
    await happen();
    await sleep(forMs);
    const after = { sent: load.sent, handled: await totalOf(endpoint, name) };
    const share = (after.handled - before.handled) / (after.sent - before.sent);
    const figures = await load.end();
    const { wrong } = await verdictOf(endpoint, figures);
    const rate = (((after.handled - before.handled) / forMs) * 1_000).toFixed(0);
    console.log(
      `chart: ${name}: ${rate} events/s, ${(100 * share).toFixed(1)} % of what was sent in ${forMs / 1_000} s; sent ${JSON.stringify(figures.sent)}, failed ${figures.failures.length} (${figures.failures[0] ?? ''}), wrong ${wrong.length}`,
    );
    expect(wrong, [...wrong, await release.logs()].join('\n')).toEqual([]);
    return { share, figures };
  };

  const noneFailed = async (failures: readonly string[]) =>
    expect(failures, failures.length === 0 ? '' : [...failures, await release.logs()].join('\n')).toEqual([]);

  const failed = async (error: unknown) => {
    throw new Error(`${error}\n${await release.logs()}\n${await release.kubectl('get', 'pods', '-A', '-o', 'wide')}`);
  };

  test(
    'installed on an empty cluster: a function is deployed, an event goes in, its effect comes out, and helm test is green',
    limit,
    async () => {
      const startedMs = performance.now();
      const notes = await release.install().catch(failed);
      const installedMs = performance.now() - startedMs;
      expect(notes).toContain('faas context add faas --server http://127.0.0.1:7070 --token -');
      isInstalled = true;
      endpoint = await release.endpoint();
      endpoint.follow();
      const deployed = await endpoint.cli(['deploy', '-f', 'test/data/e2e-rolling/faas.yaml']);
      expect(deployed.code, `${deployed.output}\n${await release.logs()}`).toBe(0);
      const load = new RollingLoad('first', [endpoint], world.kafka.bootstrap);
      await load.start();
      await eventually(() => isUnderWay(endpoint, 'first'));
      const figures = await load.end();
      const { wrong } = await verdictOf(endpoint, figures);
      console.log(
        `chart: installed in ${(installedMs / 1_000).toFixed(1)} s; sent ${JSON.stringify(figures.sent)}, failed ${figures.failures.length}, wrong ${wrong.length}`,
      );
      expect([wrong, figures.failures]).toEqual([[], []]);
      expect(await release.helm('test', 'faas', '--timeout', '120s').catch(failed)).toContain('Phase:          Succeeded');
    },
  );

  test('what is deployed is a resource as well, and what is applied is deployed', limit, async ({ skip }) => {
    skip(!isInstalled, 'it could not be installed');
    const ns = release.namespace;
    expect(await release.kubectl('get', 'functions', '-n', ns)).toMatch(/^NAME +READY +REPLICAS +[\s\S]*^roll\.keep +True/m);
    await release.apply({
      apiVersion: 'faas.internal/v1',
      kind: 'Context',
      metadata: { name: 'ops' },
      spec: { owner: 'team-ops' },
    });
    await release.apply(hello(goodHello));
    await eventually(async () => (await greet(endpoint)) === '200 {"hello":"world"}').catch(failed);
  });

  test('seven ways not to start: the old revision keeps all traffic, and the resource says why within 30 s', limit, async ({ skip }) => {
    skip(!isInstalled, 'it could not be installed');
    const failures: string[] = [];
    const stop = new AbortController();
    const calling = (async () => {
      while (!stop.signal.aborted) {
        const answer = await greet(endpoint).catch(String);
        if (answer !== '200 {"hello":"world"}') failures.push(answer);
        await sleep(20);
      }
    })();
    try {
      for (const [way, inline, code] of waysNotToStart) {
        await release.apply(hello(inline));
        const tookMs = await release.becomes('ops.hello', 'Progressing', `False ${code}`).catch(failed);
        console.log(`chart: ${way}: ${code} after ${(tookMs / 1_000).toFixed(1)} s`);
        expect(tookMs).toBeLessThan(saidWithinMs);
      }
      await release.apply(hello(goodHello));
      await release.becomes('ops.hello', 'Progressing', 'True Deployed').catch(failed);
    } finally {
      stop.abort();
      await calling;
    }
    expect(failures).toEqual([]);
  });

  test.for(parts)('kill -9 of a %s under load: events go on, nothing is lost or doubled', limit, async (part, { skip }) => {
    skip(!isInstalled, 'it could not be installed');
    const name = `kill-${part}`;
    const { share, figures } = await underLoad(name, 30_000, async () => {
      const [victim] = await release.podsOf(part);
      await release.kill(victim?.name ?? '');
    });
    expect(share).toBeGreaterThan(eventsGoOn);
    // What is open at a gateway ends with it; nobody's call depends on one controller or dispatcher.
    if (part === 'gateway') expect(figures.failures.length, figures.failures.join('\n')).toBeLessThanOrEqual(openAtGatewayMax);
    else await noneFailed(figures.failures);
    await eventually(async () => (await release.podsOf(part)).length === 2).catch(failed);
  });

  test('an upgrade under load replaces every server: nothing is lost or doubled, no call fails', limit, async ({ skip }) => {
    skip(!isInstalled, 'it could not be installed');
    const load = new RollingLoad('upgrade', [endpoint], world.kafka.bootstrap);
    await load.start();
    await eventually(() => isUnderWay(endpoint, 'upgrade'));
    load.measure();
    const names = async () => (await Promise.all(parts.map(part => release.podsOf(part)))).map(pods => pods.map(({ name }) => name));
    const before = await names();
    const startedMs = performance.now();
    await release.upgrade('settings.FAAS_LOG_LEVEL=debug').catch(failed);
    const tookMs = performance.now() - startedMs;
    await sleep(2_000);
    const figures = await load.end();
    const { wrong, latestMs } = await verdictOf(endpoint, figures);
    const after = await names();
    console.log(
      `chart: upgraded in ${(tookMs / 1_000).toFixed(1)} s; sent ${JSON.stringify(figures.sent)}, failed ${figures.failures.length} (${figures.failures[0] ?? ''}), wrong ${wrong.length}, latest event ${(latestMs / 1_000).toFixed(1)} s`,
    );
    expect(after.map(pods => pods.length)).toEqual([2, 2, 2]);
    expect(after.flat().filter(name => before.flat().includes(name))).toEqual([]);
    expect([wrong, figures.failures], [...wrong, ...figures.failures, await release.logs()].join('\n')).toEqual([[], []]);
  });

  test('the API server is gone for 60 s: events go on, no pod is given up, nothing is lost, no call fails', limit, async ({ skip }) => {
    skip(!isInstalled, 'it could not be installed');
    const { node } = world.cluster;
    if (node === undefined) return skip('the cluster is somebody else’s');
    const apiServer = node.program('kube-apiserver');
    const ofFunction = async () =>
      (await release.kubectl('get', 'pods', '-n', release.namespace, '-l', 'faas.internal/function=keep', '-o', 'name')).split('\n');
    let before: readonly string[] = [];
    const { share, figures } = await underLoad('api-server', 60_000, async () => {
      before = await ofFunction();
      await apiServer.kill();
    }).finally(async () => {
      const fromMs = Date.now();
      apiServer.start();
      await apiServer.until(async () => (await release.kubectl('get', '--raw', '/readyz')) === 'ok');
      startUp = { fromMs, toMs: Date.now() };
    });
    // What stands behind the API server asks it ever more seldom while it is gone, and finds it again a minute later unless it is started anew. By then the function,
    // which has nothing to do any more, would be scaled down.
    for (const name of ['kube-controller-manager', 'kube-scheduler', 'kubelet']) {
      await node.program(name).kill();
      node.program(name).start();
    }
    await eventually(async () => (await release.podsOf('dispatcher')).length === 2).catch(failed);
    const after = await ofFunction();
    const givenUp = before.filter(name => !after.includes(name));
    expect(givenUp, givenUp.length === 0 ? '' : await release.logs()).toEqual([]);
    expect(share).toBeGreaterThan(eventsGoOn);
    await noneFailed(figures.failures);
  });

  test('no more was granted than was used, and nothing refused', limit, async ({ skip }) => {
    skip(!isInstalled, 'it could not be installed');
    const { node } = world.cluster;
    if (node === undefined) return skip('the cluster is somebody else’s');
    const deleted = await endpoint.cli(['delete', 'ops', '--yes']);
    expect(deleted.code, deleted.output).toBe(0);
    const events = knowingRoles(await node.auditLog(), startUp);
    for (const part of parts) {
      const account = `faas-${part}`;
      const { items }: { items: readonly { metadata: { name: string }; rules: readonly Rule[] }[] } = JSON.parse(
        await release.kubectl('get', 'roles', '-n', release.namespace, '-o', 'json'),
      );
      const granted = verbsGranted(items.find(({ metadata }) => metadata.name === account)?.rules ?? []);
      const { used, refused } = verbsOf(events, release.namespace, account);
      console.log(`chart: ${account} may ${granted.length} things, used ${used.length}, was refused ${refused.length}`);
      expect({ refused, used }).toEqual({ refused: [], used: granted });
    }
  });

  test('uninstalled: nothing stays but definitions and data', limit, async ({ skip }) => {
    skip(!isInstalled, 'it could not be installed');
    await endpoint.stop();
    await release.helm('uninstall', 'faas', '--wait', '--timeout', '180s').catch(failed);
    const ns = release.namespace;
    const kinds =
      'pods,deployments,statefulsets,services,configmaps,roles,rolebindings,serviceaccounts,ingresses,networkpolicies,poddisruptionbudgets,jobs,leases,persistentvolumeclaims,endpointslices,replicasets';
    await eventually(async () => {
      const left = (await release.kubectl('get', kinds, '-n', ns, '-o', 'name')).split('\n').filter(name => name !== '');
      // Every namespace has these two.
      const own = left.filter(name => name !== 'configmap/kube-root-ca.crt' && name !== 'serviceaccount/default');
      if (own.length > 0) throw new Error(`left: ${own.join(', ')}`);
      return true;
    });
    const ofCluster = await release.kubectl(
      'get',
      'clusterroles,clusterrolebindings',
      '-l',
      'app.kubernetes.io/instance=faas',
      '-o',
      'name',
    );
    expect(ofCluster).toBe('');
    expect(await release.kubectl('get', 'crd', '-o', 'name')).toContain('functions.faas.internal');
  });
});
