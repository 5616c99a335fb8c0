import { expect, test } from 'vitest';
import { WorkQueue } from '../../runtime/pod/work-queue.ts';
import { batchEvent, batchOf } from './pod-fixture.ts';

const noCall = () => Promise.reject(new Error('nothing is asked for'));

/** Rows of handlers that take 10 ms without waiting: each turn is over after one. Turns end when the test says so. */
function startQueue() {
  let nowMs = 1_000;
  const handled: unknown[] = [];
  const turns: (() => void)[] = [];
  const queue = new WorkQueue({
    fn: {
      unit: 'shop.f',
      context: 'shop',
      functionName: 'f',
      revision: 'r',
      kind: 'event',
      handler: event => {
        nowMs += 10;
        handled.push(Reflect.get(Object(event), 'data'));
      },
      timeoutMs: 60_000,
      emits: new Set(),
      calls: new Set(),
      schemas: new Map(),
      dataFilters: {},
    },
    host: { now: () => nowMs, monotonic: () => nowMs, randomHex: () => '', readState: noCall, call: noCall, log: () => undefined },
    board: { enter: () => undefined, leave: () => undefined },
    concurrency: 10,
    enter: (_call, _run, handle) => handle(),
    onResult: () => true,
    yieldTurn: () => new Promise(resolve => turns.push(resolve)),
  });
  const endTurn = async () => {
    turns.shift()?.();
    await new Promise(resolve => setImmediate(resolve));
  };
  return { queue, handled, turns, endTurn };
}

const batch = () => batchOf([0, 1, 2, 3].map(index => batchEvent(index, index)));

test('rows that have to wait for the next turn wait for one, and go on in their order', async () => {
  const { queue, handled, turns, endTurn } = startQueue();
  queue.add(1, batch(), 1_000);
  for (const done of [[0], [0, 1], [0, 1, 2]]) {
    expect([handled, turns.length]).toEqual([done, 1]);
    await endTurn();
  }
  expect([handled, turns.length]).toEqual([[0, 1, 2, 3], 0]);
});

test('a batch that is cancelled while all its rows wait for the next turn does not go on', async () => {
  const { queue, handled, turns, endTurn } = startQueue();
  queue.add(1, batch(), 1_000);
  queue.cancel(1);
  await endTurn();
  expect([handled, turns.length]).toEqual([[0], 0]);
});
