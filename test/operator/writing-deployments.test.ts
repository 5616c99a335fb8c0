import { expect, test } from 'vitest';
import type { ContextSpec } from '../../controller/manifest/spec.ts';
import { writingDeployments } from '../../controller/operator/writing-deployments.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { OperatorWorld } from './operator-world.ts';

/** Two functions that came as resources, with an operator that looks at them and an API that writes to them. */
async function begin() {
  const world = new OperatorWorld();
  world.refreshMs = 12_000;
  const deployments = writingDeployments(world.deployments, { resources: world.resources, log: silentLog });
  await world.apply('shop', 'shop.totals', 'shop.mails');
  world.start();
  await world.clock.advance(60_000);
  expect(await world.live()).toEqual(['shop.mails', 'shop.totals']);
  const trialsBefore = world.trials.length;
  const newTrials = () => world.trials.slice(trialsBefore).map(({ unit }) => unit);
  /** The world goes on while somebody waits. */
  const meanwhile = async <Result>(work: Promise<Result>): Promise<Result> => {
    const settled = work.catch(() => undefined);
    await world.clock.advance(120_000);
    await settled;
    return work;
  };
  const there = () =>
    ['shop', 'shop.totals', 'shop.mails'].filter(name => world.resources.get(name === 'shop' ? 'Context' : 'Function', name));
  return { world, deployments, newTrials, meanwhile, there };
}

test.each([[false], [true]])(
  'what came as resources and is deleted by the API goes with them, and is not deployed again; state: %s',
  async state => {
    const { world, deployments, newTrials, meanwhile, there } = await begin();
    await world.adapters.streams.append('faas.shop.totals.inbox', [{ partition: 0, key: null, value: null, headers: [] }]);
    expect(await meanwhile(deployments.remove('shop', 'totals', { state }))).toEqual({ kind: 'removed', units: ['shop.totals'] });
    expect([await world.live(), there(), newTrials()]).toEqual([['shop.mails'], ['shop', 'shop.mails'], []]);
    expect((await world.adapters.streams.describeTopic('faas.shop.totals.inbox')) === undefined).toBe(state);
    expect(await meanwhile(deployments.remove('shop', undefined, { state }))).toEqual({ kind: 'removed', units: ['shop.mails'] });
    expect([await world.live(), there(), newTrials()]).toEqual([[], [], []]);
    await world.stop();
  },
);

test('a context goes with resources of it that could never become live', async () => {
  const { world, deployments, meanwhile, there } = await begin();
  await world.resources.apply({ kind: 'Function', name: 'shop.bad', spec: { code: { bundle: 'a'.repeat(64) } } });
  await world.clock.advance(60_000);
  expect(world.condition('shop.bad', 'Progressing')).toBe('False FAAS_BUNDLE_UNKNOWN');
  await meanwhile(deployments.remove('shop', undefined, { state: false }));
  expect([await world.live(), there(), world.resources.get('Function', 'shop.bad')]).toEqual([[], [], undefined]);
  await world.stop();
});

test('a function that a deploy leaves out is not deployed again from its resource', async () => {
  const { world, deployments, newTrials, meanwhile, there } = await begin();
  const spec = await specOf(world, 'shop');
  const bundles = new Map((await world.adapters.registry.functions('shop')).map(({ name, live }) => [name, live.bundleHash]));
  const functions = spec.functions.filter(({ name }) => name !== 'mails');
  const result = await meanwhile(deployments.deploy({ ...spec, functions }, bundles));
  expect(result).toMatchObject({ kind: 'deployed', warnings: [] });
  expect([await world.live(), there(), newTrials()]).toEqual([['shop.totals'], ['shop', 'shop.totals'], []]);
  await world.stop();
});

test('while the cluster does not answer nothing is deleted', async () => {
  const { world, deployments, newTrials, meanwhile } = await begin();
  world.resources.setAway(true);
  await expect(meanwhile(deployments.remove('shop', undefined, { state: true }))).rejects.toMatchObject({
    code: 'FAAS_KUBERNETES_UNREACHABLE',
  });
  expect([await world.live(), newTrials()]).toEqual([['shop.mails', 'shop.totals'], []]);
  await world.stop();
});

test('a function that was wished and never became live is taken out of the cluster; one that nobody wished is unknown', async () => {
  const { world, deployments, meanwhile, there } = await begin();
  await world.resources.apply({ kind: 'Function', name: 'shop.never', spec: { code: { bundle: 'a'.repeat(64) } } });
  await world.clock.advance(60_000);
  expect(await meanwhile(deployments.remove('shop', 'never', { state: false }))).toEqual({ kind: 'removed', units: ['shop.never'] });
  expect([there(), world.resources.get('Function', 'shop.never')]).toEqual([['shop', 'shop.totals', 'shop.mails'], undefined]);
  expect(await meanwhile(deployments.remove('shop', 'nobody', { state: false }))).toEqual({ kind: 'unknown' });
  await world.stop();
});

async function specOf(world: OperatorWorld, context: string): Promise<ContextSpec> {
  const record = await world.adapters.registry.context(context);
  if (record === undefined) throw new Error(`there is no context ${context}`);
  return record.spec;
}
