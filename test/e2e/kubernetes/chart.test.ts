import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { helmService } from '../../services/helm.ts';
import { allOf, describeWith } from '../../services/needed-service.ts';
import { isUnderWay, RollingLoad, totalOf, verdictOf } from '../rolling-load.ts';
import { eventually } from '../shop-run.ts';
import { ChartRelease, type ReleaseEndpoint } from './chart-release.ts';
import { ClusterWorld, clusterWorldNeeds, openMsMax } from './cluster-world.ts';

const limit = { timeout: 600_000 };

/** In their order: the release that the first one installs is that of all others, and the last one takes it away. */
describeWith(allOf(clusterWorldNeeds, helmService), 'the chart on a real cluster', () => {
  let world: ClusterWorld;
  let release: ChartRelease;
  let endpoint: ReleaseEndpoint;
  let isInstalled = false;
  beforeAll(async () => {
    world = await ClusterWorld.open();
    release = new ChartRelease(world, 'faas-system');
    await release.prepare();
  }, openMsMax);
  afterAll(async () => {
    await endpoint?.stop();
    await world?.close();
  }, 60_000);

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
    await release.apply({
      apiVersion: 'faas.internal/v1',
      kind: 'Function',
      metadata: { name: 'ops.hello' },
      spec: {
        code: { inline: 'export default event => ({ hello: event.data.name });' },
        triggers: [{ webhook: { path: '/hello', verify: 'none', respond: 'result' } }],
      },
    });
    await eventually(async () => {
      const { gatewayUrl } = await endpoint.address();
      const body = JSON.stringify({ name: 'world' });
      const answer = await fetch(`${gatewayUrl}/hooks/ops/hello`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      return answer.status === 200 && (await answer.text()) === '{"hello":"world"}';
    }).catch(failed);
  });

  test('kill -9 of a controller, a dispatcher and a gateway in turn, under load: nothing is lost or doubled', limit, async ({ skip }) => {
    skip(!isInstalled, 'it could not be installed');
    for (const part of ['controller', 'dispatcher', 'gateway']) {
      const load = new RollingLoad(`kill-${part}`, [endpoint], world.kafka.bootstrap);
      await load.start();
      await eventually(() => isUnderWay(endpoint, `kill-${part}`));
      const [before, beforeMs] = [await totalOf(endpoint, `kill-${part}`), performance.now()];
      await sleep(5_000);
      const [middle, middleMs] = [await totalOf(endpoint, `kill-${part}`), performance.now()];
      const [victim] = await release.podsOf(part);
      await release.kill(victim?.name ?? '');
      await sleep(8_000);
      const [after, afterMs] = [await totalOf(endpoint, `kill-${part}`), performance.now()];
      const figures = await load.end();
      const { wrong } = await verdictOf(endpoint, figures);
      const rate = (events: number, ms: number) => ((events / ms) * 1_000).toFixed(0);
      console.log(
        `chart: kill -9 of a ${part}: ${rate(middle - before, middleMs - beforeMs)} events/s before, ${rate(after - middle, afterMs - middleMs)} from then on; sent ${JSON.stringify(figures.sent)}, failed ${figures.failures.length} (${figures.failures[0] ?? ''}), wrong ${wrong.length}`,
      );
      expect(wrong, await release.logs()).toEqual([]);
      // What is open at a gateway ends with it; nobody's call depends on one controller or dispatcher.
      if (part !== 'gateway') expect(figures.failures).toEqual([]);
      await eventually(async () => (await release.podsOf(part)).length === 2).catch(failed);
    }
  });

  test('an upgrade under load replaces every server: nothing is lost or doubled, no call fails', limit, async ({ skip }) => {
    skip(!isInstalled, 'it could not be installed');
    const load = new RollingLoad('upgrade', [endpoint], world.kafka.bootstrap);
    await load.start();
    await eventually(() => isUnderWay(endpoint, 'upgrade'));
    load.measure();
    const before = await release.podsOf('dispatcher');
    const startedMs = performance.now();
    await release.upgrade('settings.FAAS_LOG_LEVEL=debug').catch(failed);
    const tookMs = performance.now() - startedMs;
    await sleep(2_000);
    const figures = await load.end();
    const { wrong, latestMs } = await verdictOf(endpoint, figures);
    const after = await release.podsOf('dispatcher');
    console.log(
      `chart: upgraded in ${(tookMs / 1_000).toFixed(1)} s; sent ${JSON.stringify(figures.sent)}, failed ${figures.failures.length} (${figures.failures[0] ?? ''}), wrong ${wrong.length}, latest event ${(latestMs / 1_000).toFixed(1)} s`,
    );
    expect(after.some(one => before.some(({ name }) => name === one.name))).toBe(false);
    expect([wrong, figures.failures], await release.logs()).toEqual([[], []]);
  });

  test('uninstalled: nothing stays but definitions and data', limit, async ({ skip }) => {
    skip(!isInstalled, 'it could not be installed');
    await endpoint.stop();
    await release.helm('uninstall', 'faas', '--wait', '--timeout', '180s').catch(failed);
    const ns = release.namespace;
    const kinds =
      'pods,deployments,statefulsets,services,configmaps,roles,rolebindings,serviceaccounts,ingresses,networkpolicies,poddisruptionbudgets,jobs';
    await eventually(async () => {
      const left = (await release.kubectl('get', kinds, '-n', ns, '-o', 'name')).split('\n').filter(name => name !== '');
      // Every namespace has these two.
      const own = left.filter(name => name !== 'configmap/kube-root-ca.crt' && name !== 'serviceaccount/default');
      if (own.length > 0) throw new Error(`left: ${own.join(', ')}`);
      return true;
    });
    expect(await release.kubectl('get', 'crd', '-o', 'name')).toContain('functions.faas.internal');
  });
});
