import { expect, test } from 'vitest';
import { DispatchWorld, liveFunction } from '../support/dispatch-world.ts';

test('a topic that is gone is said to be, also while nobody can tell, until it is there again', async () => {
  const holding = new Set<string>();
  const world = new DispatchWorld({
    conditions: {
      raise: ({ place, reason }) => holding.add(`${place} ${reason}`),
      clear: ({ place }) => {
        for (const one of holding) if (one.startsWith(`${place} `)) holding.delete(one);
      },
      holds: () => false,
    },
  });
  const { streams } = world.adapters;
  await world.deploy(liveFunction('totals'));
  await world.clock.advance(5_000);
  expect([...holding]).toEqual([]);
  await streams.deleteTopic('orders');
  await world.clock.advance(5_000);
  const gone = ['topic orders FAAS_STREAM_UNKNOWN_TOPIC'];
  expect([...holding]).toEqual(expect.arrayContaining(gone));
  const describeTopic = streams.describeTopic.bind(streams);
  Object.assign(streams, { describeTopic: () => Promise.reject(new Error('the broker does not answer')) });
  await world.clock.advance(10_000);
  expect([...holding]).toEqual(expect.arrayContaining(gone));
  Object.assign(streams, { describeTopic });
  await streams.ensureTopic('orders', { partitions: 1 });
  await world.clock.advance(5_000);
  expect([...holding]).toEqual([]);
  await world.stop();
});
