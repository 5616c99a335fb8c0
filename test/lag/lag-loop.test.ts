import { expect, test } from 'vitest';
import { createMemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import type { Finding } from '../../controller/conditions/conditions.ts';
import type { LiveFunction } from '../../controller/functions/live-function.ts';
import type { LagEvent } from '../../controller/lag/lag-event.ts';
import { type LagTriggersOptions, runLagTriggers } from '../../controller/lag/lag-loop.ts';
import type { LagTrigger } from '../../controller/manifest/spec.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { noMetrics } from '../../controller/telemetry/metrics.ts';
import { liveFunction } from '../gateway/live-functions.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const unit = 'shop.alarm';
const group = 'billing';
const trigger: LagTrigger = {
  kind: 'lag',
  group,
  topics: ['orders'],
  above: { events: 10 },
  below: { events: 5 },
  everyMs: 1_000,
};

/** A store that outlives those who watch. */
class World {
  readonly clock = new VirtualClock(Date.parse('2026-03-01T10:00:00Z'));
  readonly random = seededRandom(3);
  readonly adapters = createMemoryAdapters({ clock: this.clock, random: this.random });
  readonly told: string[] = [];
  live: readonly LiveFunction[] = [liveFunction(unit, [trigger])];
  #stop = new AbortController();
  #running: readonly Promise<void>[] = [];

  static async create(): Promise<World> {
    const world = new World();
    await world.adapters.streams.ensureTopic('orders', { partitions: 1 });
    await world.adapters.streams.ensureTopic(`faas.${unit}.inbox`, { partitions: 2 });
    return world;
  }

  start(change: Partial<LagTriggersOptions> = {}): void {
    const tell = (word: string) => (at: Pick<Finding, 'type' | 'place'> & Partial<Finding>) => {
      if (word === 'raise' || this.told.includes(`raise ${at.type} ${at.place}`)) this.told.push(`${word} ${at.type} ${at.place}`);
    };
    const options: LagTriggersOptions = {
      ...this.adapters,
      ...{ clock: this.clock, random: this.random, log: silentLog, metrics: noMetrics },
      conditions: { raise: tell('raise'), clear: tell('clear') },
      live: () => this.live,
      ...change,
    };
    this.#running = [...this.#running, runLagTriggers(options, this.#stop.signal)];
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.clock.advance(1_000);
    await Promise.all(this.#running);
    this.#running = [];
    this.#stop = new AbortController();
  }

  async append(count: number): Promise<void> {
    const records = Array.from({ length: count }, () => ({ partition: 0, key: null, value: null, headers: [] }));
    await this.adapters.streams.append('orders', records);
  }

  async commit(offset: number, of = group): Promise<void> {
    await this.adapters.streams.setCommitted(of, 'orders', [{ partition: 0, offset, metadata: '' }], 'replace');
  }

  /** All events of the inbox, as often as they were appended. */
  async events(): Promise<readonly { readonly id: string; readonly key: string; readonly data: LagEvent }[]> {
    const found = [];
    for (const partition of [0, 1]) {
      const { records } = await this.adapters.streams.read(`faas.${unit}.inbox`, partition, 0, { records: 1_000, bytes: 1e9 });
      for (const { headers, key, value } of records) {
        const id = Buffer.from(headers.find(([name]) => name === 'ce_id')?.[1] ?? []).toString();
        found.push({ id, key: Buffer.from(key ?? []).toString(), data: JSON.parse(Buffer.from(value ?? []).toString()) });
      }
    }
    return found;
  }
}

test('an event when a foreign group falls behind and one when it has caught up, with the figures, under the key of the group', async () => {
  const world = await World.create();
  await world.commit(0);
  world.start();
  await world.append(10);
  await world.clock.advance(30_000);
  expect(await world.events()).toEqual([]);
  await world.append(1);
  await world.clock.advance(60_000);
  await world.commit(4);
  await world.clock.advance(60_000);
  await world.commit(6);
  await world.clock.advance(60_000);
  await world.stop();
  const events = await world.events();
  expect(events.map(one => [one.key, one.data.crossed, one.data.lagEvents, one.data.bound])).toEqual([
    [group, 'above', 11, { events: 10 }],
    [group, 'below', 5, { events: 5 }],
  ]);
  expect(events[0]?.data.partitions).toEqual([{ topic: 'orders', partition: 0, lagEvents: 11, committedOffset: 0, endOffset: 11 }]);
  expect(events[1]?.data.aboveSinceMs).toBe(events[0]?.data.atMs);
  expect(new Set(events.map(one => one.id)).size).toBe(2);
});

test('the broker is asked for a foreign group every 10 s at most, and not at all for one of ours, which is read as often as the trigger says', async () => {
  const world = await World.create();
  const own = liveFunction('shop.totals', []);
  world.live = [liveFunction(unit, [trigger, { ...trigger, group: own.group }]), own];
  await world.commit(0);
  await world.adapters.state.claim(
    { unit: own.unit, name: 'orders.0' },
    { ownerToken: 'o', brokerGeneration: 0, nowMs: 1, committedOffset: 0 },
  );
  const asked: string[] = [];
  let looks = 0;
  world.start({
    streams: {
      ...world.adapters.streams,
      append: (topic, records) => world.adapters.streams.append(topic, records),
      describeTopic: topic => world.adapters.streams.describeTopic(topic),
      bounds: topic => {
        looks += 1;
        return world.adapters.streams.bounds(topic);
      },
      committed: (of, topic) => {
        asked.push(of);
        return world.adapters.streams.committed(of, topic);
      },
    },
  });
  await world.append(20);
  await world.clock.advance(60_000);
  await world.stop();
  expect(asked.filter(of => of === group).length).toBeLessThanOrEqual(7);
  expect(looks).toBeGreaterThan(50);
  expect(asked).not.toContain(own.group);
  expect((await world.events()).map(one => one.key).sort()).toEqual([group, own.group].sort());
});

test('a crash after the append appends the same id again, and then nothing more', async () => {
  const world = await World.create();
  await world.commit(0);
  await world.append(11);
  const { streams } = world.adapters;
  let crashes = 0;
  world.start({
    streams: {
      describeTopic: topic => streams.describeTopic(topic),
      bounds: topic => streams.bounds(topic),
      committed: (of, topic) => streams.committed(of, topic),
      async append(topic, records) {
        await streams.append(topic, records);
        crashes += 1;
        throw new Error('the server died');
      },
    },
  });
  await world.clock.advance(2_000);
  await world.stop();
  expect(crashes).toBe(1);
  // It has caught up meanwhile: the event of the crossing is owed all the same.
  await world.commit(11);
  world.start();
  await world.clock.advance(60_000);
  await world.stop();
  const events = await world.events();
  expect(events.map(one => one.data.crossed)).toEqual(['above', 'above', 'below']);
  expect(events[0]?.id).toBe(events[1]?.id);
});

test('what was said is remembered over a restart, and two who think that they lead say it once', async () => {
  const world = await World.create();
  await world.commit(0);
  await world.append(11);
  world.start();
  world.start();
  await world.clock.advance(60_000);
  await world.stop();
  world.start();
  await world.clock.advance(60_000);
  await world.stop();
  const events = await world.events();
  expect(new Set(events.map(one => one.id)).size).toBe(1);
});

test('a group that nobody knows, and a topic that is not there, are conditions, until they are found', async () => {
  const world = await World.create();
  world.live = [liveFunction(unit, [trigger, { ...trigger, group: 'other', topics: ['refunds'] }])];
  world.start();
  await world.clock.advance(25_000);
  expect(new Set(world.told)).toEqual(new Set([`raise LagUnknown ${group}`, 'raise TopicMissing other']));
  await world.commit(0);
  await world.adapters.streams.ensureTopic('refunds', { partitions: 1 });
  await world.clock.advance(25_000);
  expect(world.told).toContain(`clear LagUnknown ${group}`);
  expect(world.told).toContain('clear TopicMissing other');
  await world.stop();
});

test('a trigger that goes and comes back begins anew', async () => {
  const world = await World.create();
  await world.commit(0);
  await world.append(11);
  world.start();
  await world.clock.advance(15_000);
  const [with_, without] = [world.live, [liveFunction(unit, [])]];
  world.live = without;
  await world.clock.advance(15_000);
  world.live = with_;
  await world.clock.advance(15_000);
  await world.stop();
  const events = await world.events();
  expect(events.map(one => one.data.crossed)).toEqual(['above', 'above']);
  expect(events[0]?.id).not.toBe(events[1]?.id);
});
