import { expect, test } from 'vitest';
import { logLine } from '../../cli/log-line.ts';

const atMs = Date.UTC(2026, 0, 2, 3, 4, 5, 6);
const error = { name: 'TypeError', code: 'X', message: 'no luck\nat all', stack: 'TypeError: no luck\n    at here\n    at there' };
const where = { topic: 'orders', partition: 1, offset: 2 };

test.each([
  ['plain', { level: 'info', message: 'hello' }, '03:04:05.006  INFO   a.b  hello'],
  ['without a level', { message: 'hello' }, '03:04:05.006  INFO   a.b  hello'],
  [
    'with fields',
    { level: 'warn', message: 'x', fields: { n: 1, text: 'a b', list: [1], none: null } },
    '03:04:05.006  WARN   a.b  x  n=1  text=a b  list=[1]',
  ],
  ['several lines', { level: 'info', message: 'one\n\u001b[31mtwo' }, '03:04:05.006  INFO   a.b  one\n    \\x1b[31mtwo'],
  ['an attempt', { level: 'warn', message: 'failed', fields: { ...where, error } }, '03:04:05.006  WARN   a.b  failed  TypeError: no luck'],
  [
    'an error',
    { level: 'error', message: 'failed', fields: { error }, eventId: 'e' },
    '03:04:05.006  ERROR  a.b  failed  TypeError: no luck\n    at here\n    at there',
  ],
  ['a thrown value', { level: 'warn', message: 'failed', fields: { error: 5 } }, '03:04:05.006  WARN   a.b  failed  5'],
  ['nothing', {}, '03:04:05.006  INFO   a.b  '],
])('%s', (_, data, line) => {
  expect(logLine({ id: 1, atMs, unit: 'a.b', data }, (_style, text) => text, false)).toBe(line);
});

test('--verbose adds ids and places', () => {
  const data = { level: 'info', message: 'x', fields: where, eventId: 'e', traceparent: 't' };
  expect(logLine({ id: 1, atMs, unit: '', data }, (_style, text) => text, true)).toBe(
    '03:04:05.006  INFO   server  x  topic=orders  partition=1  offset=2  eventId=e  traceparent=t',
  );
});
