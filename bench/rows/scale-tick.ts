import { createMemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { noConditions } from '../../controller/conditions/conditions.ts';
import type { PartitionReport, UnitReport } from '../../controller/dispatch/dispatcher.ts';
import type { LiveFunction } from '../../controller/functions/live-function.ts';
import { ScaleLoop } from '../../controller/scale/scale-loop.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { noMetrics } from '../../controller/telemetry/metrics.ts';
import { liveFunction } from '../../test/gateway/live-functions.ts';
import { seededRandom } from '../../test/support/seeded-random.ts';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { boundRow, type Row } from '../row.ts';
import { median } from '../statistics.ts';

const functions = 1_000;
const partitions = 100;
const warmUp = 100;
const ticks = 15;
const boundMs = 250;

/** Observing and deciding alone: what the log and the dispatchers answer is there at once. */
export const scaleTick: Row = {
  name: 'scale-tick',
  async measure() {
    const note = `${functions} functions of ${partitions} partitions`;
    return [
      boundRow('tick of scaling, all at work, order: key', 'ms of a core', await tickMs({ share: 1, order: 'key' }), boundMs, 0, note),
      boundRow(
        'tick of scaling, all at work, order: partition',
        'ms of a core',
        await tickMs({ share: 1, order: 'partition' }),
        boundMs,
        0,
        note,
      ),
      boundRow('tick of scaling, one in ten at work', 'ms of a core', await tickMs({ share: 0.1, order: 'key' }), boundMs, 0, note),
    ];
  },
};

interface Load {
  /** The part of the functions that have events. */
  readonly share: number;
  readonly order: 'key' | 'partition';
}

/** The median of processor time, all threads of the process. */
async function tickMs({ share, order }: Load): Promise<number> {
  const clock = new VirtualClock();
  const random = seededRandom(1);
  const live = Array.from({ length: functions }, (_, index) => functionOf(index, order));
  const worlds = live.map((one, index) => new UnitWorld(one, index < functions * share));
  const replicas = new Map(live.map(one => [one.unit, 2]));
  let current: readonly UnitReport[] = [];
  const ends = new Map(worlds.map(world => [world.topic, world.ends]));
  const loop = new ScaleLoop({
    ...createMemoryAdapters({ clock, random }),
    ...{ clock, random, log: silentLog, metrics: noMetrics, conditions: noConditions },
    ...{ idleLimitMs: 300_000, idlePodsMax: () => functions, budget: 5 * functions },
    history: { write() {} },
    streams: {
      ends: async () => ends,
      bounds: async () => [],
      committed: async () => [],
      read: async () => ({ records: [], nextOffset: 0 }),
    },
    live: () => live,
    report: () => current,
    calls: () => ({ open: 0, takenTotal: 0 }),
    pods: () => new Map(live.map(({ unit }) => [unit, { ready: replicas.get(unit) ?? 0, starting: 0, draining: 0 }])),
    replicas: unit => replicas.get(unit) ?? 0,
    scale: (unit, pods) => replicas.set(unit, pods),
    overrides: { of: () => undefined, load: async () => {} },
  });
  const took: number[] = [];
  for (let tick = 0; tick < warmUp + ticks; tick += 1) {
    for (const world of worlds) world.move();
    current = worlds.map(world => world.report);
    const before = process.cpuUsage();
    await loop.tick();
    const { user, system } = process.cpuUsage(before);
    if (tick >= warmUp) took.push((user + system) / 1_000);
    await clock.advance(1_000);
  }
  return median(took);
}

function functionOf(index: number, order: Load['order']): LiveFunction {
  const batch = { size: 100, windowMs: 0 };
  const fn = liveFunction(`bench.f${index}`, [{ kind: 'stream', streams: [], from: 'latest', order, batch, filter: undefined }]);
  const subscription = {
    topic: `topic-${index}`,
    stream: 'events',
    order,
    batch,
    filter: undefined,
    from: 'latest',
    inbox: false,
  } as const;
  return { ...fn, subscriptions: [subscription] };
}

/** A function that finishes what comes, 100 events a second, or has nothing to do. */
class UnitWorld {
  readonly topic: string;
  readonly ends: number[] = Array.from({ length: partitions }, () => 1_000);
  readonly #unit: string;
  readonly #isBusy: boolean;
  report: UnitReport;
  #turn = 0;

  constructor(live: LiveFunction, isBusy: boolean) {
    this.topic = live.subscriptions[0]?.topic ?? '';
    this.#unit = live.unit;
    this.#isBusy = isBusy;
    this.report = this.#report();
  }

  move(): void {
    this.#turn += 1;
    if (this.#isBusy)
      for (let partition = 0; partition < partitions; partition += 1) this.ends[partition] = (this.ends[partition] ?? 0) + 1;
    this.report = this.#report();
  }

  #report(): UnitReport {
    const open = this.#isBusy ? 1 : 0;
    // Written out, as a dispatcher does: what is spread has a shape of its own each time, and is slow to read.
    const reports = this.ends.map(
      (end, partition): PartitionReport => ({
        topic: this.topic,
        partition,
        frontier: end - open,
        endOffset: end,
        inFlight: open,
        nextOffset: end,
        openEvents: open,
        oldestAppendedAtMs: undefined,
      }),
    );
    const done = this.#turn * partitions * open;
    return {
      ...{ unit: this.#unit, waiting: open * partitions, inFlight: open * 4, finishedTotal: done, failedTotal: 0, deadLettersTotal: 0 },
      ...{ emitsTotal: 0, busyMsTotal: done * 15, isFull: false, usablePods: 3, inFlightByPod: new Map(), partitions: reports },
      failing: undefined,
    };
  }
}
