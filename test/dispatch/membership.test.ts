import { expect, test } from 'vitest';
import { FaasError } from '../../controller/errors.ts';
import type { JoinOptions } from '../../controller/ports/streams.ts';
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

test('a group that does not answer is a condition of the function until it answers', async () => {
  const holding = new Set<string>();
  const world = new DispatchWorld({
    conditions: {
      raise: ({ type, place }) => holding.add(`${place} ${type}`),
      clear: ({ type, place }) => holding.delete(`${place} ${type}`),
      holds: () => false,
    },
  });
  const { streams } = world.adapters;
  const joined: JoinOptions[] = [];
  const join = streams.join.bind(streams);
  Object.assign(streams, {
    join: (options: JoinOptions) => {
      joined.push(options);
      return join(options);
    },
  });
  await world.deploy(liveFunction('totals'));
  await world.clock.advance(1_000);
  for (const { onAway } of joined) onAway?.(new FaasError('FAAS_KAFKA_UNREACHABLE', 'no answer within 5000 ms'));
  expect([...holding]).toEqual(['group StreamUnreachable']);
  for (const { onBack } of joined) onBack?.();
  expect([...holding]).toEqual([]);
  await world.stop();
});
