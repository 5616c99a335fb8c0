import { expect, test } from 'vitest';
import { type Account, exact, type Found, judge, lineOf, type Order, resumedAfterMs, type Sent, type Verdict } from './verdict.ts';

const keys = ['a', 'b'];
const orders: readonly Order[] = Array.from({ length: 8 }, (_, i) => ({
  id: `o${i}`,
  key: keys[i % 2] ?? '',
  ...(i === 2 ? { to: 'b' } : {}),
  sentAtMs: 1_000 + 10 * i,
}));
const sent: Sent = { orders, isOrdered: () => true, partitionOf: key => keys.indexOf(key) };

/** What a runtime without faults leaves. */
function right(): { ledger: Map<string, Account>; mirror: Map<string, string[]>; visible: Map<string, string[]>; deadLetters: number } {
  const logs = keys.map(key => [key, orders.filter(order => order.key === key)] as const);
  const entries = () => new Map(logs.map(([key, own]) => [key, own.map(({ id }, i) => `${id}@${i + 1}`)]));
  const ledger = new Map(
    logs.map(([key, own]) => {
      const log = own.map(({ id, sentAtMs }) => [id, sentAtMs + 1, 1] as const);
      return [key, { log, coins: key === 'a' ? -1 : 1, count: own.length }];
    }),
  );
  return { ledger, mirror: entries(), visible: entries(), deadLetters: 0 };
}

const account = (found: Found, key: string): Account => found.ledger.get(key) ?? { log: [], coins: 0, count: 0 };

test('nothing is wrong where nothing is', () => {
  expect(judge(sent, right())).toMatchObject({ ...exact, sent: 8, handled: 8, attemptsCounted: 0 });
  expect(lineOf(judge(sent, right()))).toContain('sent 8, handled 8, lost 0, doubled 0, state wrong 0');
});

test.each<[string, (found: ReturnType<typeof right>) => void, Partial<Verdict>]>([
  ['an order that was not handled', f => f.ledger.set('a', { ...account(f, 'a'), log: account(f, 'a').log.slice(1) }), { lost: 1 }],
  ['an order handled twice', f => f.ledger.set('a', { ...account(f, 'a'), log: [...account(f, 'a').log, ['o0', 1, 1]] }), { doubled: 1 }],
  ['an order of nobody', f => f.ledger.set('b', { ...account(f, 'b'), log: [...account(f, 'b').log, ['x', 1, 1]] }), { doubled: 1 }],
  ['a key that has no state', f => f.ledger.delete('a'), { lost: 4, stateWrong: 2 + 1 }],
  [
    'two orders in the wrong turn',
    f => f.ledger.set('a', { ...account(f, 'a'), log: account(f, 'a').log.toReversed() }),
    { stateWrong: 1 },
  ],
  ['a counter that counted twice', f => f.ledger.set('a', { ...account(f, 'a'), count: 5 }), { stateWrong: 1 }],
  ['a coin that left and did not arrive', f => f.ledger.set('b', { ...account(f, 'b'), coins: 0 }), { stateWrong: 1 + 1 }],
  [
    'a coin that was moved twice',
    f => [f.ledger.set('a', { ...account(f, 'a'), coins: -2 }), f.ledger.set('b', { ...account(f, 'b'), coins: 2 })],
    { stateWrong: 2 },
  ],
  ['an emit that the mirror lacks', f => f.mirror.get('a')?.pop(), { emitsLost: 1 }],
  ['an emit that the mirror has twice', f => f.mirror.get('a')?.push('o0@1'), { emitsTwice: 1 }],
  ['an emit that readers see twice', f => f.visible.get('b')?.push('o1@1'), { emitsTwice: 1 }],
  ['an emit of an attempt that was not committed', f => f.visible.get('b')?.push('o1@7'), { emitsTwice: 1 }],
  [
    'a dead letter',
    f => {
      f.deadLetters = 1;
    },
    { deadLetters: 1 },
  ],
  [
    'an attempt that counted',
    f => f.ledger.set('a', { ...account(f, 'a'), log: account(f, 'a').log.map(([id, atMs]) => [id, atMs, 2]) }),
    { attemptsCounted: 4 },
  ],
])('%s is found', (_, plant, found) => {
  const planted = right();
  plant(planted);
  expect(judge(sent, planted)).toMatchObject(found);
});

test('silence is the longest time without an order of a key, from its first to its last', () => {
  const found = right();
  found.ledger.set('a', {
    ...account(found, 'a'),
    log: [
      ['o0', 1_001, 1],
      ['o2', 1_021, 1],
      ['o4', 1_055, 1],
      ['o6', 1_061, 1],
    ],
  });
  expect(judge(sent, found).silenceMs).toBe(34);
});

test('what was handled again after a moment is as late as its latest partition, which is as early as its earliest key', () => {
  expect(resumedAfterMs(sent, right(), 1_035)).toBe(16);
  const stuck = right();
  stuck.ledger.set('b', { ...account(stuck, 'b'), log: [] });
  expect(resumedAfterMs(sent, stuck, 1_035)).toBe(Number.POSITIVE_INFINITY);
  expect(resumedAfterMs({ ...sent, partitionOf: () => 0 }, stuck, 1_035)).toBe(6);
  expect(resumedAfterMs({ ...sent, partitionOf: key => (key === 'b' ? undefined : 0) }, stuck, 1_035)).toBe(6);
  expect(resumedAfterMs({ ...sent, partitionOf: () => 0 }, right(), 1_035, 'key')).toBe(16);
  expect(resumedAfterMs({ ...sent, partitionOf: () => 0 }, stuck, 1_035, 'key')).toBe(Number.POSITIVE_INFINITY);
});

test('where no order came after a moment nothing shows that anything went on', () => {
  expect(() => resumedAfterMs(sent, right(), 1_070)).toThrow('no order came');
  expect(() => resumedAfterMs({ ...sent, partitionOf: () => undefined }, right(), 1_035)).toThrow('no order came');
});
