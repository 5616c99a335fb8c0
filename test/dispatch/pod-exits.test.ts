import { expect, test } from 'vitest';
import { PodExits } from '../../controller/wire/pod-exits.ts';
import { MemoryPodFleet } from '../support/memory-pod-client.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

test('each who lost a pod waits 3 s for its end by itself: one that gives up takes nothing from the next', async () => {
  const clock = new VirtualClock(0);
  const fleet = new MemoryPodFleet({ clock, faults: { exitDelayMs: () => 3_500 } });
  const exits = new PodExits({ pods: fleet, client: fleet.client, clock });
  const { pod } = fleet.start('a.b', 'r1', { handler: 'event', concurrency: 1, run() {} });
  fleet.end(pod.id, 'stopped');
  const asks = [0, 1_000, 2_000].map(async atMs => {
    await clock.sleep(atMs);
    return [await exits.hasCrashed(pod), clock.now()];
  });
  await clock.advance(10_000);
  expect(await Promise.all(asks)).toEqual([
    [undefined, 3_000],
    [false, 3_500],
    [false, 3_500],
  ]);
});
