import { expect, test } from 'vitest';
import { seededRandom } from './seeded-random.ts';
import { VirtualClock } from './virtual-clock.ts';

test('timers run in the order of their time, and of their making within one instant', async () => {
  const clock = new VirtualClock(0);
  const seen: string[] = [];
  for (const [at, name] of [
    [30, 'd'],
    [10, 'a'],
    [20, 'b'],
    [20, 'c'],
    [30, 'e'],
  ] as const) {
    clock.after(at, () => seen.push(`${name}@${clock.now()}`));
  }
  expect(await clock.run(() => false)).toBe('idle');
  expect(seen).toEqual(['a@10', 'b@20', 'c@20', 'd@30', 'e@30']);
});

test('promises settle before time goes on', async () => {
  const clock = new VirtualClock(0);
  const seen: string[] = [];
  clock.after(5, () => seen.push('timer'));
  const chain = async () => {
    for (let i = 0; i < 50; i += 1) await Promise.resolve();
    seen.push(`chain@${clock.now()}`);
  };
  clock.after(4, () => void chain());
  await clock.run(() => false);
  expect(seen).toEqual(['chain@4', 'timer']);
});

test('a cancelled timer does not run, an aborted sleep ends at once', async () => {
  const clock = new VirtualClock(0);
  const stop = new AbortController();
  const seen: string[] = [];
  clock.after(1, () => seen.push('cancelled'))();
  void clock.sleep(1_000, stop.signal).then(() => seen.push(`woken@${clock.now()}`));
  clock.after(7, () => stop.abort());
  await clock.run(() => false);
  expect(seen).toEqual(['woken@7']);
});

test('a run ends at its limit, and time stands there', async () => {
  const clock = new VirtualClock(0);
  clock.after(100, () => {});
  expect(await clock.advance(40)).toBe('limit');
  expect(clock.now()).toBe(40);
  expect(await clock.run(() => clock.now() >= 100)).toBe('done');
});

test('many timers leave the heap sorted', async () => {
  const clock = new VirtualClock(0);
  const random = seededRandom(1);
  const seen: number[] = [];
  for (let i = 0; i < 2_000; i += 1) clock.after(random.whole(500), () => seen.push(clock.now()));
  await clock.run(() => false);
  expect(seen).toHaveLength(2_000);
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
});

test('the same seed gives the same chance, and a fork does not depend on what was drawn', () => {
  const [one, two] = [seededRandom(7), seededRandom(7)];
  const first = [one.fraction(), one.token(), one.uuid(), one.whole(10)];
  expect([two.fraction(), two.token(), two.uuid(), two.whole(10)]).toEqual(first);
  expect(one.fork('a').token()).toBe(seededRandom(7).fork('a').token());
  expect(seededRandom(8).token()).not.toBe(seededRandom(7).token());
});
