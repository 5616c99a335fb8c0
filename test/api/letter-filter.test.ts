import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DeadLetterSummary } from '../../controller/api/contract.ts';
import { letterFields, parseLetterFilter } from '../../controller/api/letter-filter.ts';

const nowMs = 10_000_000;
const letter: DeadLetterSummary = {
  id: '3-17',
  atMs: nowMs - 3_600_000,
  eventId: 'e 1',
  key: 'customer-7',
  reason: 'error',
  error: { code: 'FAAS_HANDLER_ERROR', name: 'TypeError', message: 'a "b", c' },
  attempts: 5,
  revision: 'r2-0a0b0c0d',
  origin: { topic: 'orders', partition: 3, offset: 42 },
  replayed: false,
  dropped: false,
};

test.each([
  ['reason=error', true],
  ['reason=timeout', false],
  ['reason!=timeout', true],
  ['key=customer-*', true],
  ['key=*-7', true],
  ['key=c*t*7', true],
  ['key=c*7*7', false],
  ['key=customer', false],
  ['key=""', false],
  ['event="e 1"', true],
  ['message="a \\"b\\", c"', true],
  ['error=TypeError, code=FAAS_HANDLER_ERROR', true],
  ['error=TypeError,attempts<5', false],
  ['attempts>=5', true],
  ['attempts>5', false],
  ['offset=42, partition=3, topic=orders', true],
  ['age>=1h', true],
  ['age>1h', false],
  ['age<61m', true],
  ['state=open', true],
  ['  state != replayed , id = 3-17 ', true],
] as const)('%s → %s', (text, expected) => expect(parseLetterFilter(text)(letter, nowMs)).toBe(expected));

test('a letter without a key has the empty one', () => expect(parseLetterFilter('key=""')({ ...letter, key: null }, nowMs)).toBe(true));

test.each([
  ['', 'column 1: a field is missing'],
  ['reasn=error', 'column 1: there is no field "reasn"'],
  ['reason', 'column 7: an operator is missing after "reason"'],
  ['reason=', 'column 8: a value is missing'],
  ['reason>error', 'column 7: "reason" is text and cannot be compared with >'],
  ['age>soon', 'column 5: "soon" is not a duration, which "age" needs'],
  ['attempts=1.5', 'column 10: "1.5" is not a whole number, which "attempts" needs'],
  ['key=a key=b', 'column 7: "k" where a comma or the end should be'],
  ['key=a,', 'column 7: a comma without a term behind it'],
  ['key="a', 'column 5: the quote is not closed'],
  [Array.from({ length: 33 }, () => 'key=a').join(','), 'column 193: more than 32 terms'],
])('%s is refused: %s', (text, message) => {
  expect(() => parseLetterFilter(text)).toThrow(expect.objectContaining({ code: 'FAAS_LETTER_FILTER', message, hint: expect.any(String) }));
});

test('law: whatever is written is a filter, or refused with a column within it', () => {
  const part = fc.oneof(fc.constantFrom(...letterFields, '=', '!=', '>=', ',', '"', ' ', '*', '1h'), fc.string({ maxLength: 5 }));
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), parts => {
      const text = parts.join('');
      try {
        expect(typeof parseLetterFilter(text)(letter, nowMs)).toBe('boolean');
      } catch (error) {
        const column = Number(/^column (\d+)/.exec(String(Object(error).message))?.[1]);
        expect(Object(error).code).toBe('FAAS_LETTER_FILTER');
        expect(column >= 1 && column <= text.length + 1).toBe(true);
      }
    }),
  );
});

test('law: a quoted value is found as it is, whatever it holds but a star', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 30 }), fc.string({ maxLength: 30 }), (wanted, other) => {
      const written = wanted.replaceAll('*', '');
      const test = parseLetterFilter(`key="${written.replace(/["\\]/g, '\\$&')}"`);
      expect(test({ ...letter, key: written }, nowMs)).toBe(true);
      expect(test({ ...letter, key: other }, nowMs)).toBe(other === written);
    }),
  );
});
