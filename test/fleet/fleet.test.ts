import { createHash } from 'node:crypto';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createMemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { createMemoryPods } from '../../controller/adapters/memory/memory-pods.ts';
import { systemClock } from '../../controller/clock.ts';
import { noConditions } from '../../controller/conditions/conditions.ts';
import { Fleet } from '../../controller/fleet/fleet.ts';
import type { LiveFunction } from '../../controller/functions/live-function.ts';
import { resolveLive } from '../../controller/functions/resolve-live.ts';
import type { PodExit, PodSpec, Pods } from '../../controller/ports/pods.ts';
import { systemRandom } from '../../controller/random.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { noMetrics } from '../../controller/telemetry/metrics.ts';
import { createHttpPodClient } from '../../controller/wire/http-pod-client.ts';
import type { PodClient } from '../../controller/wire/pod-client.ts';
import { functionSpec } from '../support/function-spec.ts';

const good = 'export default async () => 1; export const faasSchemas = {};';
const batches = 'export const batch = async () => undefined;';
const bad = 'throw new Error("not today");';
const hashOf = (code: string) => createHash('sha256').update(code).digest('hex');
const clock = systemClock;

let pods: Pods;
let client: PodClient;
let fleet: Fleet;
let greeted: string[];
/** What each start may take, as it was asked for. */
let startsMs: (number | undefined)[];
/** Reads of bundles that fail from now on. */
let registryFailures: number;
/** Why pods are said to have ended that somebody has killed. */
let killedAs: PodExit['reason'];
/** Starts wait until the pods are closed. */
let isStuck: boolean;
let closing: ((why: Error) => void)[];
let errorsLogged: string[];
/** How much further the clock of the fleet is than that of the machine. */
let aheadMs: number;

function revision(id: string, code: string, unit = 'shop.totals'): LiveFunction {
  const spec = functionSpec(unit.slice(unit.indexOf('.') + 1));
  const record = { functionName: spec.name, hash: id, bundleHash: hashOf(code), spec, createdAtMs: 0, unit, id, counter: 1 };
  return resolveLive(record, new Map());
}

beforeEach(async () => {
  const { registry, history } = createMemoryAdapters({ clock, random: systemRandom });
  for (const code of [good, batches, bad])
    await registry.putBundle(hashOf(code), { code: new TextEncoder().encode(code), sourceMap: undefined });
  pods = createMemoryPods({ clock, random: systemRandom });
  startsMs = [];
  const http = createHttpPodClient({ clock, log: silentLog });
  greeted = [];
  registryFailures = 0;
  killedAs = 'stopped';
  aheadMs = 0;
  isStuck = false;
  closing = [];
  errorsLogged = [];
  client = {
    status(pod) {
      greeted.push(pod.id);
      return http.status(pod);
    },
    load: (...request) => http.load(...request),
    run: (...request) => http.run(...request),
    close: () => http.close(),
  };
  fleet = new Fleet({
    pods: new Proxy(pods, {
      get(target, name) {
        if (name === 'start')
          return (spec: PodSpec) => {
            startsMs.push(spec.startMs);
            return isStuck ? new Promise((_, reject) => closing.push(reject)) : target.start(spec);
          };
        if (name === 'close')
          return () => {
            for (const reject of closing.splice(0)) reject(new Error('closed'));
            return target.close();
          };
        if (name === 'onExit') return (listener: (exit: PodExit) => void) => target.onExit(exit => listener({ ...exit, reason: killedAs }));
        const held: unknown = Reflect.get(target, name, target);
        return typeof held === 'function' ? held.bind(target) : held;
      },
    }),
    client,
    registry: {
      bundle: hash => {
        registryFailures -= 1;
        return registryFailures >= 0 ? Promise.reject(new Error('the registry is away')) : registry.bundle(hash);
      },
    },
    history,
    conditions: noConditions,
    clock: { ...clock, now: () => clock.now() + aheadMs, steady: () => clock.steady() + aheadMs },
    log: { ...silentLog, error: (message, fields) => errorsLogged.push(`${message}: ${fields?.error}`) },
    metrics: noMetrics,
    limits: { pool: 1, podsMax: 4 },
    drainMs: 1_000,
    loadTimeoutMs: 10_000,
    callbackUrl: () => 'http://127.0.0.1:1',
    hosts: true,
    released: async () => undefined,
    podMemoryBytes: 2 ** 28,
  });
});

afterEach(async () => {
  await fleet.stop(2_000);
  await client.close();
});

const serving = (unit = 'shop.totals') =>
  fleet
    .podsOf(unit)
    .map(view => `${view.revision} ${view.state}`)
    .sort();
const phases = () =>
  fleet
    .list()
    .map(pod => pod.phase)
    .sort();
const until = (fact: () => void) => vi.waitFor(fact, { timeout: 10_000, interval: 20 });

test('the pool is filled without any function, and a wish is met from it and the pool refilled', async () => {
  fleet.update([revision('r1', good)]);
  await until(() => expect(phases()).toEqual(['generic']));
  const [generic] = fleet.list();
  fleet.scale('shop.totals', 1);
  await until(() => expect(serving()).toEqual(['r1 ready']));
  expect(fleet.podsOf('shop.totals')[0]?.pod.id).toBe(generic?.id);
  await until(() => expect(phases()).toEqual(['generic', 'ready']));
});

test('a generic pod is greeted when it is there, and not again at the next look', async () => {
  fleet.update([]);
  await until(() => expect(greeted).toHaveLength(1));
  expect(greeted).toEqual(fleet.list().map(pod => pod.id));
  fleet.observe(new Map());
  await Promise.resolve();
  expect(greeted).toHaveLength(1);
});

test('a pod that loads a revision which was loaded before is told while it does, with its kind of handler', async () => {
  const coming = () => fleet.comingOf('shop.totals').map(({ pod, revision, state, handler }) => ({ id: pod.id, revision, state, handler }));
  const told: ReturnType<typeof coming> = [];
  fleet.onChange(() => told.push(...coming()));
  fleet.update([revision('r1', batches)]);
  await until(() => expect(phases()).toEqual(['generic']));
  fleet.scale('shop.totals', 1);
  await until(() => expect(serving()).toEqual(['r1 ready']));
  expect(told).toEqual([]);
  const [first] = fleet.podsOf('shop.totals');
  await until(() => expect(phases()).toEqual(['generic', 'ready']));
  await pods.kill(first?.pod.id ?? '');
  await until(() => expect(told).toHaveLength(1));
  await until(() => expect(serving()).toEqual(['r1 ready']));
  const [second] = fleet.podsOf('shop.totals');
  expect(told).toEqual([{ id: second?.pod.id, revision: 'r1', state: 'ready', handler: 'batch' }]);
  expect(coming()).toEqual([]);
});

test('no more pods than the machine may have', async () => {
  fleet.update([revision('r1', good)]);
  fleet.scale('shop.totals', 9);
  await until(() => expect(serving()).toEqual(['r1 ready', 'r1 ready', 'r1 ready', 'r1 ready']));
  expect(pods.list()).toHaveLength(4);
});

test('a trial is seen by nobody until its revision is live, and then it is the first pod of it', async () => {
  fleet.update([revision('r1', good)]);
  fleet.scale('shop.totals', 1);
  await until(() => expect(serving()).toEqual(['r1 ready']));
  expect(await fleet.trial(revision('r2', good))).toMatchObject({ kind: 'ready', handler: 'event' });
  expect(serving()).toEqual(['r1 ready']);
  fleet.update([revision('r2', good)]);
  expect(serving()).toEqual(['r1 ready', 'r2 ready']);
  await until(() => expect(serving()).toEqual(['r2 ready']));
});

test('a deployment waits 30 s at most for the pod of its trial; pods that nobody waits for have the time of their adapter', async () => {
  expect(await fleet.trial(revision('r2', good))).toMatchObject({ kind: 'ready' });
  fleet.update([]);
  await until(() => expect(phases()).toContain('generic'));
  expect(startsMs).toEqual([30_000, undefined]);
});

test('a trial that fails says why and leaves nothing; one that is given up is drained', async () => {
  fleet.update([revision('r1', good)]);
  expect(await fleet.trial(revision('r2', bad))).toMatchObject({ kind: 'failed', error: { code: 'FAAS_LOAD_IMPORT' } });
  expect(await fleet.trial(revision('r3', good))).toMatchObject({ kind: 'ready' });
  fleet.abandon([revision('r3', good)]);
  await until(() => expect(phases()).toEqual(['generic']));
});

test('of many trials a few keep their pods above what the machine may have; the others have done their work', async () => {
  const units = Array.from({ length: 12 }, (_, index) => `shop.f${index}`);
  for (const unit of units) expect(await fleet.trial(revision('r1', good, unit))).toMatchObject({ kind: 'ready' });
  await until(() => expect(pods.list()).toHaveLength(8));
  fleet.update(units.map(unit => revision('r1', good, unit)));
  expect(units.flatMap(unit => fleet.podsOf(unit)).filter(({ state }) => state === 'ready')).toHaveLength(8);
});

test('the end of a pod is reported once, and the pod replaced', async () => {
  const exits: string[] = [];
  fleet.onExit(exit => exits.push(`${exit.unit} ${exit.reason}`));
  fleet.update([revision('r1', good)]);
  fleet.scale('shop.totals', 1);
  await until(() => expect(serving()).toEqual(['r1 ready']));
  const first = fleet.podsOf('shop.totals')[0]?.pod.id ?? '';
  await pods.kill(first);
  await until(() => expect(fleet.podsOf('shop.totals').map(view => view.pod.id)).not.toContain(first));
  await until(() => expect(serving()).toEqual(['r1 ready']));
  expect(exits).toEqual(['shop.totals stopped']);
});

test.each([
  ['soon after it had begun is replaced at once 4 times, then more slowly', 0, 4],
  ['after it had worked for a while is replaced at once each time', 3_000, 7],
])('a pod that ends by itself %s', async (_, workedMs, replaced) => {
  killedAs = 'crashed';
  fleet.update([revision('r1', good)]);
  fleet.scale('shop.totals', 1);
  for (let kills = 1; kills <= 7; kills += 1) {
    await until(() => expect(phases()).toEqual(['generic', 'ready']));
    aheadMs += workedMs;
    await pods.kill(fleet.podsOf('shop.totals')[0]?.pod.id ?? '');
    expect(phases()).toEqual([kills > replaced ? 'generic' : 'loading']);
    if (kills > replaced) return;
  }
});

test('a pod of an earlier server that ends before the functions are known is gone like any other', async () => {
  const memoryBytes = 2 ** 28;
  const left = await Promise.all([1, 2].map(() => pods.start({ memoryBytes, callbackUrl: 'http://127.0.0.1:1' })));
  const loaded = { unit: 'shop.totals', revision: 'r1', handler: 'event' as const };
  Object.assign(pods, { adopt: async () => left.map(info => ({ info, memoryBytes, loaded })) });
  const exits: string[] = [];
  fleet.onExit(({ id }) => exits.push(id));
  await fleet.adopt();
  const [gone, kept] = left;
  await pods.kill(gone?.id ?? '');
  fleet.update([revision('r1', good)]);
  expect(fleet.podsOf('shop.totals').map(({ pod }) => pod.id)).toEqual([kept?.id]);
  expect(exits).toEqual([gone?.id]);
});

test('a registry that is away for a moment leaves no pod that loads for ever', async () => {
  registryFailures = 1;
  fleet.update([revision('r1', good)]);
  fleet.scale('shop.totals', 1);
  await until(() => expect(serving()).toEqual(['r1 ready']));
  await until(() => expect(phases()).toEqual(['generic', 'ready']));
});

test('a pod that does not come about is not waited for by a server that stops, and what the stop gave up is no error', async () => {
  isStuck = true;
  fleet.update([revision('r1', good)]);
  fleet.scale('shop.totals', 1);
  await until(() => expect(closing.length).toBeGreaterThan(0));
  await fleet.stop(2_000);
  expect(closing).toEqual([]);
  expect(errorsLogged).toEqual([]);
});

test('a pod that does not come about while the server runs is an error', async () => {
  isStuck = true;
  fleet.update([]);
  await until(() => expect(closing.length).toBeGreaterThan(0));
  for (const reject of closing.splice(0)) reject(new Error('no room'));
  await until(() => expect(errorsLogged).toEqual(['pod action failed: Error: no room']));
});

test('a function that is gone takes its pods with it', async () => {
  fleet.update([revision('r1', good)]);
  fleet.scale('shop.totals', 2);
  await until(() => expect(serving()).toEqual(['r1 ready', 'r1 ready']));
  fleet.update([]);
  await until(() => expect(phases()).toEqual(['generic']));
  expect(serving()).toEqual([]);
});
