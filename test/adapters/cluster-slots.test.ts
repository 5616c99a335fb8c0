import { expect, test } from 'vitest';
import { slotMap, slotOf } from '../../controller/adapters/redis/cluster-slots.ts';

/** The first is the check value of the cluster specification: 0x31C3 of 16384. */
test.each([
  ['123456789', 12_739],
  ['', 0],
  ['a', 15_495],
  ['foo', 12_182],
])('the slot of %j is %i', (tag, slot) => {
  expect(slotOf(tag)).toBe(slot);
});

const range = (from: number, to: number, host: string | null) => [
  from,
  to,
  [host === null ? null : Buffer.from(host), 7000, Buffer.from('id')],
];

test('every slot has its node, and one that does not know its host is where we asked', () => {
  const slots = slotMap([range(0, 8000, 'a'), range(8001, 16_383, null)], 'asked', 'asked:7000');
  expect([slots[0], slots[8000], slots[8001], slots[16_383], slots.length]).toEqual([
    'a:7000',
    'a:7000',
    'asked:7000',
    'asked:7000',
    16_384,
  ]);
});

test('a cluster with a slot that nobody serves is refused', () => {
  const refused = expect.objectContaining({
    code: 'FAAS_REDIS_SLOTS',
    message: 'no node of the Redis cluster at a:7000 serves slot 100',
    hint: expect.stringContaining('setting state'),
  });
  expect(() => slotMap([range(0, 99, 'a'), range(101, 16_383, 'b')], 'a', 'a:7000')).toThrow(refused);
});
