import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMemoryAdapters, type MemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { runSchedules } from '../../controller/cron/schedule-loop.ts';
import { type FaultPoint, noFaults } from '../../controller/fault-points.ts';
import type { LiveFunction } from '../../controller/functions/live-function.ts';
import type { ScheduleTrigger } from '../../controller/manifest/spec.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { noMetrics } from '../../controller/telemetry/metrics.ts';
import { liveFunction } from '../gateway/live-functions.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const unit = 'shop.report';
const hour = 3_600_000;
const at = (text: string) => Date.parse(text);

const schedule = (more: Partial<ScheduleTrigger>): ScheduleTrigger => ({
  kind: 'schedule',
  name: 'schedule-1',
  when: { everyMs: hour },
  timezone: 'UTC',
  missed: 'latest',
  overlap: 'allow',
  ...more,
});

/** A store that outlives its schedulers. */
class World {
  readonly clock: VirtualClock;
  readonly random = seededRandom(7);
  readonly adapters: MemoryAdapters;
  live: readonly LiveFunction[] = [];
  #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(start: string) {
    this.clock = new VirtualClock(at(start));
    this.adapters = createMemoryAdapters({ clock: this.clock, random: this.random });
  }

  async deploy(triggers: readonly ScheduleTrigger[]): Promise<void> {
    this.live = [liveFunction(unit, triggers)];
    await this.adapters.streams.ensureTopic(`faas.${unit}.inbox`, { partitions: 2 });
  }

  start(faults: (point: FaultPoint) => void = noFaults): void {
    this.#stop = new AbortController();
    const { clock, random, adapters } = this;
    const options = {
      ...adapters,
      clock,
      random,
      faults,
      log: silentLog,
      metrics: noMetrics,
      live: () => this.live,
      lookEveryMs: hour / 4,
    };
    this.#running = runSchedules(options, this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.clock.run(() => false, this.clock.now());
    await this.#running;
  }

  /** The due times in the inbox, as often as they were appended: in their order within a partition, and here over all of them. */
  async appended(): Promise<readonly string[]> {
    const ids: string[] = [];
    for (const partition of [0, 1]) {
      const { records } = await this.adapters.streams.read(`faas.${unit}.inbox`, partition, 0, { records: 100_000, bytes: 1e9 });
      for (const { headers } of records) ids.push(Buffer.from(headers.find(([name]) => name === 'ce_id')?.[1] ?? []).toString());
    }
    return ids.map(id => id.slice(id.indexOf('@') + 1).replace(':00.000Z', 'Z')).sort();
  }

  /** Commits an id as its function would. */
  async handle(id: string): Promise<void> {
    const source = { unit, name: `test-${this.random.token()}` };
    await this.adapters.state.claim(source, { ownerToken: 't', brokerGeneration: 0, nowMs: 0, committedOffset: 0 });
    const nothing = {
      stream: '',
      highSeqOffset: 0,
      highSeqs: [],
      done: [],
      clearAttempts: [],
      knownIds: [],
      reads: [],
      writes: [],
      emits: [],
    };
    const ids = [{ id, expiresAtMs: this.clock.now() + 7 * 24 * hour }];
    await this.adapters.state.commit(source, { ...nothing, ownerToken: 't', ordinal: 1, id: `c-${id}`, ids });
  }
}

test('a deployed schedule starts from now and appends each due time', async () => {
  const world = new World('2026-01-01T10:30Z');
  await world.deploy([schedule({})]);
  world.start();
  await world.clock.advance(3 * hour);
  expect(await world.appended()).toEqual(['2026-01-01T11:00Z', '2026-01-01T12:00Z', '2026-01-01T13:00Z']);
  await world.stop();
});

test.each([
  ['latest', ['2026-01-01T11:00Z', '2026-01-01T20:00Z', '2026-01-01T21:00Z']],
  ['skip', ['2026-01-01T11:00Z', '2026-01-01T21:00Z']],
  ['all', ['11', '12', '13', '14', '15', '16', '17', '18', '19', '20', '21'].map(h => `2026-01-01T${h}:00Z`)],
] as const)('a scheduler that was away from 11:30 to 20:30, missed: %s', async (missed, expected) => {
  const world = new World('2026-01-01T10:30Z');
  await world.deploy([schedule({ missed })]);
  world.start();
  await world.clock.advance(hour);
  await world.stop();
  await world.clock.advance(9 * hour);
  world.start();
  await world.clock.advance(hour);
  expect(await world.appended()).toEqual(expected);
  await world.stop();
});

test('overlap: forbid skips due times until the event of the last one is done, and the history says so', async () => {
  const world = new World('2026-01-01T10:30Z');
  await world.deploy([schedule({ overlap: 'forbid' })]);
  world.start();
  await world.clock.advance(2 * hour);
  expect(await world.appended()).toEqual(['2026-01-01T11:00Z']);
  await world.handle(`${unit}/schedule-1@2026-01-01T11:00:00.000Z`);
  await world.clock.advance(hour);
  expect(await world.appended()).toEqual(['2026-01-01T11:00Z', '2026-01-01T13:00Z']);
  const decisions = await world.adapters.history.read({ kind: 'decision', limit: 10 });
  expect(decisions.map(({ data }) => [data.reason, data.firstMs])).toEqual([['overlapped', at('2026-01-01T12:00Z')]]);
  await world.stop();
});

test('a changed schedule, and one that was away, start from now; the same one goes on', async () => {
  const world = new World('2026-01-01T10:30Z');
  await world.deploy([schedule({ missed: 'all' })]);
  world.start();
  await world.clock.advance(hour);
  await world.stop();
  await world.clock.advance(2 * hour);
  await world.deploy([schedule({ missed: 'all', when: { everyMs: hour / 2 } })]);
  world.start();
  await world.clock.advance(hour / 2);
  expect(await world.appended()).toEqual(['2026-01-01T11:00Z', '2026-01-01T14:00Z']);
  world.live = [];
  await world.clock.advance(hour);
  await world.deploy([schedule({ missed: 'all', when: { everyMs: hour / 2 } })]);
  await world.clock.advance(hour / 2);
  expect(await world.appended()).toEqual(['2026-01-01T11:00Z', '2026-01-01T14:00Z', '2026-01-01T15:30Z']);
  await world.stop();
});

test('a schedule whose inbox is not there is appended when it is, and holds no other one up', async () => {
  const world = new World('2026-01-01T10:30Z');
  await world.deploy([schedule({})]);
  world.live = [...world.live, liveFunction('shop.broken', [schedule({})])];
  world.start();
  await world.clock.advance(hour);
  expect(await world.appended()).toEqual(['2026-01-01T11:00Z']);
  await world.adapters.streams.ensureTopic('faas.shop.broken.inbox', { partitions: 1 });
  await world.clock.advance(hour / 4);
  const { records } = await world.adapters.streams.read('faas.shop.broken.inbox', 0, 0, { records: 10, bytes: 1e6 });
  expect(records.length).toBe(1);
  await world.stop();
});

test('a scheduler that was replaced appends nothing that the new one does not', async () => {
  const world = new World('2026-01-01T10:30Z');
  await world.deploy([schedule({})]);
  world.start();
  await world.clock.advance(hour / 4);
  const second = new AbortController();
  const { clock, random, adapters } = world;
  const running = runSchedules(
    { ...adapters, clock, random, faults: noFaults, log: silentLog, metrics: noMetrics, live: () => world.live, lookEveryMs: hour / 4 },
    second.signal,
  );
  await world.clock.advance(3 * hour);
  expect([...new Set(await world.appended())].sort()).toEqual(['2026-01-01T11:00Z', '2026-01-01T12:00Z', '2026-01-01T13:00Z']);
  second.abort();
  await world.stop();
  await running;
});

class Crash extends Error {}

const points = ['tick.before-append', 'tick.after-append', 'commit'] as const;

/** Every look may be the last one before a crash: of the append, of the memory, or between. Whoever comes next goes on. */
test('with missed: all each due instant is appended, and its id is the same however often, over crashes at every step and daylight saving', async () => {
  const zones = ['Europe/Kyiv', 'America/New_York', 'Australia/Lord_Howe', 'UTC'] as const;
  const days = ['2026-03-28T20:00Z', '2026-03-07T20:00Z', '2026-10-03T10:00Z', '2026-10-31T20:00Z', '2026-10-24T20:00Z'] as const;
  const crashes = fc.array(
    fc.record({ point: fc.constantFrom(...points), hit: fc.integer({ min: 1, max: 5 }), awayMs: fc.integer({ min: 0, max: 3 * hour }) }),
    {
      maxLength: 6,
    },
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...zones), fc.constantFrom(...days), crashes, async (timezone, start, faults) => {
      const trigger = schedule({ missed: 'all', when: { cron: '*/30 * * * *' }, timezone });
      const world = new World(start);
      await world.deploy([trigger]);
      world.start();
      await world.clock.advance(1);
      await world.stop();
      for (const { point, hit, awayMs } of faults) {
        await runUntilCrash(world, point, hit);
        await world.clock.advance(awayMs);
      }
      world.start();
      await world.clock.advance(2 * hour);
      await world.stop();
      const expected: string[] = [];
      for (let due = Math.floor(at(start) / 1_800_000 + 1) * 1_800_000; due <= world.clock.now(); due += 1_800_000) {
        expected.push(`${new Date(due).toISOString().slice(0, 16)}Z`);
      }
      expect([...new Set(await world.appended())].sort()).toEqual(expected);
    }),
    { numRuns: 60 },
  );
});

/** Ends the scheduler the `hit`-th time that it passes the point, or after 6 hours. */
async function runUntilCrash(world: World, point: (typeof points)[number], hit: number): Promise<void> {
  let passed = 0;
  let crashed = false;
  const pass = (name: string) => {
    if (crashed) throw new Crash();
    if (name !== point) return;
    passed += 1;
    if (passed < hit) return;
    crashed = true;
    throw new Crash();
  };
  const { state } = world.adapters;
  const stop = new AbortController();
  const running = runSchedules(
    {
      ...world.adapters,
      state: new Proxy(state, {
        get(target, name) {
          if (name === 'commit') {
            return (...args: Parameters<typeof state.commit>) => {
              pass('commit');
              return target.commit(...args);
            };
          }
          const member: unknown = Reflect.get(target, name);
          return typeof member === 'function' ? member.bind(target) : member;
        },
      }),
      clock: world.clock,
      random: world.random,
      faults: pass,
      log: silentLog,
      metrics: noMetrics,
      live: () => world.live,
      lookEveryMs: hour / 4,
    },
    stop.signal,
  );
  await world.clock.run(() => crashed, world.clock.now() + 6 * hour);
  crashed = true;
  stop.abort();
  await world.clock.run(() => false, world.clock.now());
  await running;
}
