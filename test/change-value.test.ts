import { expect, test } from 'vitest';
import { createMemoryAdapters } from '../controller/adapters/memory/memory-adapters.ts';
import { changeValue } from '../controller/change-value.ts';
import { seededRandom } from './support/seeded-random.ts';
import { VirtualClock } from './support/virtual-clock.ts';

const place = { unit: '$counts', name: 'counts' };

function rig() {
  const clock = new VirtualClock();
  const random = seededRandom(1);
  const { state } = createMemoryAdapters({ clock, random });
  const read = async () => {
    const [one] = await state.read(place.unit, ['n']);
    return one?.value === undefined ? undefined : Number(Buffer.from(one.value).toString());
  };
  return { clock, read, options: { state, random, clock } };
}

const plusOne = (value: Uint8Array | undefined) => Buffer.from(`${Number(Buffer.from(value ?? []).toString()) + 1}`);

test('of many changes at once each is made, one after the other', async () => {
  const { clock, read, options } = rig();
  const all = Promise.all(Array.from({ length: 8 }, () => changeValue(options, place, 'n', plusOne)));
  await clock.advance(5_000);
  await all;
  expect(await read()).toBe(8);
});

test('null removes it, undefined leaves it', async () => {
  const { read, options } = rig();
  await changeValue(options, place, 'n', plusOne);
  await changeValue(options, place, 'n', () => undefined);
  expect(await read()).toBe(1);
  await changeValue(options, place, 'n', () => null);
  expect(await read()).toBeUndefined();
});
