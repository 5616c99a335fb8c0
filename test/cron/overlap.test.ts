import { expect, test } from 'vitest';
import { readSchedules } from '../../controller/api/schedules.ts';
import { runSchedules } from '../../controller/cron/schedule-loop.ts';
import { noFaults } from '../../controller/fault-points.ts';
import type { ScheduleTrigger } from '../../controller/manifest/spec.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { noMetrics } from '../../controller/telemetry/metrics.ts';
import { DispatchWorld, liveFunction } from '../support/dispatch-world.ts';
import type { MemoryContext } from '../support/memory-pod-client.ts';
import { seededRandom } from '../support/seeded-random.ts';

const second = 1_000;
const unit = 'shop.report';

const everySecond = (overlap: ScheduleTrigger['overlap']): ScheduleTrigger => ({
  kind: 'schedule',
  name: 'beat',
  when: { everyMs: second },
  timezone: 'UTC',
  missed: 'latest',
  overlap,
});

/** Scheduler, inbox, dispatcher and pods in one virtual time. */
class World {
  readonly #dispatch = new DispatchWorld();
  readonly #handle: (ctx: MemoryContext) => Promise<void>;
  readonly #live: ReturnType<typeof liveFunction>;
  #stop = new AbortController();
  #scheduler: Promise<void> = Promise.resolve();
  #underWay = 0;
  mostUnderWay = 0;
  /** Due times in the order in which they were begun. */
  readonly begun: string[] = [];
  readonly keys = new Set<string | null>();

  constructor(overlap: ScheduleTrigger['overlap'], handle: (ctx: MemoryContext) => Promise<void>) {
    this.#handle = handle;
    const inbox = { topic: `faas.${unit}.inbox`, stream: '', inbox: true };
    this.#live = liveFunction('report', { on: [everySecond(overlap)], subscriptions: [inbox] });
  }

  async deploy(): Promise<void> {
    await this.#dispatch.deploy(this.#live, {
      handler: 'event',
      concurrency: 16,
      run: async (_, ctx) => {
        this.#underWay += 1;
        this.mostUnderWay = Math.max(this.mostUnderWay, this.#underWay);
        this.begun.push(JSON.parse(ctx.value).scheduledTime);
        this.keys.add(ctx.key);
        await this.#handle(ctx);
        this.#underWay -= 1;
      },
    });
  }

  /** `faults`: what is thrown at a point ends the turn of the scheduler as a crash would. */
  startScheduler(faults: typeof noFaults = noFaults): void {
    const { adapters, clock } = this.#dispatch;
    this.#stop = new AbortController();
    const options = { ...adapters, clock, random: seededRandom(7), faults, log: silentLog, metrics: noMetrics };
    this.#scheduler = runSchedules({ ...options, live: () => [this.#live], lookEveryMs: second / 4 }, this.#stop.signal);
  }

  async stopScheduler(): Promise<void> {
    this.#stop.abort();
    await this.#dispatch.clock.advance(1);
    await this.#scheduler;
  }

  advance(ms: number): Promise<unknown> {
    return this.#dispatch.clock.advance(ms);
  }

  settle(): Promise<void> {
    return this.#dispatch.settle();
  }

  state(): Promise<Record<string, string>> {
    return this.#dispatch.state(unit);
  }

  async appended(): Promise<number> {
    return (await this.#dispatch.records(`faas.${unit}.inbox`)).length;
  }

  async lastDone(): Promise<boolean | undefined> {
    const { adapters, clock } = this.#dispatch;
    const registry = { functions: async () => [{ unit, live: this.#live }] };
    // Of a function nothing else is looked at.
    const [schedule] = await readSchedules({ ...adapters, clock, registry: registry as unknown as typeof adapters.registry });
    return schedule?.lastDone;
  }

  stop(): Promise<void> {
    return this.#dispatch.stop();
  }
}

test.each([
  ['allow', 3, 12, [null]],
  ['forbid', 1, 4, ['beat']],
] as const)('every second for 12 s, 2.5 s each, overlap: %s: %i at a time, %i events', async (overlap, mostUnderWay, events, keys) => {
  const world = new World(overlap, ctx => ctx.sleep(2.5 * second));
  await world.deploy();
  world.startScheduler();
  await world.advance(12.5 * second);
  await world.stopScheduler();
  await world.settle();
  expect(world.mostUnderWay).toBe(mostUnderWay);
  expect(world.begun.length).toBe(events);
  expect([...world.keys]).toEqual(keys);
  await world.stop();
});

test('overlap: forbid has the state of its name; runs that overlap share it and lose nothing', async () => {
  for (const overlap of ['forbid', 'allow'] as const) {
    const world = new World(overlap, async ctx => {
      const before = Number((await ctx.read('beat')) ?? 0);
      await ctx.sleep(overlap === 'allow' ? 1.5 * second : 1);
      ctx.write('beat', String(before + 1));
    });
    await world.deploy();
    world.startScheduler();
    await world.advance(10.5 * second);
    await world.stopScheduler();
    await world.settle();
    expect(await world.state(), overlap).toEqual({ beat: '10' });
    await world.stop();
  }
});

test('a due time that was appended again after a crash is handled once, also where events overlap', async () => {
  const world = new World('allow', ctx => ctx.sleep(2.5 * second));
  await world.deploy();
  let appends = 0;
  world.startScheduler(point => {
    if (point === 'tick.after-append') appends += 1;
    if (point === 'tick.after-append' && appends % 2 === 1) throw new Error('the scheduler crashed');
  });
  await world.advance(8.5 * second);
  await world.stopScheduler();
  await world.settle();
  expect(await world.appended()).toBeGreaterThan(8);
  expect(new Set(world.begun).size).toBe(8);
  expect(world.begun.length).toBe(8);
  await world.stop();
});

test('the last run is done when it is, though one before it is still under way', async () => {
  let runs = 0;
  const world = new World('allow', ctx => {
    runs += 1;
    return ctx.sleep(runs === 1 ? 30 * second : 100);
  });
  await world.deploy();
  world.startScheduler();
  await world.advance(3.5 * second);
  expect(await world.lastDone()).toBe(true);
  await world.stopScheduler();
  await world.settle();
  await world.stop();
});
