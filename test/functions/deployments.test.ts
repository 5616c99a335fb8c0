import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { createMemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { noFaults } from '../../controller/fault-points.ts';
import { createDeployments } from '../../controller/functions/create-deployments.ts';
import type { LiveFunction } from '../../controller/functions/live-function.ts';
import type { ContextSpec, FunctionSpec, StreamTrigger } from '../../controller/manifest/spec.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import type { LoadResult } from '../../runtime/protocol/messages.ts';
import { functionSpec } from '../support/function-spec.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const utf8 = new TextEncoder();
const bundleOf = (text: string) => ({ code: utf8.encode(text), sourceMap: undefined });
const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');

const reads = (stream: string, from: StreamTrigger['from'] = 'latest'): StreamTrigger => ({
  kind: 'stream',
  streams: [{ name: stream, context: 'shop', stream }],
  from,
  order: 'key',
  batch: { size: 100, windowMs: 0 },
  filter: undefined,
});

const reading = (name: string, change: Partial<FunctionSpec> = {}) => functionSpec(name, { on: [reads('orders')], ...change });

function contextSpec(functions: readonly FunctionSpec[], context = 'shop'): ContextSpec {
  const orders = { name: 'orders', topic: 'orders', internal: false, partitions: 2, schema: undefined, retention: undefined };
  return { context, owner: 'team-shop', streams: context === 'shop' ? [orders] : [], functions };
}

function world(partitions = 4) {
  const clock = new VirtualClock();
  const adapters = createMemoryAdapters({ clock, random: seededRandom(1) });
  const tried: LiveFunction[] = [];
  const abandoned: LiveFunction[] = [];
  const broken = new Set<string>();
  const under = { way: 0, most: 0 };
  const trial = async (live: LiveFunction): Promise<LoadResult> => {
    tried.push(live);
    under.way += 1;
    under.most = Math.max(under.most, under.way);
    await Promise.resolve();
    under.way -= 1;
    if (!broken.has(live.bundleHash)) return { kind: 'ready', handler: 'event', phases: { loadMs: 1, initMs: 0 } };
    return { kind: 'failed', error: { code: 'FAAS_LOAD_IMPORT', name: 'TypeError', message: 'x is not a function', stack: undefined } };
  };
  const deployments = createDeployments({
    watchesResources: false,
    exclusively: work => work(),
    ...adapters,
    clock,
    faults: noFaults,
    log: silentLog,
    trial,
    abandon: revisions => abandoned.push(...revisions),
    refresh: async () => undefined,
    topicDefaults: { partitions, retention: {} },
  });
  const deploy = async (spec: ContextSpec, code: Readonly<Record<string, string>>) => {
    for (const text of Object.values(code)) await adapters.registry.putBundle(hashOf(text), bundleOf(text));
    return deployments.deploy(spec, new Map(Object.entries(code).map(([name, text]) => [name, hashOf(text)])));
  };
  return { ...adapters, deployments, deploy, tried, abandoned, broken, under };
}

let w: ReturnType<typeof world>;
beforeEach(() => {
  w = world();
});

const live = async () => (await w.registry.functions()).map(record => `${record.unit} ${record.live.id}`);
const problemCodes = (result: Awaited<ReturnType<typeof w.deploy>>) =>
  result.kind === 'refused' ? result.problems.map(problem => `${problem.unit} ${problem.code}`) : [];

describe('deploy', () => {
  test('a new function goes live after it was proved on a pod', async () => {
    const result = await w.deploy(contextSpec([reading('totals')]), { totals: 'v1' });
    expect(result).toMatchObject({ kind: 'deployed', functions: [{ unit: 'shop.totals', change: 'created' }], warnings: [] });
    expect(w.tried.map(one => one.unit)).toEqual(['shop.totals']);
    expect(await live()).toEqual([expect.stringMatching(/^shop\.totals r1-[0-9a-f]{8}$/)]);
  });

  test('the same again changes nothing and starts no pod', async () => {
    await w.deploy(contextSpec([reading('totals')]), { totals: 'v1' });
    const before = await live();
    const result = await w.deploy(contextSpec([reading('totals')]), { totals: 'v1' });
    expect(result).toMatchObject({ kind: 'deployed', functions: [{ change: 'unchanged' }] });
    expect(w.tried).toHaveLength(1);
    expect(await live()).toEqual(before);
  });

  test.each<[string, Partial<FunctionSpec>, string, string]>([
    ['other code', {}, 'v2', 'updated'],
    ['another specification', { scale: { min: 1, max: 2, maxAgeMs: 30_000, lagThreshold: undefined } }, 'v1', 'updated'],
    ['neither', {}, 'v1', 'unchanged'],
  ])('%s is a revision of its own only if it differs', async (_, change, code, expected) => {
    await w.deploy(contextSpec([reading('totals')]), { totals: 'v1' });
    const result = await w.deploy(contextSpec([reading('totals', change)]), { totals: code });
    expect(result).toMatchObject({ functions: [{ change: expected }] });
  });

  test('one function that does not load keeps all functions of the context as they were', async () => {
    await w.deploy(contextSpec([reading('totals'), reading('vips')]), { totals: 'v1', vips: 'v1' });
    const before = await live();
    w.broken.add(hashOf('bad'));
    const result = await w.deploy(contextSpec([reading('totals'), reading('vips')]), { totals: 'v2', vips: 'bad' });
    expect(problemCodes(result)).toEqual(['shop.vips FAAS_LOAD_IMPORT']);
    expect(await live()).toEqual(before);
    expect(w.abandoned.map(one => one.unit)).toEqual(['shop.totals', 'shop.vips']);
  });

  test('of hundreds of functions a few are proved at the same time, and all before any goes live', async () => {
    const names = Array.from({ length: 300 }, (_, index) => `f${index}`);
    const code = Object.fromEntries(names.map(name => [name, name === 'f7' || name === 'f299' ? 'bad' : 'v1']));
    w.broken.add(hashOf('bad'));
    const spec = contextSpec(names.map(name => reading(name)));
    expect(problemCodes(await w.deploy(spec, code))).toEqual(['shop.f7 FAAS_LOAD_IMPORT', 'shop.f299 FAAS_LOAD_IMPORT']);
    expect([w.tried.length, w.under.most, await live()]).toEqual([300, 4, []]);
  });

  test('a function that is not named any more stops being live', async () => {
    await w.deploy(contextSpec([reading('totals'), reading('vips')]), { totals: 'v1', vips: 'v1' });
    const result = await w.deploy(contextSpec([reading('vips')]), { vips: 'v1' });
    expect(result).toMatchObject({
      functions: [
        { unit: 'shop.vips', change: 'unchanged' },
        { unit: 'shop.totals', change: 'removed' },
      ],
    });
    expect(await live()).toEqual([expect.stringContaining('shop.vips ')]);
  });

  test.each<[string, Partial<FunctionSpec>]>([
    [
      'a resource trigger without a cluster',
      {
        on: [
          {
            ...{ kind: 'resource', name: 'resource-1', apiVersion: 'v1', resourceKind: 'ConfigMap', namespace: undefined },
            ...{ selector: undefined, fields: [], events: ['added'] },
          },
        ],
      },
    ],
  ])('what this server has no way to do is refused: %s', async (_, change) => {
    expect(problemCodes(await w.deploy(contextSpec([reading('totals', change)]), { totals: 'v1' }))).toEqual([
      'shop.totals FAAS_NOT_SUPPORTED',
    ]);
    expect(await live()).toEqual([]);
  });

  test('a bundle that was not uploaded is refused before anything is started', async () => {
    const result = await w.deployments.deploy(contextSpec([reading('totals')]), new Map([['totals', hashOf('nowhere')]]));
    expect(problemCodes(result)).toEqual(['shop.totals FAAS_BUNDLE_UNKNOWN']);
    expect(w.tried).toEqual([]);
  });

  test('partitions of a topic that exists are kept, with a warning', async () => {
    await w.streams.ensureTopic('orders', { partitions: 3 });
    const result = await w.deploy(contextSpec([reading('totals')]), { totals: 'v1' });
    expect(result).toMatchObject({
      warnings: ['stream "orders": topic orders has 3 partitions, not 2; partitions are fixed when a topic is created'],
    });
  });
});

test.each([
  [2, 2],
  [8, 4],
])('with %i partitions for streams a function has %i for what is its own', async (partitions, own) => {
  w = world(partitions);
  await w.deploy(contextSpec([reading('totals')]), { totals: 'v1' });
  for (const topic of ['faas.shop.totals.inbox', 'faas.shop.totals.dlq'])
    expect((await w.streams.describeTopic(topic))?.partitions).toBe(own);
});

describe('offsets of a new group are pinned at its first deploy', () => {
  const record = { partition: 0, key: null, value: utf8.encode('1'), headers: [] };
  test.each<[string, StreamTrigger['from'], number]>([
    ['latest', 'latest', 2],
    ['earliest', 'earliest', 0],
    ['a time before the records', { timeMs: 1 }, 0],
  ])('%s', async (_, from, offset) => {
    await w.streams.ensureTopic('orders', { partitions: 2 });
    await w.streams.append('orders', [record, record]);
    await w.deploy(contextSpec([reading('totals', { on: [reads('orders', from)] })]), { totals: 'v1' });
    expect((await w.streams.committed('faas.shop.totals', 'orders')).map(one => one.offset)).toEqual([offset, 0]);
  });

  test('a later deploy leaves them alone', async () => {
    await w.deploy(contextSpec([reading('totals')]), { totals: 'v1' });
    await w.streams.append('orders', [record]);
    await w.deploy(contextSpec([reading('totals')]), { totals: 'v2' });
    expect((await w.streams.committed('faas.shop.totals', 'orders')).map(one => one.offset)).toEqual([0, 0]);
  });
});

describe('roll back', () => {
  test('to the revision before, proved again', async () => {
    await w.deploy(contextSpec([reading('totals')]), { totals: 'v1' });
    const [first] = await live();
    await w.deploy(contextSpec([reading('totals')]), { totals: 'v2' });
    expect(await w.deployments.rollBack('shop.totals', undefined)).toMatchObject({ kind: 'deployed', functions: [{ change: 'updated' }] });
    expect(await live()).toEqual([first]);
    expect(w.tried).toHaveLength(3);
  });

  test.each([
    ['a function that is not there', 'shop.nobody', undefined],
    ['a revision that is not there', 'shop.totals', 'r9-00000000'],
    ['a function with one revision', 'shop.totals', undefined],
  ])('%s is refused', async (_, unit, revision) => {
    await w.deploy(contextSpec([reading('totals')]), { totals: 'v1' });
    expect(problemCodes(await w.deployments.rollBack(unit, revision))).toEqual([`${unit} FAAS_REVISION_UNKNOWN`]);
  });
});

test('a roll-back that was decided on one revision leaves another one alone', async () => {
  for (const bundle of ['v1', 'v2', 'v3']) await w.deploy(contextSpec([reading('totals')]), { totals: bundle });
  const [newest] = await live();
  const [decidedOn] = (await w.deployments.rollBack('shop.totals', undefined, 'r2-00000000')).kind === 'refused' ? await live() : [];
  expect(decidedOn).toEqual(newest);
});

describe('remove', () => {
  test('keeps state, inbox and dead letters', async () => {
    await w.deploy(contextSpec([reading('totals')]), { totals: 'v1' });
    expect(await w.deployments.remove('shop', 'totals', { state: false })).toEqual({ kind: 'removed', units: ['shop.totals'] });
    expect(await live()).toEqual([]);
    expect(await w.streams.describeTopic('faas.shop.totals.inbox')).toEqual({ topic: 'faas.shop.totals.inbox', partitions: 4 });
  });

  test('takes them away when told', async () => {
    await w.deploy(contextSpec([reading('totals')]), { totals: 'v1' });
    await w.deployments.remove('shop', undefined, { state: true });
    expect(await w.streams.describeTopic('faas.shop.totals.inbox')).toBeUndefined();
    expect(await w.registry.contexts()).toEqual([]);
  });

  test('what is not there is unknown', async () => {
    expect(await w.deployments.remove('shop', undefined, { state: false })).toEqual({ kind: 'unknown' });
  });
});
