import { expect, test } from 'vitest';
import { DispatchWorld, liveFunction } from '../support/dispatch-world.ts';

test('a record is handled, its state, emit and progress are committed together', async () => {
  const world = new DispatchWorld();
  const live = liveFunction('totals', { emitTopics: { vips: 'shop.int.vips' } });
  await world.deploy(live, {
    handler: 'event',
    concurrency: 4,
    async run(_event, ctx) {
      const count = Number((await ctx.read(ctx.key ?? '')) ?? 0) + 1;
      ctx.write(ctx.key ?? '', String(count));
      ctx.emit('vips', ctx.key, `${ctx.key}=${count}`);
    },
  });
  await world.append('orders', [
    { key: 'a', value: '1' },
    { key: 'b', value: '2' },
    { key: 'a', value: '3' },
  ]);
  await world.settle();
  expect(await world.state(live.unit)).toEqual({ a: '2', b: '1' });
  expect((await world.values('shop.int.vips')).sort()).toEqual(['a=1', 'a=2', 'b=1']);
  expect(await world.adapters.state.progress(live.unit)).toEqual([{ source: 'orders.0', frontier: 3, doneAbove: 0 }]);
  expect(world.pods.wishes[0]).toEqual({ unit: 'shop.totals', pods: 1, reason: 'first-event' });
  await world.dispatcher.stop(0);
});
