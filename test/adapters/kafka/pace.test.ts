import { expect, test } from 'vitest';
import { Pace } from '../../../controller/adapters/kafka/pace.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const paceOf = (members: number, sessionMs = 10_000) =>
  new Pace({ leastMs: Math.min(1_000, sessionMs / 3), sessionMs, members: () => members });

test.each([
  ['none', 0, 10_000, 1_000],
  ['a few', 20, 10_000, 1_000],
  ['more than a few', 21, 10_000, 1_050],
  ['hundreds, of which each gives three signs in its session', 500, 10_000, 3_333],
  ['hundreds with a long session', 300, 60_000, 15_000],
  ['hundreds with a short one', 500, 1_500, 500],
])('%s', (_, members, sessionMs, everyMs) => {
  expect(Math.floor(paceOf(members, sessionMs).everyMs(0))).toBe(everyMs);
});

test('while groups share anew hundreds are as quick as a few', () => {
  const pace = paceOf(500);
  pace.shared(5_000);
  expect([pace.everyMs(5_000), pace.everyMs(14_999), Math.floor(pace.everyMs(15_000))]).toEqual([1_000, 1_000, 3_333]);
});

test('who rests when groups begin to share anew goes on as soon as a few would, each at its own time', async () => {
  const clock = new VirtualClock(0);
  const pace = paceOf(500);
  const signs = [0, 100, 900].map(async fromMs => {
    await clock.sleep(fromMs);
    const sleeper = sleeperOn(clock);
    await pace.rest(clock, sleeper);
    return clock.now();
  });
  clock.after(2_200, () => pace.shared(clock.now()));
  await clock.advance(10_000);
  expect(await Promise.all(signs)).toEqual([3_000, 3_100, 2_900]);
});

test('nobody is woken who has rested, or before groups share anew', async () => {
  const clock = new VirtualClock(0);
  const pace = paceOf(500);
  const sleeper = sleeperOn(clock);
  const rested = pace.rest(clock, sleeper).then(() => clock.now());
  await clock.advance(4_000);
  pace.shared(clock.now());
  expect([await rested, sleeper.woken]).toEqual([3_333, 0]);
});

test('groups that share anew twice hurry a rest once', async () => {
  const clock = new VirtualClock(0);
  const pace = paceOf(500);
  const rested = pace.rest(clock, sleeperOn(clock)).then(() => clock.now());
  clock.after(1_500, () => pace.shared(clock.now()));
  clock.after(1_700, () => pace.shared(clock.now()));
  await clock.advance(10_000);
  expect(await rested).toBe(2_000);
});

function sleeperOn(clock: VirtualClock) {
  let wake = () => {};
  const sleeper = {
    woken: 0,
    sleep(ms: number) {
      const waking = new AbortController();
      wake = () => waking.abort();
      return clock.sleep(ms, waking.signal);
    },
    wake() {
      sleeper.woken += 1;
      wake();
    },
  };
  return sleeper;
}
