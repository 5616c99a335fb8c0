import { describe, expect, test } from 'vitest';
import { describeWith } from '../services/needed-service.ts';
import { redisService } from '../services/redis.ts';
import { openOn, openOnServer, redisForTests, registryOf } from './redis-on-server.ts';
import { registryContract } from './registry.ts';
import { settableClock } from './settable-clock.ts';

describeWith(redisService, 'on a real server', () => {
  const redis = redisForTests();

  registryContract('redis', async () => registryOf(await openOnServer(redis(), settableClock())));

  describe('two servers on one registry', () => {
    const openTwo = async () => {
      const clock = settableClock();
      const one = await openOnServer(redis(), clock);
      const other = await openOn(redis().url, clock);
      const close = () => Promise.all([one.close(), other.close()]);
      return { one: one.adapters.registry, other: other.adapters.registry, close };
    };
    const spec = { context: 'shop', owner: 'team', streams: [], functions: [] };
    const condition = { type: 'Failing', status: true, reason: 'Because', message: 'it is so', sinceMs: 5 };

    test('what one changes the other sees with its next question, whatever it has read before, and is told of', async () => {
      const { one, other, close } = await openTwo();
      let told = 0;
      other.watch(() => {
        told += 1;
      });
      const seen = async () => (await other.contexts()).map(({ deployedAtMs }) => deployedAtMs);
      expect(await seen()).toEqual([]);
      for (const atMs of [10, 20, 30]) {
        await one.activate(spec, new Map(), atMs);
        expect(await seen()).toEqual([atMs]);
      }
      await expect.poll(() => told).toBeGreaterThanOrEqual(3);
      await other.activate(spec, new Map(), 40);
      expect((await one.contexts()).map(({ deployedAtMs }) => deployedAtMs)).toEqual([40]);
      await close();
    });

    test('a condition of one is seen by the other, and is no change of what both have read', async () => {
      const { one, other, close } = await openTwo();
      await one.activate(spec, new Map(), 10);
      const version = () => redis().admin.hget('faas:{registry}', 'version');
      const before = await version();
      await one.setCondition('shop.totals', condition);
      expect(await other.conditions('shop.totals')).toEqual([condition]);
      await other.removeCondition('shop.totals', 'Failing');
      expect(await one.conditions('shop.totals')).toEqual([]);
      expect(await version()).toBe(before);
      await close();
    });

    test('changes that both make at once are all made', async () => {
      const { one, other, close } = await openTwo();
      const holds = Array.from({ length: 10 }, (_, index) => [one, other].map(registry => registry.hold(`shop.f${index}`, index + 1)));
      const contexts = [one, other].map((registry, index) => registry.activate({ ...spec, context: `of-${index}` }, new Map(), 1));
      await Promise.all([...holds.flat(), ...contexts]);
      for (const registry of [one, other]) expect((await registry.contexts()).map(one => one.spec.context)).toEqual(['of-0', 'of-1']);
      await close();
    });
  });
});
