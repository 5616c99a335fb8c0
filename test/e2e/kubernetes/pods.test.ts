import { setTimeout as sleep } from 'node:timers/promises';
import { Partitioners } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { plainClient } from '../../services/kafka/open-kafka.ts';
import { describeWith } from '../../services/needed-service.ts';
import { isUnderWay, RollingLoad, verdictOf } from '../rolling-load.ts';
import type { ServerProcess } from '../server-process.ts';
import { eventually } from '../shop-run.ts';
import { ClusterWorld, clusterWorldNeeds, namespace, openMsMax } from './cluster-world.ts';

const limit = { timeout: 600_000 };
const pods = 10;
const terminations = 20;
/** There is no registry. */
const nothing = '127.0.0.1:1/nothing:1';
/** From what keeps a pod from starting to the condition that says so. */
const saidWithinMs = 30_000;

describeWith(clusterWorldNeeds, 'pods of a real cluster, a server beside it, on Kafka and Redis', () => {
  let world: ClusterWorld;
  beforeAll(async () => {
    world = await ClusterWorld.open();
  }, openMsMax);
  afterAll(() => world?.close(), 60_000);

  const scale = async (server: ServerProcess, replicas: number) => {
    const { code, output } = await server.cli(['scale', 'set', 'roll.keep', '--replicas', String(replicas)]);
    expect(code, output).toBe(0);
  };
  const unscale = async (server: ServerProcess) => {
    const { code, output } = await server.cli(['scale', 'clear', 'roll.keep']);
    expect(code, output).toBe(0);
  };
  /** What is set by hand is cleared after it, also when it fails: the next server on these stores would begin with as many pods, and end some of them meanwhile. */
  const withScaled = (work: (server: ServerProcess) => Promise<void>) =>
    world.withServer(async server => {
      await work(server).catch(async error => {
        await unscale(server).catch(failure => console.log(String(failure)));
        throw error;
      });
      await unscale(server);
    });
  const deploy = async (server: ServerProcess, manifest: string) => {
    const { code, output } = await server.cli(['deploy', '-f', manifest]);
    expect(code, `${output}\n${server.output}`).toBe(0);
  };

  /** Under load for as long as the work takes; afterwards nothing is lost, doubled or failed. */
  async function underLoad(server: ServerProcess, name: string, work: () => Promise<string>): Promise<void> {
    const load = new RollingLoad(name, [server], world.kafka.bootstrap);
    await load.start();
    await eventually(() => isUnderWay(server, name));
    load.measure();
    const done = await work().finally(() => undefined);
    const figures = await load.end();
    const { wrong, latestMs } = await verdictOf(server, figures);
    console.log(
      `${done}: sent ${JSON.stringify(figures.sent)}, failed calls ${figures.failures.length}, lost or doubled ${wrong.length}, the latest after ${latestMs} ms`,
    );
    expect(figures.failures, `${figures.failures.join('\n')}\n${server.output}`).toEqual([]);
    expect(wrong, server.output).toEqual([]);
  }

  test('scale 1, many, 1 under load, then 0, then 1: lost 0, doubled 0, failed calls 0', limit, () =>
    withScaled(async server => {
      await deploy(server, 'test/data/e2e-rolling/faas.yaml');
      await world.untilPodsOf(server, 'keep', 1);
      await underLoad(server, 'scaled', async () => {
        await scale(server, pods);
        await world.untilPodsOf(server, 'keep', pods);
        await sleep(2_000);
        await scale(server, 1);
        await world.untilPodsOf(server, 'keep', 1);
        return `1, ${pods}, 1 pods`;
      });
      await scale(server, 0);
      await world.untilPodsOf(server, 'keep', 0);
      await scale(server, 1);
      await underLoad(server, 'again', async () => {
        await world.untilPodsOf(server, 'keep', 1);
        return '0, 1 pods';
      });
    }),
  );

  test(`SIGTERM to ${terminations} pods, one after the other, under load: lost 0, doubled 0, failed calls 0`, limit, () =>
    withScaled(async server => {
      await deploy(server, 'test/data/e2e-rolling/faas.yaml');
      await scale(server, 2);
      await underLoad(server, 'ended', async () => {
        for (let i = 0; i < terminations; i += 1) {
          const [oldest] = await world.untilPodsOf(server, 'keep', 2);
          await world.terminate(oldest?.name ?? '');
          await eventually(async () => !(await world.podsOf(server, 'keep')).some(({ name }) => name === oldest?.name));
        }
        return `${terminations} times SIGTERM`;
      });
    }),
  );

  test('each pod evicted in its turn, generic ones as well, under load: lost 0, doubled 0, failed calls 0', limit, () =>
    withScaled(async server => {
      await deploy(server, 'test/data/e2e-rolling/faas.yaml');
      await scale(server, 3);
      await world.untilPodsOf(server, 'keep', 3);
      await underLoad(server, 'evicted', async () => {
        const all = await world.pods(server);
        for (const { name } of all) {
          await world.evict(name);
          await eventually(async () => !(await world.pods(server)).some(pod => pod.name === name));
          await world.untilPodsOf(server, 'keep', 3);
        }
        return `${all.length} evictions`;
      });
    }),
  );

  /** Why pods are missing, as `faas describe` says it; how long that took. */
  async function untilMissing(server: ServerProcess, reason: RegExp): Promise<string> {
    const startedMs = performance.now();
    let found = '';
    while (!reason.test(found)) {
      if (performance.now() > startedMs + saidWithinMs) throw new Error(`no condition says ${reason}, but ${found}\n${server.output}`);
      await sleep(200);
      const { output } = await server.cli(['describe', 'roll.keep', '--output', 'json']);
      const { conditions }: { conditions: readonly { type: string; reason: string }[] } = JSON.parse(output);
      found = conditions.map(({ type, reason }) => `${type} ${reason}`).join();
    }
    return `${found} after ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`;
  }

  /** The next revision, which cannot have a pod; what the deployment said. */
  async function refusedDeploy(server: ServerProcess, reason: RegExp): Promise<void> {
    const { code, output } = await server.cli(['deploy', '-f', 'test/data/e2e-rolling/faas.yaml'], { ROUND: '1' });
    expect([code, output]).toEqual([1, expect.stringMatching(reason)]);
  }

  test('an image that cannot be pulled: what runs goes on, no deployment takes its place, and a condition says why', limit, () =>
    withScaled(async server => {
      await deploy(server, 'test/data/e2e-rolling/faas.yaml');
      await scale(server, 2);
      const before = (await world.untilPodsOf(server, 'keep', 2)).map(({ name }) => name);
      await server.kill();
      await world.start(server, { FAAS_KUBERNETES_IMAGE: nothing });
      await underLoad(server, 'unpulled', async () => {
        // A generic pod of the server before is taken over as well.
        await scale(server, 5);
        const said = await untilMissing(server, /PodsMissing (ErrImagePull|ImagePullBackOff)/);
        await refusedDeploy(server, /failed to pull|ErrImagePull|ImagePullBackOff/);
        expect((await world.podsOf(server, 'keep')).map(({ name }) => name)).toEqual(expect.arrayContaining(before));
        return `an image that nobody has: ${said}`;
      });
    }),
  );

  test('a quota that is full: what runs goes on, no deployment takes its place, and a condition says why until there is room', limit, () =>
    withScaled(async server => {
      await deploy(server, 'test/data/e2e-rolling/faas.yaml');
      await scale(server, 2);
      await world.untilPodsOf(server, 'keep', 2);
      const hard = `--hard=pods=${(await world.pods(server)).length}`;
      await world.cluster.kubectl('create', 'quota', 'full', '-n', namespace, hard);
      await underLoad(server, 'full', async () => {
        await scale(server, 5);
        const said = await untilMissing(server, /PodsMissing FAAS_POD_QUOTA/);
        await refusedDeploy(server, /quota/);
        return `a quota that is full: ${said}`;
      }).finally(() => world.cluster.kubectl('delete', 'quota', 'full', '-n', namespace));
      await world.untilPodsOf(server, 'keep', 5);
    }),
  );

  test('kill -9 of the server: the next one takes over its pods, and goes on: lost 0, doubled 0', limit, () =>
    withScaled(async server => {
      await deploy(server, 'test/data/e2e-rolling/faas.yaml');
      await scale(server, 3);
      const before = (await world.untilPodsOf(server, 'keep', 3)).map(({ name }) => name);
      const load = new RollingLoad('killed', [server], world.kafka.bootstrap);
      await load.start();
      await eventually(() => isUnderWay(server, 'killed'));
      await server.kill();
      await world.start(server, { FAAS_LOG_LEVEL: 'info' });
      await sleep(3_000);
      const figures = await load.end();
      const { wrong } = await verdictOf(server, figures);
      const after = (await world.podsOf(server, 'keep')).map(({ name }) => name);
      const kept = before.filter(name => after.includes(name)).length;
      console.log(
        `kill -9 of the server: ${kept} of ${before.length} pods kept, sent ${JSON.stringify(figures.sent)}, wrong ${wrong.length}`,
      );
      expect(wrong, server.output).toEqual([]);
      expect(kept, server.output).toBe(before.length);
    }),
  );

  test('a handler that takes all memory: its event is tried as often as crashes may be, and those beside it are handled once', limit, () =>
    world.withServer(async server => {
      await deploy(server, 'test/data/e2e-kubernetes/faas.yaml');
      const producer = plainClient(world.kafka.bootstrap).producer({ createPartitioner: Partitioners.DefaultPartitioner });
      await producer.connect();
      const messages = Array.from({ length: 40 }, (_, id) => ({ key: `k${id % 10}`, value: JSON.stringify({ id, greedy: id === 17 }) }));
      await producer.send({ topic: 'greedy-wishes', messages });
      await producer.disconnect();
      let ids: number[] = [];
      await eventually(async () => {
        const { output } = await server.cli(['state', 'list', 'greedy.eat', '--output', 'json']);
        const { entries }: { entries: { value: { ids: number[] } }[] } = JSON.parse(output);
        ids = entries.flatMap(({ value }) => value.ids).sort((a, b) => a - b);
        return ids.length >= 39;
      });
      const { output } = await server.cli(['dlq', 'list', 'greedy.eat', '--output', 'json']);
      const exits = await memoryExits(server);
      console.log(`out of memory: ${exits} pods ended by it, ${ids.length} others handled once`);
      expect(ids).toEqual(Array.from({ length: 40 }, (_, id) => id).filter(id => id !== 17));
      expect(JSON.parse(output)).toMatchObject({
        total: 1,
        deadLetters: [{ eventId: 'greedy-wishes/0/17', reason: 'crash', error: { code: 'FAAS_POD_CRASH' } }],
      });
      expect(exits).toBeGreaterThanOrEqual(2);
    }),
  );
});

/** Pods that the kernel ended for their memory, as the server counts them. */
async function memoryExits(server: ServerProcess): Promise<number> {
  const address = await server.address();
  const answer = await fetch(`${address?.adminUrl}/metrics`, { headers: { authorization: `Bearer ${await server.token()}` } });
  const [, count = '0'] = /faas_pod_exits_total\{[^}]*reason="memory"[^}]*\} (\d+)/.exec(await answer.text()) ?? [];
  return Number(count);
}
