import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import type { PodExit, Pods } from '../../controller/ports/pods.ts';
import { batchEvent, batchOf, startPod, type TestPod, text } from '../pod/pod-fixture.ts';

export interface PodsSubject {
  readonly name: string;
  readonly create: () => Pods | Promise<Pods>;
  /** Pods that are processes of their own, which can be killed and looked at from outside. */
  readonly processes: boolean;
}

/** The laws of controller/ports/pods.ts, for every adapter. */
export function podsContract({ name, create, processes }: PodsSubject): void {
  describe(`pods: ${name}`, { timeout: 90_000 }, () => {
    const open: TestPod[] = [];
    const start = async (): Promise<TestPod> => {
      const pod = await startPod(await create());
      open.push(pod);
      return pod;
    };
    afterEach(async () => {
      for (const pod of open.splice(0)) await pod.close();
    });

    test('P1 start resolves when the pod answers on its address, as a generic one', async () => {
      const { client, pod } = await start();
      expect(await client.status(pod)).toMatchObject({
        state: 'empty',
        bootId: pod.bootId,
        unit: undefined,
        eventsInFlight: 0,
        wireVersions: [1],
      });
    });

    test('P2 each start has a new id, a new bootId, a new token and an address of its own', async () => {
      const { pods } = await start();
      for (let i = 0; i < 2; i += 1) await pods.start({ memoryBytes: 2 ** 28, callbackUrl: 'http://127.0.0.1:9' });
      for (const field of ['id', 'bootId', 'token', 'address'] as const) expect(new Set(pods.list().map(pod => pod[field])).size).toBe(3);
    });

    test('a pod answers 401 to a token that is not its own', async () => {
      const { client, pod, pods } = await start();
      const other = await pods.start({ memoryBytes: 2 ** 28, callbackUrl: 'http://127.0.0.1:9' });
      const response = await fetch(`${pod.address}/v1/status`, { headers: { authorization: `Bearer ${other.token}` } });
      expect(response.status).toBe(401);
      expect(await client.status({ ...pod, token: '', bootId: 'x' })).toBeUndefined();
    });

    test('P3, P4 stop ends a pod in good order, reports one exit, and resolves with it', async () => {
      const { pods, pod, load } = await start();
      const exits: PodExit[] = [];
      pods.onExit(exit => exits.push(exit));
      await load('export default () => {}');
      expect(await pods.stop(pod.id, 5_000)).toEqual({ id: pod.id, bootId: pod.bootId, reason: 'stopped', code: 0, signal: null });
      expect(exits).toHaveLength(1);
      expect(pods.list()).toEqual([]);
    });

    test('P4 what runs when stop is called is answered; what has not begun is returned as draining', async () => {
      const { pods, pod, load, run } = await start();
      // Long enough for a cluster to bring the signal, which takes a busy one several hundred milliseconds.
      await load('export default async () => { await new Promise(done => setTimeout(done, 1_500)); return 1; }');
      const running = run(batchOf([batchEvent(0), batchEvent(1)]));
      await untilEntered();
      const exit = pods.stop(pod.id, 5_000);
      const { end, outcomes } = await running;
      expect(end).toEqual({ kind: 'done' });
      expect([outcomes.get(0)?.kind, outcomes.get(1)]).toEqual(['ok', { kind: 'returned', why: 'draining' }]);
      expect(await exit).toMatchObject({ reason: 'stopped', code: 0 });

      async function untilEntered(): Promise<void> {
        const inFlight = async () => (await open[0]?.client.status(pod))?.eventsInFlight;
        while ((await inFlight()) !== 2) await new Promise(resolve => setImmediate(resolve));
      }
    });

    test('P4 a handler that never resolves is returned within the grace time, and the pod ends', async () => {
      const { pods, pod, load, run } = await start();
      await load('export default () => new Promise(() => {})', { timeoutMs: 60_000 });
      const running = run(batchOf([batchEvent(0)]));
      while ((await open[0]?.client.status(pod))?.eventsInFlight !== 1) await new Promise(resolve => setImmediate(resolve));
      const exit = await pods.stop(pod.id, 4_000);
      expect(exit).toMatchObject({ reason: 'stopped', code: 0, signal: null });
      expect((await running).outcomes.get(0)).toEqual({ kind: 'returned', why: 'draining' });
    });

    test('P3 kill ends a pod at once and reports one exit; what it ran is lost', async () => {
      const { pods, pod, load, run } = await start();
      const exits: PodExit[] = [];
      pods.onExit(exit => exits.push(exit));
      await load('export default () => new Promise(() => {})', { timeoutMs: 60_000 });
      const running = run(batchOf([batchEvent(0)]));
      while ((await open[0]?.client.status(pod))?.eventsInFlight !== 1) await new Promise(resolve => setImmediate(resolve));
      await pods.kill(pod.id);
      expect(exits).toMatchObject([{ id: pod.id, signal: 'SIGKILL' }]);
      expect(await running).toMatchObject({ end: { kind: 'lost' }, results: [] });
    });

    test('P6 a handler sees the environment that its manifest declares, and nothing else', async () => {
      process.env.FAAS_SECRET_OF_THE_SERVER = 'do not tell';
      const { load, run } = await start();
      await load('export default () => Object.entries(process.env)', { env: { REGION: 'north' } });
      const { outcomes } = await run(batchOf([batchEvent(0, 0, { trigger: 'call' })]));
      const outcome = outcomes.get(0);
      expect(outcome?.kind === 'ok' && text(outcome.answer)).toBe('[["REGION","north"]]');
    });

    if (processes)
      test('P6 the token and the environment of the server are neither in the environment nor in the arguments of the process', async () => {
        process.env.FAAS_SECRET_OF_THE_SERVER = 'do not tell';
        const { pod } = await start();
        const environment = readFileSync(`/proc/${pod.pid}/environ`, 'utf8');
        expect(environment).not.toContain('FAAS_SECRET_OF_THE_SERVER');
        expect(environment + readFileSync(`/proc/${pod.pid}/cmdline`, 'utf8')).not.toContain(pod.token);
      });

    if (processes)
      test('P3 a pod that somebody else kills is reported as killed', async () => {
        const { pods, pod } = await start();
        const exit = new Promise<PodExit>(resolve => pods.onExit(resolve));
        process.kill(pod.pid ?? 0, 'SIGKILL');
        expect(await exit).toMatchObject({ id: pod.id, reason: 'killed', signal: 'SIGKILL', code: null });
      });

    test('close leaves no pod', async () => {
      const { pods } = await start();
      await pods.start({ memoryBytes: 2 ** 28, callbackUrl: 'http://127.0.0.1:9' });
      await pods.close();
      expect(pods.list()).toEqual([]);
      await expect(pods.start({ memoryBytes: 2 ** 28, callbackUrl: 'http://127.0.0.1:9' })).rejects.toMatchObject({
        code: 'FAAS_PODS_CLOSED',
      });
    });
  });
}
