import { expect, test } from 'vitest';
import { deployContext } from '../../controller/operator/deploy-context.ts';
import type { ClusterObject } from '../../controller/ports/objects.ts';
import { inline, OperatorWorld } from './operator-world.ts';

const functionOf = (name: string): ClusterObject => ({
  metadata: { name: `shop.${name}`, uid: name, resourceVersion: '1', generation: 1 },
  spec: { code: { inline } },
});
const resourcesOf = (...names: readonly string[]) => ({
  context: 'shop',
  changed: undefined,
  functions: new Map(names.map(name => [name, functionOf(name)])),
});

test('what is removed, or rolled back, while a deployment of resources waits for its turn stays so', async () => {
  const { adapters, clock, deployments, options } = new OperatorWorld();
  await deployContext(options, resourcesOf('old', 'totals'));
  const [totals] = (await adapters.registry.functions()).filter(({ name }) => name === 'totals');
  const next = new Map([['totals', { ...functionOf('totals'), spec: { code: { inline: `${inline}//` } } }]]);
  await deployContext(options, { ...resourcesOf(), functions: next });
  const others = deployments.exclusively(() => clock.sleep(10_000));
  const removal = deployments.remove('shop', 'old', { state: false });
  const rollback = deployments.rollBack('shop.totals', undefined);
  const deployment = deployContext(options, resourcesOf('fresh'));
  await clock.advance(20_000);
  await Promise.all([others, removal, rollback, deployment]);
  const live = (await adapters.registry.functions()).map(({ name, live: { id } }) => [name, id]);
  expect(live).toEqual([
    ['fresh', expect.stringMatching(/^r1-/)],
    ['totals', totals?.live.id],
  ]);
});
