import { expect, test } from 'vitest';
import { type Cause, settleOutcome } from '../../controller/dispatch/settle.ts';
import { partitionOf } from '../../controller/ports/partition-of.ts';
import type { Emit } from '../../controller/ports/state.ts';
import type { OkOutcome, WireEmit } from '../../runtime/protocol/messages.ts';
import { liveFunction } from '../support/dispatch-world.ts';

const nowMs = Date.parse('2026-03-04T05:06:07.089Z');
const live = liveFunction('totals', {
  emitTopics: { vips: 'shop.int.vips', orders: 'sales.orders' },
  emits: [
    { name: 'vips', context: 'shop', stream: 'vips' },
    { name: 'orders', context: 'sales', stream: 'orders' },
  ],
});
const cause: Cause = {
  live,
  eventId: 'e1',
  idempotencyKey: 'shop.totals/t/0/7',
  correlationId: undefined,
  traceparent: '00-1-2-01',
  hop: 2,
};
const sizes: Record<string, number> = { 'shop.int.vips': 12, 'sales.orders': 3, 'faas.billing.tax.inbox': 4 };
const partitionsOf = (topic: string) => sizes[topic];

function wireEmit(given: Partial<WireEmit> = {}): WireEmit {
  return {
    kind: 'emit',
    target: 'vips',
    key: Buffer.from('k'),
    value: Buffer.from('{}'),
    contentType: 'application/json',
    id: undefined,
    type: undefined,
    headers: [],
    ...given,
  };
}

function outcome(...emits: WireEmit[]): OkOutcome {
  return { kind: 'ok', reads: [], writes: [], emits, answer: undefined, filtered: false, busyMs: 0, enteredAtMs: 0 };
}

function settled(emits: readonly WireEmit[], of: Cause = cause): readonly Emit[] {
  const result = settleOutcome(outcome(...emits), of, partitionsOf, nowMs);
  if (result.kind !== 'settled') throw new Error(result.error.message);
  return result.emits;
}

const textOf = (emit: Emit | undefined) =>
  Object.fromEntries((emit?.headers ?? []).map(([name, value]) => [name, Buffer.from(value).toString()]));

test('an emit becomes a CloudEvent whose id derives from its cause', () => {
  const [emit] = settled([wireEmit()]);
  expect([emit?.topic, emit?.partition]).toEqual(['shop.int.vips', partitionOf(Buffer.from('k'), '', 12)]);
  expect(Buffer.from(emit?.key ?? []).toString()).toBe('k');
  expect(textOf(emit)).toEqual({
    ce_specversion: '1.0',
    ce_id: 'shop.totals/t/0/7/0',
    ce_source: '/shop/totals',
    ce_type: 'shop.vips',
    ce_time: '2026-03-04T05:06:07.089Z',
    'content-type': 'application/json',
    ce_hop: '3',
    ce_correlationid: 'e1',
    ce_causationid: 'e1',
    traceparent: '00-1-2-01',
  });
});

test.each([0, 7, 10, 4_294_967_296, Number.MAX_SAFE_INTEGER])(
  'the id is the same bytes where the idempotency key is a place and an offset: %s',
  offset => {
    const ids = { idempotencyKey: `shop.totals/t/0/${offset}`, eventId: `t/0/${offset}` };
    const emits = Array.from({ length: 11 }, () => wireEmit());
    const [whole, parts] = [{}, { place: 'shop.totals/t/0', eventPlace: 't/0', offset }].map(more =>
      settled([...emits, wireEmit({ key: null })], { ...cause, ...ids, ...more }).map(emit => [emit.partition, textOf(emit)]),
    );
    expect(parts).toEqual(whole);
  },
);

test('emits of one event have ids of their own, the same ones each time', () => {
  const ids = settled([wireEmit(), wireEmit(), wireEmit({ target: 'orders' })]).map(emit => textOf(emit).ce_id);
  expect(ids).toEqual(['shop.totals/t/0/7/0', 'shop.totals/t/0/7/1', 'shop.totals/t/0/7/2']);
});

test.each<[string, Partial<WireEmit>, Record<string, string>]>([
  ['the type of another context is that of the stream', { target: 'orders' }, { ce_type: 'sales.orders' }],
  ['an own type stays', { type: 'vip.found' }, { ce_type: 'vip.found' }],
  ['own headers stay', { headers: [['x-a', Buffer.from('1')]] }, { 'x-a': '1' }],
  [
    'attributes of the runtime cannot be forged',
    {
      headers: [
        ['ce_hop', Buffer.from('0')],
        ['ce_faasseq', Buffer.from('9.9')],
      ],
    },
    { ce_hop: '3' },
  ],
  [
    'the trace of the attempt comes before that of the event',
    { headers: [['traceparent', Buffer.from('00-1-9-01')]] },
    { traceparent: '00-1-9-01' },
  ],
])('%s', (_, given, expected) => {
  const [emit] = settled([wireEmit(given)]);
  expect(textOf(emit)).toMatchObject(expected);
  expect(emit?.headers.filter(([name]) => name === 'ce_hop' || name === 'traceparent')).toHaveLength(2);
  expect(textOf(emit)).not.toHaveProperty('ce_faasseq');
});

test('without a key the partition comes from the id, so that a repetition lands in the same one', () => {
  const [emit] = settled([wireEmit({ key: null })]);
  expect(emit?.partition).toBe(partitionOf(null, 'shop.totals/t/0/7/0', 12));
});

test('a start becomes an event of the inbox, under the id that its author was given', () => {
  const [start] = settled([wireEmit({ kind: 'start', target: 'billing.tax', id: 's1' })]);
  expect(start?.topic).toBe('faas.billing.tax.inbox');
  expect(textOf(start)).toMatchObject({
    ce_id: 's1',
    ce_faastrigger: 'start',
    ce_faastriggername: 'shop.totals',
    ce_hop: '3',
    ce_causationid: 'e1',
    traceparent: '00-1-2-01',
  });
});

test.each<[string, Partial<WireEmit>, string]>([
  ['a stream that nobody declared', { target: 'nowhere' }, 'stream "nowhere" has no topic: deploy its context first'],
  [
    'a function that is not deployed',
    { kind: 'start', target: 'billing.dunning' },
    'function "billing.dunning" has no inbox: deploy its context first',
  ],
])('%s: nothing of the result is kept', (_, given, message) => {
  const result = settleOutcome(outcome(wireEmit(), wireEmit(given)), cause, partitionsOf, nowMs);
  expect(result).toMatchObject({ kind: 'refused', error: { code: 'FAAS_TARGET_UNKNOWN', message } });
});
