import { expect, test } from 'vitest';
import { Pace } from '../../../controller/adapters/kafka/pace.ts';

const paceOf = (members: number, sessionMs = 10_000) =>
  new Pace({ leastMs: Math.min(1_000, sessionMs / 3), sessionMs, members: () => members });

test.each([
  ['none', 0, 10_000, 1_000],
  ['a few', 50, 10_000, 1_000],
  ['more than a few', 51, 10_000, 1_020],
  ['hundreds, of which each gives three signs in its session', 500, 10_000, 3_333],
  ['hundreds with a long session', 500, 60_000, 10_000],
  ['hundreds with a short one', 500, 1_500, 500],
])('%s', (_, members, sessionMs, everyMs) => {
  expect(Math.floor(paceOf(members, sessionMs).everyMs(0))).toBe(everyMs);
});

test('while groups share anew hundreds are as quick as a few', () => {
  const pace = paceOf(500);
  pace.shared(5_000);
  expect([pace.everyMs(5_000), pace.everyMs(14_999), Math.floor(pace.everyMs(15_000))]).toEqual([1_000, 1_000, 3_333]);
});
