import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LogEnds } from '../../controller/scale/log-ends.ts';
import { PartitionReader } from '../../controller/scale/read-sample.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { liveFunction } from '../gateway/live-functions.ts';
import { partitionReport, unitReport } from '../support/unit-report.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const batch = { size: 100, windowMs: 0 };
const topics = ['orders', 'refunds'];
const ends = new Map([
  ['orders', [100, 200, 0]],
  ['refunds', [50, 70]],
]);
const subscriptions = topics.map(
  topic => ({ topic, stream: topic, order: 'key', batch, filter: undefined, from: 'latest', inbox: false }) as const,
);
const live = { ...liveFunction('shop.bill', []), subscriptions };
const places = [...ends].flatMap(([topic, of]) => of.map((end, partition) => ({ topic, partition, end })));

async function readLogs(clock: VirtualClock, stored = true) {
  const source = ({ topic, partition, end }: (typeof places)[number]) => ({
    ...{ source: `${topic}.${partition}`, frontier: Math.max(0, end - 7), doneAbove: 2 },
  });
  const logs = new LogEnds({
    ...{ clock, log: silentLog },
    state: { progress: async () => (stored ? places.map(source) : []) },
    streams: {
      ends: async () => ends,
      bounds: async () => [],
      committed: async () => [],
      read: async () => ({ records: [], nextOffset: 0 }),
    },
  });
  await logs.read(topics);
  logs.progress(live);
  await clock.advance(1);
  return logs;
}

const reported = fc.subarray(places).chain(some => fc.shuffledSubarray(some, { minLength: some.length, maxLength: some.length }));

test('whatever is reported in whatever order: each partition in its place, of the report if there is one, else of the store', async () => {
  const clock = new VirtualClock();
  const logs = await readLogs(clock);
  const reader = new PartitionReader();
  fc.assert(
    fc.property(reported, some => {
      const partitions = some.map(({ topic, partition, end }) => partitionReport(topic, partition, { frontier: end, nextOffset: end }));
      expect(reader.read(live, unitReport(live.unit, { partitions }), logs, clock.steady())).toEqual(
        places.map(({ topic, partition, end }) => {
          const isDone = some.some(one => one.topic === topic && one.partition === partition) || end === 0;
          const doneTo = isDone ? { frontier: end, doneAbove: 0 } : { frontier: end - 7, doneAbove: 2 };
          return { name: `${topic}.${partition}`, endOffset: end, ...doneTo };
        }),
      );
    }),
  );
});

test('one partition of which neither dispatcher nor store knows: none is known', async () => {
  const clock = new VirtualClock();
  const logs = await readLogs(clock, false);
  const partitions = places.slice(1).map(({ topic, partition }) => partitionReport(topic, partition));
  expect(new PartitionReader().read(live, unitReport(live.unit, { partitions }), logs, clock.steady())).toBeUndefined();
});
