import { expect, test } from 'vitest';
import { Breaker } from '../../controller/dispatch/breaker.ts';
import { fetchLimit } from '../../controller/dispatch/read-records.ts';
import { stepSession } from '../../controller/dispatch/session.ts';
import { newSession, type Session } from '../../controller/dispatch/session-state.ts';
import { takeShared } from '../../controller/dispatch/take-batch.ts';
import { defaultLimits, liveFunction } from '../support/dispatch-world.ts';

const enough = 500;

function sessionWith(records: number, keys: number): Session {
  const live = liveFunction('f', { subscriptions: [{ topic: 't', inbox: false, order: 'key' }] });
  const [subscription] = live.subscriptions;
  if (subscription === undefined) throw new Error('no subscription');
  const session = newSession({
    ...{ live, subscription, source: { unit: live.unit, name: 't.0' }, partition: 0, ownerToken: 'owner' },
    limits: { ...defaultLimits, bytesMax: 1e9, windowOffsetsMax: 8_192, mayRollBack: false, publishes: false },
    partitionsOf: () => 1,
    recordBytesMaxOf: () => 1_000_000,
    breaker: new Breaker(),
    claimed: {
      generation: 1,
      topicId: undefined,
      frontier: 0,
      highSeqOffset: 0,
      highSeqs: new Map(),
      done: [],
      attempts: [],
      outbox: [],
      parked: [],
    },
  });
  const read = Array.from({ length: records }, (_, offset) => ({
    ...{ offset, appendedAtMs: 0, value: null, headers: [] },
    key: Buffer.from(`k${offset % keys}`),
  }));
  stepSession(session, { kind: 'fetched', result: { records: read, nextOffset: records }, nowMs: 1 });
  return session;
}

test.each([
  // records keys taken  reads on  why
  [0, 1, 0, true, 'nothing is there'],
  [499, 100, 0, true, 'fewer than enough wait'],
  [500, 100, 0, false, 'enough wait, side by side'],
  [600, 100, 100, false, 'enough wait, in lanes that are all barred for the moment'],
  [600, 63, 0, true, 'too few lanes for all that waits'],
  [600, 64, 0, false, 'just enough lanes'],
  [600, 1, 0, true, 'one key: another may be behind it'],
] as const)('%i records of %i keys, %i taken: reads on %s, %s', (records, keys, taken, readsOn, _why) => {
  const session = sessionWith(records, keys);
  if (taken > 0) takeShared(session, { events: taken, bytes: 1e9, prefetch: false, handler: 'event', revision: 'r1-00000000' }, 1);
  expect(fetchLimit(session, enough) !== undefined).toBe(readsOn);
});

test('what waits is counted by lanes: none is left when all is taken', () => {
  const session = sessionWith(90, 30);
  expect(session.lanes.waiting).toBe(30);
  takeShared(session, { events: 30, bytes: 1e9, prefetch: false, handler: 'event', revision: 'r1-00000000' }, 1);
  expect(session.lanes.waiting).toBe(30);
  const all = sessionWith(30, 30);
  takeShared(all, { events: 30, bytes: 1e9, prefetch: false, handler: 'event', revision: 'r1-00000000' }, 1);
  expect(all.lanes.waiting).toBe(0);
});
