import { expect, test } from 'vitest';
import { choosePod, chooseQuarantine, leastOf, type PodLoad, podsWanted, roomOf } from '../../controller/dispatch/placement.ts';

const nowMs = 100_000;

function load(
  given: Partial<PodLoad> & {
    concurrency?: number;
    handler?: 'event' | 'batch';
    state?: 'ready' | 'draining';
    revision?: string;
    id?: string;
  } = {},
): PodLoad {
  const { concurrency = 4, handler = 'event', state = 'ready', revision = 'r2', id = 'p1', ...rest } = given;
  const pod = { id, bootId: '', address: '', token: '', startedAtMs: 0, pid: undefined };
  const view = { pod, unit: 'u', revision, state, handler, concurrency };
  return {
    view,
    isComing: false,
    events: 0,
    batches: 0,
    answeredAtMs: nowMs,
    alone: false,
    reserved: false,
    notBeforeMs: 0,
    refusals: 0,
    ...rest,
  };
}

test.each<[string, PodLoad, number, number]>([
  // what                                     load                                                    ms per event, room of a batch of 100
  ['idle, slow events: a little ahead', load(), 50, 6],
  ['idle, very slow events: one ahead', load(), 1_000, 5],
  ['idle, fast events: a whole batch', load(), 0.01, 100],
  ['full of slow events', load({ events: 6, batches: 1 }), 50, 0],
  ['two large batches', load({ events: 200, batches: 2 }), 0.01, 0],
  ['two small batches', load({ events: 3, batches: 2 }), 0.01, 13],
  ['eight batches', load({ events: 8, batches: 8 }), 0.01, 0],
  ['no answer for a second, slots free', load({ events: 3, batches: 1, answeredAtMs: nowMs - 1_001 }), 0.01, 1],
  ['no answer for a second, no slot free', load({ events: 4, batches: 1, answeredAtMs: nowMs - 1_001 }), 0.01, 0],
  ['draining', load({ state: 'draining' }), 1, 0],
  ['runs a suspect', load({ alone: true }), 1, 0],
  ['kept for a suspect', load({ reserved: true }), 1, 0],
  ['refused just now', load({ notBeforeMs: nowMs + 1 }), 1, 0],
  ['coming', load({ isComing: true }), 0.01, 100],
  ['coming, has its batch', load({ isComing: true, events: 1, batches: 1 }), 0.01, 0],
  ['refused a while ago', load({ notBeforeMs: nowMs }), 0.01, 100],
  ['batch handler, one call free', load({ handler: 'batch', concurrency: 1, batches: 1, events: 100 }), 1, 100],
  ['batch handler, one call waits', load({ handler: 'batch', concurrency: 1, batches: 2, events: 200 }), 1, 0],
])('room: %s', (_, of, eventMs, room) => {
  expect(roomOf(of, 100, eventMs, nowMs)).toBe(room);
});

test.each<[string, PodLoad, number]>([
  ['a pod that would idle', load({ events: 3, batches: 1 }), 1],
  ['a pod that is busy', load({ events: 4, batches: 1 }), 50],
  ['a batch handler that would idle', load({ handler: 'batch' }), 1],
  ['a batch handler that is busy', load({ handler: 'batch', batches: 1 }), 50],
])('the fewest events worth a batch: %s', (_, of, least) => {
  expect(leastOf(of, 100)).toBe(least);
});

test.each<[string, PodLoad[], string | undefined]>([
  ['no pod', [], undefined],
  ['the less loaded', [load({ id: 'a', events: 2, batches: 1 }), load({ id: 'b', events: 1, batches: 1 })], 'b'],
  ['the live revision, also when more loaded', [load({ id: 'a', revision: 'r1' }), load({ id: 'b', events: 2, batches: 1 })], 'b'],
  ['an older revision while there is no other', [load({ id: 'a', revision: 'r1' })], 'a'],
  ['an older revision while the new one drains', [load({ id: 'a', revision: 'r1' }), load({ id: 'b', state: 'draining' })], 'a'],
  ['an older revision while the new one is coming', [load({ id: 'a', revision: 'r1' }), load({ id: 'b', isComing: true })], 'a'],
  ['one that is coming while there is no other', [load({ id: 'a', state: 'draining' }), load({ id: 'b', isComing: true })], 'b'],
  [
    'none that is coming beside one that is there and full',
    [load({ id: 'a', events: 200, batches: 8 }), load({ id: 'b', isComing: true })],
    undefined,
  ],
])('chosen: %s', (_, loads, id) => {
  expect(choosePod(loads, 'r2', 100, 50, nowMs)?.load.view.pod.id).toBe(id);
});

test.each<[string, PodLoad[], [string, boolean] | undefined]>([
  ['an idle pod', [load({ id: 'a', events: 1, batches: 1 }), load({ id: 'b' })], ['b', true]],
  [
    'none is idle: the least loaded is kept',
    [load({ id: 'a', events: 5, batches: 1 }), load({ id: 'b', events: 2, batches: 1 })],
    ['b', false],
  ],
  ['the one that is kept already', [load({ id: 'a', events: 1, batches: 1, reserved: true }), load({ id: 'b' })], ['a', false]],
  ['the only one is coming', [load({ id: 'a', isComing: true })], undefined],
  ['the only one runs a suspect', [load({ id: 'a', alone: true, batches: 1 })], undefined],
  ['one of two runs a suspect: the other one is for the rest', [load({ id: 'a', alone: true, batches: 1 }), load({ id: 'b' })], undefined],
  [
    'one of four runs a suspect',
    [load({ id: 'a', alone: true, batches: 1 }), load({ id: 'b' }), load({ id: 'c' }), load({ id: 'd' })],
    ['b', true],
  ],
])('for a suspect: %s', (_, loads, expected) => {
  const chosen = chooseQuarantine(loads, 'r2', nowMs);
  expect(chosen === undefined ? undefined : [chosen.load.view.pod.id, chosen.isFree]).toEqual(expected);
});

test.each<[number, number, number, number]>([
  // running, waiting, concurrency, pods
  [0, 1, 4, 1],
  [0, 4, 4, 1],
  [0, 5, 4, 2],
  [4, 4, 4, 2],
  [0, 0, 4, 0],
])('%i run, %i wait, %i at once per pod: %i pods', (running, waiting, concurrency, pods) => {
  expect(podsWanted([load({ events: running, batches: 1 })], waiting, concurrency)).toBe(pods);
});
