import { beforeEach, expect, test } from 'vitest';
import { createMemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { dropLetters } from '../../controller/api/drop-letters.ts';
import { OpenLetters } from '../../controller/api/open-letters.ts';
import { deadLetterEmit } from '../../controller/dispatch/dead-letter.ts';
import { headerNames } from '../../runtime/protocol/headers.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const unit = 'shop.totals';
const topic = `faas.${unit}.dlq`;
const utf8 = new TextEncoder();

let ports: ReturnType<typeof createMemoryAdapters> & { clock: VirtualClock; random: ReturnType<typeof seededRandom> };
let letters: OpenLetters;

beforeEach(async () => {
  const clock = new VirtualClock();
  const random = seededRandom(1);
  ports = { ...createMemoryAdapters({ clock, random }), clock, random };
  letters = new OpenLetters(ports);
  await ports.streams.ensureTopic(topic, { partitions: 2, retention: { ageMs: 1_000 } });
});

async function fail(...ids: readonly string[]): Promise<void> {
  const emits = ids.map(id => {
    const error = { code: 'FAAS_HANDLER_ERROR', name: 'Error', message: 'boom', stack: undefined };
    const origin = { topic: 'orders', partition: 0, offset: 1, stream: 'orders' };
    const letter = { unit, revision: 'r1', reason: 'error', error, attempts: 1, crashes: 0, failedAtMs: 0, origin } as const;
    return deadLetterEmit({ ...letter, key: utf8.encode(id), value: null, headers: [[headerNames.id, utf8.encode(id)]] }, topic, 2);
  });
  await ports.streams.append(topic, emits);
}

test('a function without a topic of dead letters has none', async () => {
  expect(await letters.count('shop.other')).toBe(0);
});

test('counted are letters that nobody replayed or dropped, those that came later too', async () => {
  await fail('a', 'b', 'c');
  expect(await letters.count(unit)).toBe(3);
  await dropLetters(ports, unit, { all: true });
  expect(await letters.count(unit)).toBe(0);
  await fail('d');
  expect(await letters.count(unit)).toBe(1);
});

test('what retention takes is not counted', async () => {
  await fail('a', 'b');
  expect(await letters.count(unit)).toBe(2);
  await ports.clock.advance(5_000);
  await ports.streams.expire(ports.clock.now());
  expect(await letters.count(unit)).toBe(0);
});

test('more than is looked at one by one: the rest counts as open until there is room', async () => {
  await fail(...Array.from({ length: 2_600 }, (_, index) => `e${index}`));
  for (let turn = 0; turn < 6; turn += 1) expect(await letters.count(unit)).toBe(2_600);
  await dropLetters(ports, unit, { all: true });
  for (let turn = 0; turn < 3; turn += 1) await letters.count(unit);
  expect(await letters.count(unit)).toBe(0);
});

test('a store that does not answer once loses no letter', async () => {
  await fail('a', 'b', 'c');
  let isAway = true;
  const { streams, state } = ports;
  const known: typeof state.known = async (...question) => {
    if (isAway) throw new Error('the store is away');
    return state.known(...question);
  };
  letters = new OpenLetters({ streams, state: { known } });
  await expect(letters.count(unit)).rejects.toThrow('the store is away');
  isAway = false;
  expect(await letters.count(unit)).toBe(3);
});

test('who looks while another does sees the same, and takes no letter from the next one', async () => {
  await fail('a', 'b', 'c');
  const { streams, state } = ports;
  let second: Promise<number> | undefined;
  const known: typeof state.known = async (...question) => {
    second ??= letters.count(unit);
    await ports.clock.sleep(100);
    return state.known(...question);
  };
  letters = new OpenLetters({ streams, state: { known } });
  const first = letters.count(unit);
  await ports.clock.advance(1_000);
  expect([await first, await second]).toEqual([3, 3]);
  const third = letters.count(unit);
  await ports.clock.advance(1_000);
  expect(await third).toBe(3);
});
