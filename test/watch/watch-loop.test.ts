import { describe, expect, test } from 'vitest';
import { liveFunction } from '../gateway/live-functions.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { expectWhole, trigger, unit, World } from './watch-world.ts';

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

      expectWhole(await world.told(), names, name => (there.has(name) ? versions.get(name) : undefined));
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
