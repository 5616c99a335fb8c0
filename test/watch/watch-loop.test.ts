import { describe, expect, test } from 'vitest';
import { createMemoryAdapters, type MemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { MemoryObjects } from '../../controller/adapters/memory/memory-objects.ts';
import { noConditions } from '../../controller/conditions/conditions.ts';
import { DuplicateFilter } from '../../controller/dispatch/duplicate-filter.ts';
import type { LiveFunction } from '../../controller/functions/live-function.ts';
import type { ResourceTrigger } from '../../controller/manifest/spec.ts';
import type { CommitRequest } from '../../controller/ports/state.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { noMetrics } from '../../controller/telemetry/metrics.ts';
import { runWatches } from '../../controller/watch/watch-loop.ts';
import { headerNames } from '../../runtime/protocol/headers.ts';
import { liveFunction } from '../gateway/live-functions.ts';
import { type SeededRandom, seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const unit = 'shop.prices';
const partitions = 2;

const trigger = (more: Partial<ResourceTrigger> = {}): ResourceTrigger => ({
  ...{ kind: 'resource', name: 'resource-1', apiVersion: 'v1', resourceKind: 'ConfigMap', namespace: undefined, selector: undefined },
  ...{ fields: [], events: ['added', 'modified', 'deleted'], ...more },
});

interface Told {
  readonly id: string;
  readonly key: string;
  readonly event: string;
  readonly uid: string;
  readonly v: unknown;
  readonly old: unknown;
}

interface Faults {
  readonly random: SeededRandom;
  /** Of a call to a store or the broker: that it fails before it did anything, after it, or takes long. */
  readonly chance: number;
}

function writtenBytes([, request]: readonly unknown[]): number {
  const { writes } = request as CommitRequest;
  return writes.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
}

/** A cluster, an inbox and a store that outlive the watchers. */
class World {
  readonly clock = new VirtualClock();
  readonly random = seededRandom(3);
  /** What a trigger watches that names another kind is `secrets`. */
  readonly objects = new MemoryObjects(this.clock);
  readonly secrets = new MemoryObjects(this.clock);
  /** Calls to the store by all watchers: its methods, and bytes of the values that each commit writes. */
  readonly calls: string[] = [];
  readonly commitBytes: number[] = [];
  readonly adapters: MemoryAdapters;
  live: readonly LiveFunction[];

  constructor(emits: 'inline' | 'outbox', triggers: readonly ResourceTrigger[] = [trigger()]) {
    this.adapters = createMemoryAdapters({ clock: this.clock, random: this.random, emits });
    this.live = [liveFunction(unit, triggers)];
  }

  async open(): Promise<this> {
    await this.adapters.streams.ensureTopic(`faas.${unit}.inbox`, { partitions });
    return this;
  }

  /** A watcher with its own ways to its stores. `kill`: from now on nothing of it reaches them, as of a process that is gone. */
  start(faults?: Faults): { kill(): void; stop(): Promise<void> } {
    let isDead = false;
    const stop = new AbortController();
    const { clock, adapters } = this;
    const way = async <Answer>(call: () => Promise<Answer>): Promise<Answer> => {
      const { random, chance } = faults ?? { random: this.random, chance: 0 };
      if (random.chance(chance)) await clock.sleep(random.between(0, 4_000));
      if (isDead || random.chance(chance)) throw new Error('the request was lost');
      const answer = await call();
      if (isDead || random.chance(chance)) throw new Error('the answer was lost');
      return answer;
    };
    const { state, streams } = adapters;
    const over = runWatches(
      {
        objects: {
          follow: (selection, ...more) => (selection.kind === 'Secret' ? this.secrets : this.objects).follow(selection, ...more),
        },
        live: () => this.live,
        state: new Proxy(state, {
          get: (target, name) => {
            const held: unknown = Reflect.get(target, name, target);
            if (typeof held !== 'function') return held;
            return (...args: unknown[]) => {
              this.calls.push(String(name));
              if (name === 'commit') this.commitBytes.push(writtenBytes(args));
              return way(() => Reflect.apply(held, target, args));
            };
          },
        }),
        streams: {
          append: (topic, records) => way(() => streams.append(topic, records)),
          describeTopic: topic => way(() => streams.describeTopic(topic)),
        },
        conditions: noConditions,
        clock,
        random: this.random,
        faults: () => {},
        log: silentLog,
        metrics: noMetrics,
      },
      stop.signal,
    );
    return {
      kill() {
        isDead = true;
        stop.abort();
      },
      async stop() {
        stop.abort();
        await clock.run(() => false, clock.now() + 20_000);
        await over;
      },
    };
  }

  put(name: string, v: unknown, more: Record<string, unknown> = {}): void {
    this.objects.put({ metadata: { name, namespace: 'n' }, data: { v }, ...more });
  }

  /** What the function gets, partition by partition: repeated publishes are dropped, as its dispatcher does. */
  async told(): Promise<readonly Told[]> {
    const told: Told[] = [];
    for (let partition = 0; partition < partitions; partition += 1) {
      const { records } = await this.adapters.streams.read(`faas.${unit}.inbox`, partition, 0, { records: 100_000, bytes: 1e9 });
      const filter = new DuplicateFilter(new Map());
      for (const { headers, value, key, offset } of records) {
        const header = (name: string) => Buffer.from(headers.find(([one]) => one === name)?.[1] ?? []).toString();
        const [generation, counter] = header(headerNames.seq).split('.').map(Number);
        const isOutbox = header(headerNames.seq) !== '';
        if (isOutbox && filter.isDuplicate(offset, header(headerNames.stream), { generation: generation ?? 0, counter: counter ?? 0 }))
          continue;
        const { event, object, old } = JSON.parse(Buffer.from(value ?? []).toString());
        const facts = { id: header(headerNames.id), key: Buffer.from(key ?? []).toString() };
        told.push({ ...facts, event, uid: object.metadata.uid, v: object.data?.v, old: old?.data?.v });
      }
    }
    return told;
  }

  async words(): Promise<readonly string[]> {
    return (await this.told()).map(({ key, event, v, old }) => `${event} ${key} ${v} was ${old}`).sort();
  }
}

describe.each(['inline', 'outbox'] as const)('emits %s', emits => {
  test('what is there, what changes and what goes is told, with the state before', async () => {
    const world = await new World(emits).open();
    world.put('a', 1);
    const watcher = world.start();
    await world.clock.advance(3_000);
    world.put('a', 2);
    world.put('a', 2, { status: 'beat' });
    world.put('b', 1);
    await world.clock.advance(3_000);
    world.objects.remove('n/b');
    await world.clock.advance(3_000);
    expect(await world.words()).toEqual([
      'added n/a 1 was undefined',
      'added n/b 1 was undefined',
      'deleted n/b 1 was 1',
      'modified n/a 2 was 1',
    ]);
    await watcher.stop();
  });

  test('what happened while no watcher lived is told by the next one, and nothing again', async () => {
    const world = await new World(emits).open();
    for (const name of ['same', 'changed', 'gone', 'again']) world.put(name, 1);
    const first = world.start();
    await world.clock.advance(3_000);
    await first.stop();
    const before = await world.words();
    world.put('changed', 2);
    world.put('changed', 3);
    world.objects.remove('n/gone');
    world.objects.remove('n/again');
    world.put('again', 1);
    world.put('new', 1);
    const second = world.start();
    await world.clock.advance(3_000);
    expect((await world.words()).filter(word => !before.includes(word))).toEqual(
      ['added n/new 1 was undefined', 'deleted n/again 1 was 1', 'deleted n/gone 1 was 1', 'modified n/changed 3 was 1'].sort(),
    );
    expect((await world.told()).filter(({ key, event }) => key === 'n/again' && event === 'added').length).toBe(2);
    await second.stop();
  });

  test.each(Array.from({ length: 25 }, (_, seed) => [seed] as const))(
    'seed %i: watchers that are killed, lag behind and lose answers: each state once, none older after newer, last states and ends told',
    async seed => {
      const world = await new World(emits).open();
      const random = seededRandom(`watch ${emits} ${seed}`);
      const names = ['a', 'b', 'c', 'd', 'e'];
      const versions = new Map<string, number>();
      const there = new Set<string>();
      let watchers = [world.start({ random: random.fork('first'), chance: 0.05 })];
      for (let step = 0; step < 120; step += 1) {
        const name = random.pick(names);
        if (there.has(name) && random.chance(0.3)) {
          world.objects.remove(`n/${name}`);
          there.delete(name);
        } else {
          const v = (versions.get(name) ?? 0) + 1;
          versions.set(name, v);
          there.add(name);
          world.put(name, v);
        }
        if (random.chance(0.1)) {
          // The one before may go on for a while and not know that it is replaced.
          for (const watcher of watchers) if (random.chance(0.7)) watcher.kill();
          watchers = [...watchers.slice(-2), world.start({ random: random.fork(`next ${step}`), chance: 0.05 })];
        }
        if (random.chance(0.05)) world.objects.setAway(true);
        if (random.chance(0.3)) world.objects.setAway(false);
        await world.clock.advance(random.between(0, 1_500));
      }
      world.objects.setAway(false);
      for (const watcher of watchers) watcher.kill();
      const last = world.start();
      await world.clock.advance(20_000);
      await last.stop();

      const told = await world.told();
      expect(new Set(told.map(({ id }) => id)).size).toBe(told.length);
      for (const name of names) {
        const ofName = told.filter(({ key }) => key === `n/${name}`);
        const states = ofName.filter(({ event }) => event !== 'deleted').map(({ v }) => Number(v));
        expect(states).toEqual([...new Set(states)].sort((a, b) => a - b));
        const end = ofName.at(-1);
        if (there.has(name)) expect([end?.event === 'deleted', end?.v]).toEqual([false, versions.get(name)]);
        else expect(end === undefined || end.event === 'deleted').toBe(true);
        for (const [i, one] of ofName.entries()) {
          if (one.event === 'added') expect(i === 0 || ofName[i - 1]?.event === 'deleted').toBe(true);
          else expect([ofName[i - 1]?.uid, ofName[i - 1]?.v]).toEqual([one.uid, one.old]);
        }
      }
    },
  );
});

test('a trigger that is removed is forgotten, and begins anew when it comes back', async () => {
  const world = await new World('inline').open();
  world.put('a', 1);
  const watcher = world.start();
  await world.clock.advance(3_000);
  const [live] = world.live;
  world.live = [];
  await world.clock.advance(3_000);
  expect(await world.adapters.state.list('$resources', { limit: 10 })).toEqual([]);
  world.live = live === undefined ? [] : [live];
  await world.clock.advance(3_000);
  const told = await world.told();
  expect(told.map(({ event, v }) => `${event} ${v}`)).toEqual(['added 1', 'added 1']);
  expect(new Set(told.map(({ id }) => id)).size).toBe(2);
  await watcher.stop();
});

test('only what the trigger names is told, and the state before is the last one all the same', async () => {
  const world = await new World('inline', [trigger({ events: ['deleted'] })]).open();
  world.put('a', 1);
  const watcher = world.start();
  await world.clock.advance(3_000);
  world.put('a', 2);
  await world.clock.advance(3_000);
  world.objects.remove('n/a');
  await world.clock.advance(3_000);
  expect(await world.words()).toEqual(['deleted n/a 2 was 2']);
  await watcher.stop();
});

test('an object that is too large for a record comes without the state before, then without itself', async () => {
  const world = await new World('inline').open();
  const watcher = world.start();
  for (const [name, size] of [
    ['half', 600_000],
    ['whole', 1_200_000],
  ] as const) {
    world.put(name, 'x'.repeat(size));
    await world.clock.advance(3_000);
    world.put(name, 'y'.repeat(size));
    await world.clock.advance(3_000);
  }
  const told = await world.told();
  expect(told.map(({ key, event, v, old }) => `${event} ${key} ${String(v).slice(0, 1)} ${String(old).slice(0, 1)}`).sort()).toEqual([
    'added n/half x u',
    'added n/whole u u',
    'modified n/half y u',
    'modified n/whole u u',
  ]);
  await watcher.stop();
});

test.each([['in one session'], ['over a restart']])(
  'a trigger that names another kind begins anew: no state of the one kind is compared with one of the other, %s',
  async when => {
    const world = await new World('inline').open();
    world.put('a', 1);
    world.put('b', 1);
    world.secrets.put({ metadata: { name: 'a', namespace: 'n' }, data: { v: 7 } });
    let watcher = world.start();
    await world.clock.advance(3_000);
    if (when === 'over a restart') await watcher.stop();
    world.live = [liveFunction(unit, [trigger({ resourceKind: 'Secret' })])];
    if (when === 'over a restart') watcher = world.start();
    await world.clock.advance(3_000);
    expect(await world.words()).toEqual(['added n/a 1 was undefined', 'added n/a 7 was undefined', 'added n/b 1 was undefined']);
    world.live = [liveFunction(unit, [trigger({ resourceKind: 'Secret', selector: 'app=none' })])];
    await world.clock.advance(3_000);
    expect((await world.words()).filter(word => word.startsWith('deleted'))).toEqual(['deleted n/a 7 was 7']);
    await watcher.stop();
  },
);

test('what is remembered is read once, however often the revisions change and the cluster was away', async () => {
  const world = await new World('inline').open();
  world.put('a', 1);
  const watcher = world.start();
  await world.clock.advance(3_000);
  for (const namespace of ['n', undefined, 'n']) {
    world.live = [liveFunction(unit, [trigger({ namespace })])];
    await world.clock.advance(3_000);
    world.objects.setAway(true);
    await world.clock.advance(3_000);
    world.objects.setAway(false);
    await world.clock.advance(3_000);
  }
  expect(world.calls.filter(name => name === 'list').length).toBe(1);
  expect(await world.words()).toEqual(['added n/a 1 was undefined']);
  await watcher.stop();
});

test('a commit has a bounded size, also where large objects are remembered and not told', async () => {
  const world = await new World('inline', [trigger({ events: ['deleted'] })]).open();
  const bytes = 300_000;
  for (let i = 0; i < 20; i += 1) world.put(`large-${i}`, 'x'.repeat(bytes));
  const watcher = world.start();
  await world.clock.advance(3_000);
  const sizes = (await world.adapters.state.list('$resources', { limit: 100 })).map(({ value }) => value.length);
  expect(sizes.length).toBe(21);
  expect(Math.max(...world.commitBytes)).toBeLessThan(2 ** 20 + bytes + 1_000);
  expect(world.commitBytes.reduce((sum, one) => sum + one, 0)).toBe(sizes.reduce((sum, one) => sum + one, 0));
  await watcher.stop();
});
