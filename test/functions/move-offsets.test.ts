import { expect, test } from 'vitest';
import { goneTopics, type MoveRequest, moveOffsets, type OffsetTarget, readOffsets } from '../../controller/functions/move-offsets.ts';
import { DispatchWorld, liveFunction } from '../support/dispatch-world.ts';

const live = liveFunction('late');

/** A function that stands at the beginning of a log of ten events in two partitions. */
async function world() {
  const { adapters, clock } = new DispatchWorld();
  await adapters.streams.ensureTopic('orders', { partitions: 2 });
  for (const partition of [0, 1]) {
    const records = Array.from({ length: 5 }, () => ({ partition, key: null, value: Buffer.from('1'), headers: [] }));
    await adapters.streams.append('orders', records);
  }
  const options = { ...adapters, registry: { hold: async () => {} }, clock };
  const move = (to: OffsetTarget, given: Partial<MoveRequest> = {}) =>
    moveOffsets(options, live, { to, stream: undefined, partition: undefined, allowRewind: false, ...given });
  return { options, move, streams: adapters.streams, clock };
}

test('a topic that is gone is said to be gone, not that the function reads none', async () => {
  const { options, move, streams } = await world();
  expect(await goneTopics(options, live)).toEqual([]);
  await streams.deleteTopic('orders');
  expect([await readOffsets(options, live), await goneTopics(options, live)]).toEqual([[], ['orders']]);
  await expect(move('earliest')).rejects.toMatchObject({
    code: 'FAAS_STREAM_UNKNOWN_TOPIC',
    message: 'the topic orders is gone, which shop.late reads',
  });
  await expect(move('earliest', { stream: 'other' })).rejects.toMatchObject({ code: 'FAAS_OFFSETS_NONE' });
});

test.each<[string, OffsetTarget, number[], number]>([
  ['an offset of the log', { offset: 5 }, [5, 5], 0],
  ['one beyond its end', { offset: 6 }, [5, 5], 2],
  ['the present', { timeMs: 0 }, [5, 5], 0],
  ['a time to come', { timeMs: 1 }, [5, 5], 2],
  ['its end', 'latest', [5, 5], 0],
])('%s: how many partitions have no such place is said', async (_, to, targets, clamped) => {
  const { move, clock } = await world();
  await clock.advance(1_000);
  const asked = typeof to !== 'string' && 'timeMs' in to ? { timeMs: clock.now() + to.timeMs } : to;
  const moved = move(asked);
  await clock.advance(1_000);
  const { moves, ...said } = await moved;
  expect([moves.map(({ target }) => target), said.clamped]).toEqual([targets, clamped]);
});
