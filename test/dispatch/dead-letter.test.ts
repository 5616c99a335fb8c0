import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type DeadLetter, deadLetterEmit, parseDeadLetter, replayRecord } from '../../controller/dispatch/dead-letter.ts';
import { readAttributes } from '../../controller/dispatch/event-attributes.ts';
import type { RecordHeader } from '../../controller/ports/streams.ts';
import { packRecord } from '../../runtime/protocol/record.ts';

const bytes = (text: string) => new Uint8Array(Buffer.from(text));

function letterOf(given: Partial<DeadLetter> = {}): DeadLetter {
  return {
    unit: 'shop.totals',
    revision: 'r3-0a1b2c3d',
    reason: 'error',
    error: { code: 'FAAS_HANDLER_ERROR', name: 'TypeError', message: 'x is not a function', stack: undefined },
    attempts: 5,
    crashes: 0,
    failedAtMs: 1_700_000_000_000,
    origin: { topic: 'shop.orders', partition: 3, offset: 17, stream: 'orders' },
    key: bytes('k'),
    value: bytes('{}'),
    headers: [['ce_id', bytes('a')]],
    ...given,
  };
}

const header = fc.tuple(
  fc.string().filter(name => name !== 'ce_faasstream' && name !== 'ce_faasseq'),
  fc.uint8Array({ maxLength: 20 }),
);
const letter = fc.record({
  unit: fc.string(),
  revision: fc.string(),
  reason: fc.string(),
  error: fc.record({ code: fc.string(), name: fc.string(), message: fc.string(), stack: fc.option(fc.string(), { nil: undefined }) }),
  attempts: fc.nat(),
  crashes: fc.nat(),
  failedAtMs: fc.nat(),
  origin: fc.record({ topic: fc.string(), partition: fc.nat(), offset: fc.nat(), stream: fc.string() }),
  key: fc.option(fc.uint8Array({ maxLength: 20 })),
  value: fc.option(fc.uint8Array({ maxLength: 20 })),
  headers: fc.array(header, { maxLength: 5 }),
});

test('what is written is read back: key, value and headers byte for byte, and all that is known of the failure', () => {
  fc.assert(
    fc.property(letter, original => {
      expect(parseDeadLetter(deadLetterEmit(original, 'dlq', 4))).toEqual(original);
    }),
  );
});

test('a dead letter of a dead letter keeps the first one as its headers', () => {
  const first = deadLetterEmit(letterOf(), 'dlq', 1);
  const second = letterOf({ unit: 'shop.mail', headers: first.headers, key: first.key, value: first.value });
  expect(parseDeadLetter(deadLetterEmit(second, 'dlq', 1))).toEqual(second);
});

test('marks of delivery stay behind: a reader of the dead letters would take them for its own', () => {
  const headers: RecordHeader[] = [
    ['ce_faasstream', bytes('up')],
    ['a', bytes('1')],
    ['ce_faasseq', bytes('7.1')],
  ];
  const emit = deadLetterEmit(letterOf({ headers }), 'dlq', 1);
  expect(readAttributes(packRecord(emit)).upstream).toBeUndefined();
  expect(parseDeadLetter(emit)?.headers).toEqual([['a', bytes('1')]]);
});

test.each<[string, readonly RecordHeader[]]>([
  ['no block', [['ce_id', bytes('a')]]],
  ['a block of another version', [['faas-dead-letter', bytes('2')]]],
  ['a block without its rest', [['faas-dead-letter', bytes('1')]]],
])('a record with %s is no dead letter', (_, headers) => {
  expect(parseDeadLetter({ key: null, value: null, headers })).toBeUndefined();
});

test('a replay carries the event as it was, where it came from, and a token that tells it from other replays', () => {
  const record = replayRecord(letterOf(), 'token-1', 4);
  expect(record).toMatchObject({ key: bytes('k'), value: bytes('{}') });
  expect(readAttributes(packRecord(record))).toMatchObject({
    id: 'a',
    replay: { token: 'token-1', origin: { topic: 'shop.orders', partition: 3, offset: 17, stream: 'orders' } },
  });
});

test('what fails again after a replay still names its first origin, and can be replayed again', () => {
  const replayed = replayRecord(letterOf(), 'token-1', 4);
  const again = replayRecord(letterOf({ headers: replayed.headers }), 'token-2', 4);
  expect(readAttributes(packRecord(again)).replay).toEqual({ token: 'token-2', origin: letterOf().origin });
  expect(again.headers.filter(([name]) => name === 'faas-replay')).toHaveLength(1);
});
