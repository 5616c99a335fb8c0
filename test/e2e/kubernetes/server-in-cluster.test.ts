import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../../services/needed-service.ts';
import { isUnderWay, RollingLoad, verdictOf } from '../rolling-load.ts';
import { eventually } from '../shop-run.ts';
import { ClusterWorld, clusterWorldNeeds, openMsMax } from './cluster-world.ts';
import { ServerPod } from './server-pod.ts';

const limit = { timeout: 600_000 };

describeWith(clusterWorldNeeds, 'a server in the cluster, from the same image as its pods', () => {
  let world: ClusterWorld;
  beforeAll(async () => {
    world = await ClusterWorld.open();
  }, openMsMax);
  afterAll(() => world?.close(), 60_000);

  test('events in, effects out; kill -9 of the server: it takes its pods over; its Pod deleted: they go with it', limit, async () => {
    const server = await ServerPod.create(world);
    const deployed = await server.cli(['deploy', '-f', 'test/data/e2e-rolling/faas.yaml']);
    expect(deployed.code, `${deployed.output}\n${await server.log()}`).toBe(0);
    const ofFunction = async () =>
      (await world.podsOfServer('faas')).filter(({ object }) => object.metadata.labels?.['faas.internal/function'] === 'keep');
    const load = new RollingLoad('inside', [server], world.kafka.bootstrap);
    await load.start();
    await eventually(() => isUnderWay(server, 'inside'));
    const before = (await ofFunction()).map(({ name }) => name);
    // Pods are heard: its service account may read the keys of the cluster, with no right of its own.
    expect(await server.log()).not.toContain('announcements cannot be read');
    await server.kill();
    await eventually(async () => (await server.restarts()) === 1);
    await server.untilReady();
    await sleep(3_000);
    const figures = await load.end();
    const { wrong } = await verdictOf(server, figures);
    const after = (await ofFunction()).map(({ name }) => name);
    const kept = before.filter(name => after.includes(name)).length;
    console.log(
      `a server in the cluster, killed once: ${kept} of ${before.length} pods kept, sent ${JSON.stringify(figures.sent)}, wrong ${wrong.length}`,
    );
    expect(wrong, await server.log()).toEqual([]);
    expect([before.length > 0, kept]).toEqual([true, before.length]);
    await server.delete();
    await eventually(async () => (await world.podsOfServer('faas')).length === 0);
  });
});
