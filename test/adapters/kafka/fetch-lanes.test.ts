import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Fetch, FetchLanes } from '../../../controller/adapters/kafka/fetch-lanes.ts';
import type { FetchedPart } from '../../../controller/adapters/kafka/fetch-request.ts';
import { FetchedRecords } from '../../../controller/adapters/kafka/waiting-records.ts';
import { silentLog } from '../../../controller/telemetry/log.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const node = 1;
let clock: VirtualClock;
let lanes: FetchLanes;
/** Of `orders`, by partition. */
let ends: number[];
let asked: { quick: number[]; idle: number[] };
let wake: Set<() => void>;

/** A broker that answers as Kafka does: as soon as something is there, else after the wait. */
const fetchOf =
  (lane: 'quick' | 'idle'): Fetch =>
  async (_, parts, waitMs) => {
    asked[lane].push(parts.length);
    const isThere = () => parts.some(({ partition, offset }) => (ends[partition] ?? 0) > offset);
    for (const untilMs = clock.steady() + waitMs; !isThere() && clock.steady() < untilMs; ) {
      await new Promise<void>(resolve => {
        wake.add(resolve);
        clock.after(untilMs - clock.steady(), resolve);
      });
    }
    return parts.map(({ topic, partition, offset }): FetchedPart => {
      const end = ends[partition] ?? 0;
      return {
        topic,
        partition,
        errorCode: 0,
        records: new FetchedRecords(),
        nextOffset: end > offset ? end : undefined,
        batchBytes: undefined,
        cutOff: false,
      };
    });
  };

beforeEach(() => {
  clock = new VirtualClock();
  ends = [0, 0];
  asked = { quick: [], idle: [] };
  wake = new Set();
  const topology = { leaderOf: () => node, topicIdOf: () => undefined, load: async () => {}, forget() {} };
  lanes = new FetchLanes({ topology, quick: fetchOf('quick'), idle: fetchOf('idle'), clock, log: silentLog });
});
afterEach(async () => {
  lanes.close();
  await clock.advance(2_000);
});

function append(partition: number): void {
  ends[partition] = (ends[partition] ?? 0) + 1;
  for (const one of wake) one();
  wake.clear();
}

/** Reads on and on; answers where it is, and when it came there. */
function reader(partition: number, offset = 0): { offset: number; atMs: number } {
  const state = { offset, atMs: 0 };
  const next = (): void => {
    lanes.add({
      topic: 'orders',
      topicId: undefined,
      partition,
      offset: state.offset,
      bytes: 1_000,
      by: {
        done({ nextOffset = 0 }) {
          Object.assign(state, { offset: nextOffset, atMs: clock.steady() });
          next();
        },
        failed(error) {
          throw error;
        },
      },
    });
  };
  next();
  return state;
}

test('fifty who wait for the same two partitions are one request per second, of two parts', async () => {
  for (let index = 0; index < 50; index += 1) reader(index % 2);
  await clock.advance(3_000);
  asked = { quick: [], idle: [] };
  await clock.advance(10_000);
  expect(asked).toEqual({ quick: [], idle: Array.from({ length: 10 }, () => 2) });
});

test('who comes while the idle request is on its way joins the next one', async () => {
  reader(0);
  await clock.advance(1_500);
  reader(1);
  await clock.advance(2_000);
  asked = { quick: [], idle: [] };
  await clock.advance(5_000);
  expect([asked.quick.length, new Set(asked.idle)]).toEqual([0, new Set([2])]);
});

test.each([
  ['waits for a second at a time', 5_300],
  ['has just come', 1_505],
])('what is appended is heard at once by all who wait for it, whoever %s', async (_, appendAfterMs) => {
  const first = reader(0);
  await clock.advance(1_500);
  const others = [reader(0), reader(0), reader(1)];
  await clock.advance(appendAfterMs - 1_500);
  append(0);
  const appendedMs = clock.steady();
  await clock.advance(500);
  expect([first, ...others].map(({ offset }) => offset)).toEqual([1, 1, 1, 0]);
  for (const { atMs } of [first, ...others.slice(0, 2)]) expect(atMs - appendedMs).toBeLessThanOrEqual(10);
});

test('what fifty wait for is fetched once', async () => {
  const readers = Array.from({ length: 50 }, () => reader(0));
  await clock.advance(5_300);
  asked = { quick: [], idle: [] };
  append(0);
  await clock.advance(5);
  expect(new Set(readers.map(({ offset }) => offset))).toEqual(new Set([1]));
  // The answer of the request that waited; what follows waits for the next record.
  expect(asked.idle.length + asked.quick.length).toBeLessThanOrEqual(1);
});

test('while the idle request is on its way those at different places of a partition are asked for in turns', async () => {
  ends = [2, 0];
  reader(1);
  await clock.advance(1_500);
  reader(0, 2);
  const behind = reader(0, 0);
  await clock.advance(50);
  expect(behind.offset).toBe(2);
});

test('who is behind is given what is there, beside one who waits at the end', async () => {
  append(0);
  append(0);
  const atEnd = reader(0, 2);
  await clock.advance(3_000);
  const behind = reader(0, 0);
  await clock.advance(20);
  expect([behind.offset, atEnd.offset]).toEqual([2, 2]);
  append(0);
  await clock.advance(20);
  expect([behind.offset, atEnd.offset]).toEqual([3, 3]);
});
