import { beforeEach, describe, expect, test } from 'vitest';
import { createMemoryAdapters, type MemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { noConditions } from '../../controller/conditions/conditions.ts';
import type { LiveFunction } from '../../controller/functions/live-function.ts';
import { ScaleLoop } from '../../controller/scale/scale-loop.ts';
import { WarmBook } from '../../controller/scale/warm-book.ts';
import { loadHabits, saveHabits } from '../../controller/scale/warm-store.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { noMetrics } from '../../controller/telemetry/metrics.ts';
import { liveFunction } from '../support/dispatch-world.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { unitReport } from '../support/unit-report.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** What a cold start is worth. */
const coldMs = 60_000;
/** Seconds. */
const every = 300;
let clock: VirtualClock;
let adapters: MemoryAdapters;
let store: Parameters<typeof saveHabits>[0];

beforeEach(() => {
  clock = new VirtualClock();
  adapters = createMemoryAdapters({ clock, random: seededRandom(1) });
  store = { state: adapters.state, clock, random: seededRandom(2) };
});

/** Functions that get a direct call now and then, and pods that are there at once. */
class Rig {
  readonly replicas = new Map<string, number>();
  readonly calls = new Map<string, { open: number; takenTotal: number }>();
  readonly loop: ScaleLoop;
  live: readonly LiveFunction[];

  constructor(names: readonly string[], idlePodsMax: number) {
    this.live = names.map(name => liveFunction(name, { subscriptions: [] }));
    this.loop = new ScaleLoop({
      ...adapters,
      ...{ clock, log: silentLog, metrics: noMetrics, random: seededRandom(2), conditions: noConditions },
      idleLimitMs: coldMs,
      idlePodsMax: () => idlePodsMax,
      budget: 0,
      live: () => this.live,
      report: () => this.live.map(({ unit }) => unitReport(unit)),
      calls: unit => this.calls.get(unit) ?? { open: 0, takenTotal: 0 },
      pods: () => new Map([...this.replicas].map(([unit, ready]) => [unit, { ready, starting: 0, draining: 0 }])),
      replicas: unit => this.replicas.get(unit) ?? 0,
      scale: (unit, replicas) => void this.replicas.set(unit, replicas),
      overrides: { of: () => undefined, load: async () => {} },
    });
  }

  /** A call a second long to each, then nothing. */
  async call(called = this.live): Promise<void> {
    for (const { unit } of called) {
      this.calls.set(unit, { open: 1, takenTotal: (this.calls.get(unit)?.takenTotal ?? 0) + 1 });
      this.loop.want(unit, 1, 'direct-call');
    }
    await clock.advance(1_000);
    for (const { unit } of called) this.calls.set(unit, { open: 0, takenTotal: this.calls.get(unit)?.takenTotal ?? 0 });
  }

  /** Pods of each function, second by second. */
  async pods(seconds: number): Promise<readonly string[]> {
    const seen: string[] = [];
    for (let second = 0; second < seconds; second += 1) {
      await clock.advance(1_000);
      seen.push(this.live.map(({ unit }) => this.replicas.get(unit) ?? 0).join(' '));
    }
    return seen;
  }

  async learn(times: number): Promise<void> {
    for (let turn = 0; turn < times; turn += 1) {
      await this.call();
      await clock.advance((every - 1) * 1_000);
    }
    await this.call();
  }
}

async function whileRunning(rig: Rig, work: () => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const over = rig.loop.run(stop.signal);
  await clock.advance(0);
  await work();
  const stoppedAtMs = clock.steady();
  stop.abort();
  await clock.run(() => false);
  await over;
  // No timer is left that keeps a process, but that of a figure which it did not wait for.
  expect(clock.steady() - stoppedAtMs).toBeLessThan(1_000);
}

/** How many changes there are in what was seen. */
const changes = (seen: readonly string[]) => seen.filter((one, at) => at > 0 && one !== seen[at - 1]).length;

describe('pods that habit calls back', () => {
  test('there is room for both: each is given up, and back before its next event', async () => {
    const rig = new Rig(['a', 'b'], 2);
    await whileRunning(rig, async () => {
      await rig.learn(6);
      const seen = await rig.pods(every - 2);
      expect(seen.slice(60, 200)).toEqual(Array.from({ length: 140 }, () => '0 0'));
      expect(seen.at(-1)).toBe('1 1');
    });
  });

  test('there is room for one: the other stays away until its idle time is over', async () => {
    const rig = new Rig(['a', 'b'], 1);
    await whileRunning(rig, async () => {
      await rig.learn(6);
      const seen = await rig.pods(every - 2);
      expect(seen.at(-1)?.split(' ').sort()).toEqual(['0', '1']);
      expect(seen.slice(1)).not.toContain('1 1');
      expect(changes(seen.slice(60))).toBeLessThanOrEqual(3);
      await rig.call();
      expect([...rig.replicas.values()]).toEqual([1, 1]);
    });
  });

  test('there is room for one, and both are called back one after the other: they are not kept together', async () => {
    const rig = new Rig(['a', 'b'], 1);
    const [a, b] = rig.live;
    if (a === undefined || b === undefined) throw new Error('there are two');
    await whileRunning(rig, async () => {
      for (let turn = 0; turn < 6; turn += 1) {
        await rig.call([a]);
        await clock.advance(14_000);
        await rig.call([b]);
        await clock.advance((every - 16) * 1_000);
      }
      const seen = await rig.pods(40);
      expect(seen[0]).toBe('0 1');
      expect(seen).not.toContain('1 1');
    });
  });
});

describe('what is learned', () => {
  test('outlives a stop: the next loop has the same plan', async () => {
    const policyAt = async (rig: Rig, seconds: number) => {
      await rig.pods(seconds);
      const { min, max, keepMs, boundsFrom } = rig.loop.inputs(rig.live[0]?.unit ?? '')?.policy ?? {};
      return { min, max, keepMs, boundsFrom };
    };
    const first = new Rig(['a'], 10);
    let learned: unknown;
    await whileRunning(first, async () => {
      await first.learn(6);
      learned = await policyAt(first, every - 2);
    });
    expect(learned).toMatchObject({ min: 1, boundsFrom: 'habit' });
    const next = new Rig(['a'], 10);
    await whileRunning(next, async () => {
      await next.call();
      expect(await policyAt(next, every - 2)).toEqual(learned);
    });
  });

  test('is written again when it could not be, and removed when its function went', async () => {
    const book = new WarmBook(coldMs);
    const idle = await seenOnce();
    book.observe('a', { ...idle, idleMs: 20_000 });
    book.observe('a', { ...idle, steadyMs: idle.steadyMs + 5_000 });
    let isAway = true;
    const { state } = adapters;
    const away: typeof store = {
      ...store,
      state: {
        claim: (...all) => state.claim(...all),
        read: (...all) => state.read(...all),
        list: (...all) => state.list(...all),
        commit: async (...all) => {
          if (isAway) throw new Error('the store is away');
          return state.commit(...all);
        },
      },
    };
    await expect(saveHabits(away, book)).rejects.toThrow('the store is away');
    expect(book.changed()).toEqual(['a']);
    isAway = false;
    await saveHabits(away, book);
    expect(book.changed()).toEqual([]);
    expect((await adapters.state.list('$warm', { limit: 10 })).map(({ key }) => key)).toEqual(['a']);
    book.keepOnly(new Set());
    await saveHabits(away, book);
    expect(await adapters.state.list('$warm', { limit: 10 })).toEqual([]);
    expect(book.changed()).toEqual([]);
  });

  test('is read in pages, however many functions there are', async () => {
    const book = new WarmBook(coldMs);
    const idle = await seenOnce();
    const units = Array.from({ length: 1_001 }, (_, index) => `f${index}`);
    for (const unit of units) {
      book.observe(unit, { ...idle, idleMs: 20_000 });
      book.observe(unit, { ...idle, steadyMs: idle.steadyMs + 5_000 });
    }
    await saveHabits(store, book);
    const next = new WarmBook(coldMs);
    await loadHabits(store, next);
    expect(units.filter(unit => next.print(unit)?.count !== 1)).toEqual([]);
  });
});

/** An observation of a function that does nothing, without how long it has been doing that. */
async function seenOnce() {
  const rig = new Rig(['a'], 10);
  await rig.loop.tick();
  const observation = rig.loop.inputs(rig.live[0]?.unit ?? '')?.observation;
  if (observation === undefined) throw new Error('it was looked at');
  const { idleMs, ...idle } = observation;
  return idle;
}
