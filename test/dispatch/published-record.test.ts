import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeBatch } from '../../controller/adapters/kafka/record-batch.ts';
import { addOutboxEntries, unpackOutboxEntry } from '../../controller/adapters/redis/outbox-codec.ts';
import { PackedArguments } from '../../controller/adapters/redis/packed-command.ts';
import { type Cause, settleOutcome } from '../../controller/dispatch/settle.ts';
import type { Emit } from '../../controller/ports/state.ts';
import type { NewRecord } from '../../controller/ports/streams.ts';
import { publishedRecord, Upstream } from '../../controller/published-record.ts';
import type { WireEmit } from '../../runtime/protocol/messages.ts';
import { liveFunction } from '../support/dispatch-world.ts';

const stream = 'shop.totals|t.0';
const generation = 1_796_069_634_867;
const live = liveFunction('totals', { emitTopics: { vips: 'vips' }, emits: [{ name: 'vips', context: 'shop', stream: 'vips' }] });
const cause: Cause = {
  ...{ live, eventId: 'e1', idempotencyKey: 'shop.totals/t/0/7', correlationId: undefined, traceparent: '00-1-2-01', hop: 2 },
};
const bytes = fc.uint8Array({ maxLength: 60 });
const wireEmit: fc.Arbitrary<WireEmit> = fc.record({
  kind: fc.constant('emit' as const),
  target: fc.constant('vips'),
  key: fc.option(bytes),
  value: bytes,
  contentType: fc.constantFrom('application/json', 'text/plain'),
  id: fc.option(fc.string({ maxLength: 30 }), { nil: undefined }),
  type: fc.option(fc.string({ maxLength: 30 }), { nil: undefined }),
  headers: fc.array(fc.tuple(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }), bytes), { maxLength: 3 }),
});

function settled(emits: readonly WireEmit[], upstream?: Upstream): readonly Emit[] {
  const outcome = { kind: 'ok', reads: [], writes: [], emits, answer: undefined, filtered: false, busyMs: 0, enteredAtMs: 0 } as const;
  const result = settleOutcome(outcome, { ...cause, upstream }, () => 4, 1_000);
  if (result.kind !== 'settled') throw new Error(result.error.message);
  return result.emits;
}

const hex = (part: Uint8Array | null) => part && Buffer.from(part).toString('hex');

/** A seq as readers compare it: by its numbers. */
function plain({ partition, key, value, headers }: NewRecord | Emit) {
  const texts = headers.map(([name, text]) => [
    name,
    name === 'ce_faasseq' ? Buffer.from(text).toString().split('.').map(Number) : hex(text),
  ]);
  return { partition, key: hex(key), value: hex(value), headers: texts.toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)) };
}

const counters = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 9_999_999_990, max: 10_000_000_009 }), fc.maxSafeNat());

test('law: an emit is published the same whether it had room for its seq, was read from the store again, or neither', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(wireEmit, { minLength: 1, maxLength: 6 }), counters, async (emits, counter) => {
      const seq = { generation, counter };
      const usual = settled(emits).map(emit => plain(publishedRecord({ seq, stream, emit })));
      expect(usual[0]?.headers).toContainEqual(['ce_faasseq', [generation, counter]]);

      const own = settled(emits, new Upstream(stream, generation));
      const args = new PackedArguments(16);
      addOutboxEntries(args, { stream, emits: own }, seq);
      const stored = entriesOf(args);
      expect(stored.every(entry => !entry.includes('ce_faasstream'))).toBe(true);
      const [first] = stored.map(unpackOutboxEntry);
      expect(first).toMatchObject({ seq, stream });
      expect(stored.map(entry => plain(publishedRecord({ ...unpackOutboxEntry(entry), seq })))).toEqual(usual);

      const published = own.map(emit => publishedRecord({ seq, stream, emit }));
      expect(published.map(plain)).toEqual(usual);
      const batch = await encodeBatch(published, 1_000, 'none');
      expect(
        await encodeBatch(
          published.map(({ partition, key, value, headers }) => ({ partition, key, value, headers })),
          1_000,
          'none',
        ),
      ).toEqual(batch);
      // As an emit is that another owner has settled.
      expect(settled(emits, new Upstream('other', generation)).map(emit => plain(publishedRecord({ seq, stream, emit })))).toEqual(usual);
    }),
    { numRuns: 200 },
  );
});

test('the seq of an emit that is published again is the one of its entry', () => {
  const [emit] = settled(
    [
      {
        kind: 'emit',
        target: 'vips',
        key: null,
        value: Buffer.from('v'),
        contentType: 'text/plain',
        id: undefined,
        type: undefined,
        headers: [],
      },
    ],
    new Upstream(stream, generation),
  );
  if (emit === undefined) throw new Error('no emit');
  for (const counter of [123_456, 7]) {
    const { headers } = publishedRecord({ seq: { generation, counter }, stream, emit });
    expect(headers.filter(([name]) => name === 'ce_faasseq').map(([, text]) => Buffer.from(text).toString())).toEqual([
      `${generation}.${String(counter).padStart(10, '0')}`,
    ]);
  }
});

/** The bulk strings of RESP. */
function entriesOf({ bytes: all, count }: PackedArguments): Buffer[] {
  const entries: Buffer[] = [];
  for (let at = 0; entries.length < count; ) {
    const from = all.indexOf('\r\n', at) + 2;
    const length = Number(all.toString('latin1', at + 1, from - 2));
    entries.push(all.subarray(from, from + length));
    at = from + length + 2;
  }
  return entries;
}
