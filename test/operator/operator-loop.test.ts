import { expect, test } from 'vitest';
import { ContextOperator } from '../../controller/operator/context-operator.ts';
import { inline, OperatorWorld } from './operator-world.ts';

test('what the resources say becomes live, and their status says so', async () => {
  const world = new OperatorWorld();
  await world.apply('shop', 'shop.totals');
  world.start();
  await world.clock.advance(5_000);
  expect(await world.live()).toEqual(['shop.totals']);
  expect([world.condition('shop.totals', 'Ready'), world.condition('shop', 'Ready', 'Context')]).toEqual(['True Live', 'True Live']);
  await world.resources.remove('Function', 'shop.totals');
  await world.clock.advance(5_000);
  expect(await world.live()).toEqual([]);
  expect(world.resources.get('Function', 'shop.totals')).toBeUndefined();
  await world.stop();
});

test('a function that no node can hold keeps no status and no finalizer of another context waiting', async () => {
  const world = new OperatorWorld();
  world.unplaceable.add('stuck.big');
  await world.apply('fine', 'fine.one');
  world.start();
  await world.clock.advance(5_000);
  await world.apply('stuck', 'stuck.big');
  await world.clock.advance(5_000);
  expect(world.trials.at(-1)?.unit).toBe('stuck.big');
  world.backlogEvents = 7;
  await world.apply('other');
  await world.clock.advance(15_000);
  expect(world.condition('stuck.big', 'Progressing')).toBeUndefined();
  expect(world.resources.get('Function', 'fine.one')?.status).toMatchObject({ lag: 7 });
  expect(world.resources.get('Context', 'other')?.metadata.finalizers).toEqual(['faas.internal/drain']);
  await world.clock.advance(20_000);
  expect(world.condition('stuck.big', 'Progressing')).toBe('False FAAS_POD_START');
  expect(world.condition('other', 'Ready', 'Context')).toBe('True Live');
  await world.stop();
});

test('what changes during a look is seen when that is over', async () => {
  const world = new OperatorWorld();
  world.unplaceable.add('stuck.big');
  await world.apply('stuck', 'stuck.big');
  world.start();
  await world.clock.advance(10_000);
  await world.apply('stuck.small');
  await world.clock.advance(15_000);
  expect(world.trials.map(({ unit }) => unit)).toEqual(['stuck.big']);
  world.unplaceable.clear();
  const [first] = world.trials;
  const endsAtMs = (first?.atMs ?? 0) + 30_000;
  await world.clock.advance(20_000);
  expect(world.trials.find(({ unit }) => unit === 'stuck.small')?.atMs).toBeLessThanOrEqual(endsAtMs + 2_000);
  expect(await world.live()).toContain('stuck.small');
  await world.stop();
});

test('the end of the leadership waits for looks that are under way, and begins no other', async () => {
  const world = new OperatorWorld();
  world.unplaceable.add('stuck.big');
  await world.apply('stuck', 'stuck.big');
  world.start();
  await world.clock.advance(10_000);
  await world.stop();
  expect(world.trials.length).toBe(1);
  expect(world.condition('stuck.big', 'Progressing')).toBe('False FAAS_POD_START');
});

test('of a context that is gone nothing is remembered: one of its name is tried again as soon as any new one', async () => {
  const world = new OperatorWorld();
  world.unplaceable.add('shop.big');
  await world.apply('shop', 'shop.big');
  world.start();
  await world.clock.advance(200_000);
  const before = world.trials.length;
  expect(before).toBeGreaterThanOrEqual(3);
  await world.resources.remove('Function', 'shop.big');
  await world.resources.remove('Context', 'shop');
  await world.clock.advance(60_000);
  expect(world.resources.get('Context', 'shop')).toBeUndefined();
  const gone = world.trials.length;
  await world.apply('shop', 'shop.big');
  await world.clock.advance(60_000);
  const [first, second] = world.trials.slice(gone);
  expect((second?.atMs ?? Number.POSITIVE_INFINITY) - (first?.atMs ?? 0)).toBeLessThanOrEqual(30_000 + 5_000 + 6_000);
  await world.stop();
});

test('of a resource that is gone nothing is remembered', async () => {
  const world = new OperatorWorld();
  const operator = new ContextOperator(world.options, 'shop', 1);
  const metadata = { name: 'shop.totals', uid: 'u', resourceVersion: '1', generation: 1, finalizers: ['faas.internal/drain'] };
  const held = { context: undefined, functions: new Map([['totals', { metadata, spec: { code: { inline: `${inline}//` } } }]]) };
  const look = async (resources: Parameters<ContextOperator['look']>[0]) =>
    operator.look(resources, new Map((await world.options.figures()).map(one => [one.unit, one])));
  let deploys = 0;
  const { exclusively } = world.deployments;
  Object.assign(world.deployments, {
    exclusively: (...args: Parameters<typeof exclusively>) => {
      deploys += 1;
      return exclusively(...args);
    },
  });
  await look(held);
  await look(held);
  expect(deploys).toBe(1);
  await look({ context: undefined, functions: new Map() });
  await look(held);
  expect(deploys).toBe(2);
});
