import { expect, test } from 'vitest';
import { createMemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import type { Finding } from '../../controller/conditions/conditions.ts';
import type { FailingReport } from '../../controller/dispatch/dispatcher.ts';
import type { LiveFunction } from '../../controller/functions/live-function.ts';
import { decide } from '../../controller/scale/decide.ts';
import { PartitionRow } from '../../controller/scale/partition-rows.ts';
import type { ScaleOverride } from '../../controller/scale/resolve-policy.ts';
import { ScaleLoop } from '../../controller/scale/scale-loop.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { noMetrics } from '../../controller/telemetry/metrics.ts';
import { liveFunction } from '../support/dispatch-world.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { unitReport } from '../support/unit-report.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const live: LiveFunction = liveFunction('totals', { subscriptions: [] });
const failing: FailingReport = { revision: live.revision, sinceMs: 0, failed: 20, of: 20, probesFailed: 0, last: undefined };
const report = unitReport(live.unit);

class Rig {
  readonly clock = new VirtualClock();
  readonly told: string[] = [];
  readonly loop: ScaleLoop;
  report = report;
  readonly adapters = createMemoryAdapters({ clock: this.clock, random: seededRandom(1) });
  replicas = 0;
  isStoreAway = false;
  override: ScaleOverride | undefined;

  constructor(fn: LiveFunction = live) {
    const tell =
      (word: string) =>
      ({ type, place, reason = '' }: Pick<Finding, 'type' | 'place'> & Partial<Finding>) => {
        this.told.push(`${word} ${type} ${place} ${reason}`.trim());
      };
    const ready = () => ({ ready: this.replicas, starting: 0, draining: 0 });
    this.loop = new ScaleLoop({
      ...this.adapters,
      ...{
        clock: this.clock,
        log: silentLog,
        metrics: noMetrics,
        idleLimitMs: 300_000,
        idlePodsMax: () => 100,
        budget: 0,
        random: seededRandom(2),
      },
      conditions: { raise: tell('raise'), clear: tell('clear') },
      live: () => [fn],
      report: () => [this.report],
      calls: () => ({ open: 0, takenTotal: 0 }),
      pods: () => new Map([[live.unit, ready()]]),
      replicas: () => this.replicas,
      scale: (_, replicas) => {
        this.replicas = replicas;
      },
      overrides: {
        of: () => (this.isStoreAway ? undefined : this.override),
        load: async () => {
          if (this.isStoreAway) throw new Error('the store is away');
        },
      },
    });
  }

  /** Until its turn to scale is over. */
  async run(ms: number): Promise<void> {
    const stop = new AbortController();
    const over = this.loop.run(stop.signal);
    await this.clock.advance(ms);
    stop.abort();
    await this.clock.advance(1_000);
    await over;
  }

  async ticks(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      await this.loop.tick();
      await this.clock.advance(1_000);
    }
  }
}

test('a function that its breaker has paused keeps its pods, gets one to be tried with, and who paused it says so', async () => {
  const rig = new Rig();
  rig.report = { ...report, failing };
  await rig.ticks(2);
  rig.loop.want(live.unit, 3, 'first-event');
  expect(rig.replicas).toBe(1);
  rig.replicas = 4;
  await rig.ticks(700);
  expect(rig.replicas).toBe(4);
  expect(rig.told).toEqual([]);
  rig.report = report;
  await rig.ticks(700);
  expect(rig.replicas).toBe(0);
});

const at = { topic: 'orders', partition: 0, endOffset: 1, nextOffset: 1, oldestAppendedAtMs: undefined };

test('a server that starts takes no pod away before it knows what was set by hand', async () => {
  const rig = new Rig();
  rig.isStoreAway = true;
  rig.override = { min: 12, max: 12, untilMs: Number.MAX_SAFE_INTEGER };
  rig.replicas = 12;
  await rig.ticks(400);
  expect(rig.replicas).toBe(12);
  rig.isStoreAway = false;
  await rig.ticks(400);
  expect(rig.replicas).toBe(12);
  rig.override = undefined;
  await rig.ticks(400);
  expect(rig.replicas).toBe(0);
});

/** One event that is in flight and never comes back. */
async function stuckRig(): Promise<Rig> {
  const rig = new Rig(liveFunction('totals', { subscriptions: [{ topic: 'orders' }] }));
  await rig.adapters.streams.ensureTopic('orders', { partitions: 1 });
  await rig.adapters.streams.append('orders', [{ partition: 0, key: null, value: null, headers: [] }]);
  rig.replicas = 1;
  rig.report = { ...report, waiting: 1, inFlight: 1, partitions: [{ ...at, frontier: 0, inFlight: 1, openEvents: 1 }] };
  return rig;
}

test('what held is over when somebody else scales', async () => {
  const rig = await stuckRig();
  await rig.run(120_000);
  expect(rig.told).toEqual(['raise Stuck scaling Stuck', 'clear Stuck scaling']);
});

test('what holds scaling is told when it begins and when it is over, once each', async () => {
  const rig = await stuckRig();
  await rig.ticks(120);
  expect(rig.told).toEqual(['raise Stuck scaling Stuck']);
  rig.report = { ...report, partitions: [{ ...at, frontier: 1, inFlight: 0, openEvents: 0 }] };
  await rig.ticks(30);
  expect(rig.told).toEqual(['raise Stuck scaling Stuck', 'clear Stuck scaling']);
});

test('an idle function that cannot be read in its turn is read in a later tick; what cannot be read for long is said', async () => {
  const rig = new Rig(liveFunction('totals', {}));
  await rig.adapters.streams.ensureTopic('orders', { partitions: 1 });
  await rig.ticks(15);
  const { ends } = rig.adapters.streams;
  const cutOff = async (ms: number): Promise<void> => {
    rig.adapters.streams.ends = () => Promise.reject(new Error('cut off'));
    await rig.ticks(ms / 1_000);
    rig.adapters.streams.ends = ends;
    await rig.ticks(15);
  };
  await cutOff(18_000);
  expect([rig.told, rig.loop.inputs(live.unit)?.observation.backlogEvents]).toEqual([[], { state: 'known', value: 0 }]);
  await cutOff(40_000);
  expect(rig.told).toEqual(['raise MetricsStale scaling MetricsStale', 'clear MetricsStale scaling']);
});

const orders = liveFunction('totals', { scale: { min: 0, max: 10, maxAgeMs: 5_000, lagThreshold: undefined, prefer: 'balanced' } });

class AgeRig extends Rig {
  /** No dispatcher has the partition until events are told. */
  constructor() {
    super(orders);
    this.report = unitReport(live.unit);
  }

  async begin(): Promise<void> {
    await this.adapters.streams.ensureTopic('orders', { partitions: 1 });
    await this.adapters.streams.setCommitted(orders.group, 'orders', [{ partition: 0, offset: 0, metadata: '' }], 'replace');
  }

  async emit(count: number): Promise<void> {
    const record = { partition: 0, key: null, value: null, headers: [] };
    await this.adapters.streams.append('orders', Array(count).fill(record));
  }

  /** A dispatcher has read all of them, and `done` are finished. */
  tell(count: number, oldestAppendedAtMs: number, done = 0): void {
    const openEvents = count - done;
    const partition = { ...at, frontier: done, endOffset: count, nextOffset: count, inFlight: 0, openEvents, oldestAppendedAtMs };
    this.report = { ...report, waiting: openEvents, partitions: [partition] };
  }

  /** Of the function as a decision sees it, and of its partition as it is shown. */
  get ages(): readonly unknown[] {
    const age = this.loop.inputs(live.unit)?.observation.oldestAgeMs;
    return [age?.state === 'known' ? age.value : age, this.loop.partitions(live.unit)[0]?.oldestAgeMs];
  }
}

const idleTicks = Array.from({ length: 10 }, (_, more) => 20 + more);

test.each(idleTicks)('after %i s of idleness an event is as old as it is, whenever the function was looked at last', async ticks => {
  const rig = new AgeRig();
  await rig.begin();
  await rig.ticks(ticks);
  await rig.emit(40);
  rig.tell(40, rig.clock.now());
  await rig.clock.advance(800);
  await rig.loop.tick();
  expect(rig.ages).toEqual([800, 800]);
  await rig.clock.advance(1_500);
  rig.tell(40, rig.clock.now() - 2_300, 10);
  await rig.loop.tick();
  expect(rig.ages).toEqual([2_300, 2_300]);
  expect(decide(rig.loop.inputs(live.unit) ?? expect.fail()).reason).not.toBe('predicted-breach');
});

test('until somebody says when it came an event counts from the look that found it; no dispatcher has it: the log says it', async () => {
  const rig = new AgeRig();
  await rig.begin();
  await rig.ticks(22);
  await rig.emit(40);
  let lookedMs = 0;
  while (rig.loop.partitions(live.unit)[0]?.backlogEvents !== 40) {
    await rig.ticks(1);
    lookedMs += 1_000;
  }
  expect(rig.ages[0]).toBe(0);
  await rig.ticks(1);
  expect(rig.ages[0]).toBe(1_000);
  await rig.ticks(2);
  expect(rig.ages[0]).toBe(lookedMs + 2_000);
});

test.each([
  ['with a dispatcher', true],
  ['with none', false],
])('what waited before the first look is as old as it is, %s', async (_, isRead) => {
  const rig = new AgeRig();
  await rig.begin();
  await rig.emit(40);
  const emittedAtMs = rig.clock.now();
  await rig.clock.advance(3_600_000);
  if (isRead) rig.tell(40, emittedAtMs);
  await rig.ticks(isRead ? 1 : 8);
  const seen = rig.loop.inputs(live.unit)?.observation ?? expect.fail();
  expect(rig.ages[0]).toBe(seen.atMs - emittedAtMs);
  expect(rig.ages[0]).toBeGreaterThanOrEqual(3_600_000);
});

test.each([
  // What says nothing: from the look that found it, and 5 s later from the one before.
  ['no time', -1, { at19s: 4_000, at20s: 10_000 }],
  ['no number', Number.NaN, { at19s: 4_000, at20s: 10_000 }],
  ['long ago', 1, { at19s: 9_000, at20s: 10_000 }],
  ['the future', 1e15, { at19s: 4_000, at20s: 5_000 }],
])('a record of %s is no older than the look before it, and no younger than the one that found it', (_, appendedAtMs, { at19s, at20s }) => {
  const row = new PartitionRow('orders.0');
  const atMs = 1_800_000_000_000;
  const look = (steadyMs: number, endOffset: number) =>
    row.take(
      { name: 'orders.0', endOffset, frontier: 7, doneAbove: 0, oldestAppendedAtMs: appendedAtMs },
      { atMs: atMs + steadyMs, steadyMs },
    );
  look(10_000, 7);
  look(15_000, 9);
  for (let steadyMs = 16_000; steadyMs <= 20_000; steadyMs += 1_000) look(steadyMs, 9);
  expect([row.ageMs(19_000), row.ageMs(20_000)]).toEqual([at19s, at20s]);
});
