import fc from 'fast-check';
import { expect, test } from 'vitest';
import { groupCalls, groupCallsMax, type ReadyCall } from '../../controller/gateway/call-group.ts';
import type { PendingCall } from '../../controller/gateway/pending-call.ts';
import { capacityOf, inFlightMax, pickPod } from '../../controller/gateway/pick-pod.ts';
import { WaitingCalls } from '../../controller/gateway/waiting-calls.ts';
import type { PodView } from '../../controller/wire/pod-directory.ts';
import type { OkOutcome } from '../../runtime/protocol/messages.ts';

const view = (id: string, revision = 'r1', state: PodView['state'] = 'ready', concurrency = 2): PodView => ({
  pod: { id, bootId: id, address: '', token: '', startedAtMs: 0, pid: undefined },
  unit: 'shop.tax',
  revision,
  state,
  handler: 'event',
  concurrency,
});
const slow = 100;

test.each([
  // pods                                                      in flight         turn  picked
  ['none', [], {}, 0, 'none'],
  ['one', [view('a')], {}, 0, 'a'],
  ['the one with less in flight', [view('a'), view('b')], { a: 1 }, 0, 'b'],
  ['equals take turns', [view('a'), view('b')], {}, 1, 'b'],
  ['a full one is left out', [view('a'), view('b')], { a: 2, b: 1 }, 0, 'b'],
  ['all are full', [view('a'), view('b')], { a: 2, b: 2 }, 0, 'full'],
  ['draining ones take nothing', [view('a', 'r1', 'draining')], {}, 0, 'none'],
  ['the live revision first, though it has more', [view('old', 'r0'), view('new')], { new: 1 }, 0, 'new'],
  ['another revision while there is no live one', [view('old', 'r0')], {}, 0, 'old'],
  ['a full live one is not helped out by an old one', [view('old', 'r0'), view('new')], { new: 2 }, 0, 'full'],
] as const)('%s', (_, pods, inFlight, turn, expected) => {
  const loads: Readonly<Record<string, number>> = inFlight;
  const picked = pickPod(pods, 'r1', id => ({ inFlight: loads[id] ?? 0, busyUntilMs: 0, lastBatchAtMs: 0 }), slow, turn, 1);
  expect(picked.kind === 'pod' ? picked.view.pod.id : picked.kind).toBe(expected);
});

test('one that said busy is left alone until then', () => {
  const at = (nowMs: number) => pickPod([view('a')], 'r1', () => ({ inFlight: 0, busyUntilMs: 50, lastBatchAtMs: 0 }), slow, 0, nowMs).kind;
  expect([at(49), at(50)]).toEqual(['full', 'pod']);
});

test.each([
  ['nothing is in flight', 0, 10, false],
  ['three are', 3, 10, false],
  ['four are, and the last batch has just gone', 4, 10, true],
  ['four are, and the last batch went a millisecond ago', 4, 9, false],
])('calls wait for each other: %s', (_, inFlight, lastBatchAtMs, gather) => {
  expect(pickPod([view('a')], 'r1', () => ({ inFlight, busyUntilMs: 0, lastBatchAtMs }), 0.1, 0, 10)).toMatchObject({
    kind: 'pod',
    gather,
  });
});

test.each([
  [1, 100, 1],
  [4, 100, 4],
  [4, 5, 4],
  [4, 1, 20],
  [4, 0.05, inFlightMax],
  [1, 0, inFlightMax],
  [1_000, 100, 1_000],
])('concurrency %d and %d ms per call: %d in flight', (concurrency, handlerMs, expected) => {
  expect(capacityOf(concurrency, handlerMs)).toBe(expected);
});

const pending = (id: number, key: string | null, more: Partial<PendingCall> = {}): PendingCall => ({
  request: {
    unit: 'shop.tax',
    key,
    data: new Uint8Array(10),
    contentType: '',
    idempotencyKey: undefined,
    timeoutMs: 1_000,
    depth: 0,
    traceparent: undefined,
  },
  id: String(id),
  traceparent: '',
  startedAtMs: 0,
  deadlineMs: 1_000,
  staleRuns: 0,
  returns: 0,
  suspect: false,
  settled: false,
  settle() {},
  ...more,
});

test('waiting calls: all go, in order per key, never two of a key at once', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', 'b', null), { maxLength: 60 }),
      fc.array(fc.nat({ max: 9 }), { maxLength: 200 }),
      (keys, dice) => {
        const waiting = new WaitingCalls();
        const order: PendingCall[] = [];
        const running = new Set<PendingCall>();
        for (const [id, key] of keys.entries()) waiting.push(pending(id, key));
        for (const die of [...dice, ...Array<number>(200).fill(0)]) {
          const [first] = running;
          if (die % 3 === 0 && first !== undefined) {
            running.delete(first);
            waiting.release(first);
          } else {
            const taken = waiting.take(1 + (die % 4), 1_000, true);
            for (const call of taken) running.add(call);
            order.push(...taken);
          }
          const held = [...running].map(({ request }) => request.key).filter(key => key !== null);
          expect(new Set(held).size).toBe(held.length);
          if (die === 0) for (const call of [...running]) if (running.delete(call)) waiting.release(call);
        }
        expect(order.length).toBe(keys.length);
        expect(waiting.size).toBe(0);
        for (const key of ['a', 'b']) {
          const ids = order.filter(({ request }) => request.key === key).map(({ id }) => Number(id));
          expect(ids).toEqual([...ids].sort((x, y) => x - y));
        }
      },
    ),
  );
});

test('a suspect goes alone, a settled call not at all, and bytes bound a batch', () => {
  const waiting = new WaitingCalls();
  const ids = (calls: readonly PendingCall[]) => calls.map(({ id }) => id).join();
  for (const call of [
    pending(1, null),
    pending(2, null, { settled: true }),
    pending(3, null),
    pending(4, null, { suspect: true }),
    pending(5, null),
  ])
    waiting.push(call);
  expect(ids(waiting.take(10, 15, false))).toBe('1');
  expect(ids(waiting.take(10, 100, false))).toBe('3');
  expect(ids(waiting.take(10, 100, false))).toBe('4');
  expect(ids(waiting.take(10, 5, false))).toBe('5');
});

const ready = (id: number, reads: Record<string, string | null>, writes: readonly string[]): ReadyCall => {
  const outcome: OkOutcome = {
    kind: 'ok',
    reads: Object.entries(reads).map(([key, version]) => ({ key, version })),
    writes: writes.map(key => ({ key, value: new Uint8Array(1) })),
    emits: [],
    answer: undefined,
    filtered: false,
    busyMs: 0,
    enteredAtMs: 0,
  };
  return { call: pending(id, null), outcome, emits: [] };
};
const idsOf = (calls: readonly ReadyCall[]) => calls.map(({ call }) => call.id).join();

test.each([
  ['independent ones together', [ready(1, { a: 'v' }, ['a']), ready(2, { b: 'v' }, ['b'])], '1,2', ''],
  ['one that read what an earlier one writes runs again', [ready(1, {}, ['a']), ready(2, { a: 'v' }, ['b'])], '1', '2'],
  ['one that read what a later one writes does not', [ready(1, { b: 'v' }, ['a']), ready(2, {}, ['b'])], '1,2', ''],
  ['blind writes of one key: the last one stays', [ready(1, {}, ['a']), ready(2, {}, ['a'])], '1,2', ''],
  ['one that saw an uncommitted neighbour runs again', [ready(1, { a: '@0' }, [])], '', '1'],
])('a group of results: %s', (_, calls, group, outdated) => {
  const grouped = groupCalls(calls);
  expect([idsOf(grouped.group), idsOf(grouped.outdated), grouped.rest.length]).toEqual([group, outdated, 0]);
});

test('a group is bounded, and the rest keeps its order', () => {
  const { group, rest } = groupCalls(Array.from({ length: groupCallsMax + 2 }, (_, id) => ready(id, {}, [])));
  expect([group.length, idsOf(rest)]).toEqual([groupCallsMax, `${groupCallsMax},${groupCallsMax + 1}`]);
});
