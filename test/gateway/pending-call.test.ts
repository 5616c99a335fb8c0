import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CallEvent, type PendingCall, sharedHeaders } from '../../controller/gateway/pending-call.ts';
import { decodeBatch, encodeBatch } from '../../runtime/protocol/batch.ts';
import { headerNames } from '../../runtime/protocol/headers.ts';

const text = (bytes: Uint8Array | null | undefined) => (bytes == null ? null : Buffer.from(bytes).toString());

test('what is said of a call arrives, whatever its key and its body are', () => {
  const calls = fc.record({
    key: fc.option(fc.string({ unit: 'grapheme', maxLength: 60 }), { nil: null }),
    data: fc.nat(300).chain(small => fc.constantFrom(small, 100 * small).map(size => new Uint8Array(size).fill(size % 256))),
    contentType: fc.string({ unit: 'grapheme', maxLength: 100 }),
    depth: fc.nat(16),
  });
  fc.assert(
    fc.property(fc.array(calls, { minLength: 1, maxLength: 8 }), requests => {
      const events = requests.map((request, index) => new CallEvent(pending(request, index), index, sharedHeaders('shop.order'), 1_000));
      const batch = { batchToken: 't', unit: 'shop.order', revision: 'r', state: [], events };
      const arrived = decodeBatch(encodeBatch(batch)).events;
      expect(
        arrived.map((event, index) => ({
          key: text(event.key),
          isWhole: Buffer.compare(event.value ?? Buffer.alloc(0), requests[index]?.data ?? Buffer.alloc(1)) === 0,
          headers: event.headers.map(([name, header]) => [name, text(header)]),
          attempt: event.attempt,
          trigger: event.trigger,
          offset: event.offset,
          appendedAtMs: event.appendedAtMs,
          remainingMs: event.remainingMs,
          idempotencyKey: event.idempotencyKey,
        })),
      ).toEqual(
        requests.map(({ key, contentType, depth }, index) => ({
          key,
          isWhole: true,
          headers: [
            ['ce_source', '/call/shop/order'],
            ['ce_type', 'shop.order.call'],
            ['ce_id', `call-${index}`],
            ['content-type', contentType],
            ['traceparent', 'trace'],
            ...(depth > 0 ? [[headerNames.hop, String(depth)]] : []),
          ],
          attempt: 2,
          trigger: 'call',
          offset: -1,
          appendedAtMs: 900,
          remainingMs: 500 + index,
          idempotencyKey: `call-${index}`,
        })),
      );
    }),
    { numRuns: 50 },
  );
});

function pending(
  request: { readonly key: string | null; readonly data: Uint8Array; readonly contentType: string; readonly depth: number },
  index: number,
): PendingCall {
  return {
    request: { unit: 'shop.order', idempotencyKey: undefined, timeoutMs: 500, traceparent: undefined, ...request },
    id: `call-${index}`,
    traceparent: 'trace',
    startedAtMs: 900,
    deadlineMs: 1_500 + index,
    staleRuns: 1,
    returns: 0,
    suspect: false,
    settled: false,
    settle: () => undefined,
  };
}
