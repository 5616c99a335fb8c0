import { getHeapSpaceStatistics } from 'node:v8';
import { expect, test } from 'vitest';
import { type Heap, processHeap, spareMemory } from '../controller/spare-memory.ts';
import { silentLog } from '../controller/telemetry/log.ts';
import { VirtualClock } from './support/virtual-clock.ts';

const mebibyte = 2 ** 20;

interface Spell {
  readonly seconds: number;
  /** Of the loop. */
  readonly utilization: number;
  readonly youngPerSecond?: number;
  /** What the heap holds in the end of it, and what of that stays after a collection. */
  readonly heldMib: number;
  readonly keptMib: number;
}

/** What is done to the heap, each with its second. */
async function doneTo(spells: readonly Spell[]): Promise<readonly string[]> {
  const clock = new VirtualClock();
  const stop = new AbortController();
  const done: string[] = [];
  const startedMs = clock.steady();
  let heldMib = 0;
  let now: Spell | undefined;
  const note = (what: string): number => done.push(`${what} at ${(clock.steady() - startedMs) / 1_000}`);
  const heap: Heap = {
    utilization: () => now?.utilization ?? 1,
    youngCollections: () => now?.youngPerSecond ?? 0,
    heldBytes: () => heldMib * mebibyte,
    async collect() {
      note('collect');
      heldMib = now?.keptMib ?? 0;
    },
    letYoungGrow: may => void note(may ? 'grow' : 'stay small'),
  };
  const over = spareMemory(heap, { clock, log: silentLog }, stop.signal);
  for (const spell of spells) {
    now = spell;
    heldMib = Math.max(heldMib, spell.heldMib);
    await clock.advance(spell.seconds * 1_000);
  }
  stop.abort();
  await clock.advance(1_000);
  await over;
  return done;
}

const idle = (seconds: number, heldMib: number, keptMib = 40): Spell => ({ seconds, utilization: 0.02, heldMib, keptMib });
const busy = (seconds: number, utilization: number, heldMib: number): Spell => ({ seconds, utilization, heldMib, keptMib: 40 });

test.each<[string, readonly Spell[], readonly string[]]>([
  ['once after the start', [idle(300, 60), idle(300, 63)], ['stay small at 46', 'collect at 46']],
  ['never while it is busy', [busy(300, 0.21, 200)], []],
  ['not in the pauses of a load', [busy(20, 0.9, 200), idle(20, 200), busy(20, 0.9, 200), idle(20, 200)], []],
  [
    'when a busy time is over; at its beginning the young space may grow again, soon enough for a burst',
    [idle(100, 60), busy(60, 0.9, 300), idle(100, 300)],
    ['stay small at 46', 'collect at 46', 'grow at 103', 'stay small at 205', 'collect at 205'],
  ],
  ['a busy second is no busy time', [idle(100, 60), busy(1, 1, 60), idle(100, 60)], ['stay small at 46', 'collect at 46']],
  [
    'again when a small heap has grown by 24 MiB',
    [idle(60, 60), idle(60, 63), idle(60, 64)],
    ['stay small at 46', 'collect at 46', 'collect at 136'],
  ],
  [
    'again when a large heap has grown by a quarter',
    [idle(60, 400, 200), idle(60, 249, 200), idle(60, 250, 200)],
    ['stay small at 46', 'collect at 46', 'collect at 136'],
  ],
  [
    'and its young space may grow while it is collected often',
    [idle(100, 60), { ...idle(30, 60), youngPerSecond: 8 }, idle(60, 60)],
    ['stay small at 46', 'collect at 46', 'grow at 114', 'stay small at 133'],
  ],
  ['a small heap not at all', [idle(300, 23)], []],
])('memory is given back: %s', async (_, spells, expected) => {
  expect(await doneTo(spells)).toEqual(expected);
});

test('a process that cannot collect goes on as it was', async () => {
  const clock = new VirtualClock();
  const growth: boolean[] = [];
  const heap: Heap = {
    utilization: () => 0,
    youngCollections: () => 0,
    heldBytes: () => 2 ** 30,
    collect: () => Promise.reject(new Error('no inspector')),
    letYoungGrow: may => void growth.push(may),
  };
  const over = spareMemory(heap, { clock, log: silentLog }, new AbortController().signal);
  await clock.run(() => false);
  await over;
  expect(growth).toEqual([false, true]);
});

test('of this process: garbage is gone after it', async () => {
  const heap = processHeap();
  await heap.collect();
  const keptBytes = heap.heldBytes();
  // Kept long enough to be old.
  let garbage: readonly string[][] = Array.from({ length: 40 }, (_, outer) =>
    Array.from({ length: 20_000 }, (_, inner) => `${outer}.${inner}`),
  );
  await heap.collect();
  expect(heap.heldBytes()).toBeGreaterThan(keptBytes + garbage.length * mebibyte * 0.5);
  garbage = [];
  await heap.collect();
  expect(heap.heldBytes()).toBeLessThan(keptBytes + 10 * mebibyte);
  expect(heap.utilization()).toBeLessThanOrEqual(1);
});

test('of this process: the young space grows with what outlives its collections, unless it may not', async () => {
  const heap = processHeap();
  const grownBytes = async (may: boolean): Promise<number> => {
    heap.letYoungGrow(may);
    await heap.collect();
    let recent: string[] = [];
    for (let made = 0; made < 1_000_000; made += 1) {
      recent.push(`number ${made}`);
      if (recent.length === 20_000) recent = [];
    }
    return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.physical_space_size ?? Number.NaN;
  };
  try {
    expect(await grownBytes(false)).toBeLessThan(4 * mebibyte);
    heap.youngCollections();
    expect(await grownBytes(true)).toBeGreaterThan(8 * mebibyte);
    // Observers are told in a later turn.
    for (let seen = 0; seen <= 2; seen += heap.youngCollections()) await new Promise(resolve => setImmediate(resolve));
    heap.youngCollections();
    expect(heap.youngCollections()).toBe(0);
  } finally {
    heap.letYoungGrow(true);
  }
});
