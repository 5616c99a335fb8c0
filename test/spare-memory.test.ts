import { expect, test } from 'vitest';
import { type Heap, processHeap, spareMemory } from '../controller/spare-memory.ts';
import { silentLog } from '../controller/telemetry/log.ts';
import { VirtualClock } from './support/virtual-clock.ts';

const mebibyte = 2 ** 20;

/** At which looks the heap is collected, down to what is alive. A look: what it holds, what of that is alive, and how busy the loop is. */
async function collections(
  looks: readonly (readonly [usedMib: number, aliveMib: number, utilization: number])[],
): Promise<readonly number[]> {
  const clock = new VirtualClock();
  const stop = new AbortController();
  const collected: number[] = [];
  let look = -1;
  let usedMib = 0;
  const heap: Heap = {
    utilization() {
      look += 1;
      usedMib = looks[look]?.[0] ?? 0;
      if (look === looks.length) stop.abort();
      return looks[look]?.[2] ?? 1;
    },
    usedBytes: () => usedMib * mebibyte,
    async collect() {
      collected.push(look);
      usedMib = looks[look]?.[1] ?? 0;
    },
  };
  const over = spareMemory(heap, { clock, log: silentLog }, stop.signal);
  await clock.run(() => look === looks.length);
  await over;
  return collected;
}

test.each<[string, Parameters<typeof collections>[0], readonly number[]]>([
  [
    'once after the start',
    [
      [60, 40, 0],
      [41, 40, 0],
      [63, 40, 0],
    ],
    [0],
  ],
  [
    'never while it is busy',
    [
      [200, 40, 0.21],
      [300, 40, 1],
    ],
    [],
  ],
  [
    'when a busy time is over',
    [
      [60, 40, 0.05],
      [300, 40, 0.9],
      [300, 40, 0.2],
    ],
    [0, 2],
  ],
  [
    'again when a small heap has grown by 24 MiB',
    [
      [60, 40, 0],
      [63, 40, 0],
      [64, 40, 0],
    ],
    [0, 2],
  ],
  [
    'again when a large heap has grown by a quarter',
    [
      [400, 200, 0],
      [249, 200, 0],
      [250, 200, 0],
    ],
    [0, 2],
  ],
  ['a small heap not at all', [[23, 20, 0]], []],
])('memory is given back: %s', async (_, looks, expected) => {
  expect(await collections(looks)).toEqual(expected);
});

test('a process that cannot collect goes on without', async () => {
  const clock = new VirtualClock();
  const heap: Heap = { utilization: () => 0, usedBytes: () => 2 ** 30, collect: () => Promise.reject(new Error('no inspector')) };
  const over = spareMemory(heap, { clock, log: silentLog }, new AbortController().signal);
  await clock.run(() => false);
  await over;
});

test('of this process: garbage is gone after it', async () => {
  const heap = processHeap();
  await heap.collect();
  const aliveBytes = heap.usedBytes();
  // Kept long enough to be old.
  let garbage: readonly string[][] = Array.from({ length: 40 }, (_, outer) =>
    Array.from({ length: 20_000 }, (_, inner) => `${outer}.${inner}`),
  );
  await heap.collect();
  expect(heap.usedBytes()).toBeGreaterThan(aliveBytes + garbage.length * mebibyte * 0.5);
  garbage = [];
  await heap.collect();
  expect(heap.usedBytes()).toBeLessThan(aliveBytes + 10 * mebibyte);
  expect(heap.utilization()).toBeLessThanOrEqual(1);
});
