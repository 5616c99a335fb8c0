import { describe, expect, test } from 'vitest';
import { createLog } from '../../controller/telemetry/json-log.ts';
import { textLine } from '../../controller/telemetry/text-line.ts';

function logged(level = 'info') {
  const texts: string[] = [];
  const log = createLog({ level, format: 'json', output: { write: text => texts.push(text) }, colour: false });
  return { log, lines: () => texts.map((text): Record<string, unknown> => JSON.parse(text)) };
}

test('a line is one JSON object: time, level, message, and the fields', () => {
  const { log, lines } = logged();
  log.with({ unit: 'shop.tax' }).warn('pod ended', { reason: 'crashed' });
  const [line] = lines();
  expect(line).toStrictEqual({
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    level: 'warn',
    message: 'pod ended',
    unit: 'shop.tax',
    reason: 'crashed',
  });
});

test.each([
  ['debug', ['debug', 'info', 'warn', 'error']],
  ['info', ['info', 'warn', 'error']],
  ['warn', ['warn', 'error']],
  ['error', ['error']],
])('level %s lets through %j', (level, expected) => {
  const { log, lines } = logged(level);
  log.debug('a');
  log.info('b');
  log.warn('c');
  log.error('d');
  expect(lines().map(line => line.level)).toStrictEqual(expected);
});

describe('an error in a line is bounded and never breaks it', () => {
  const throwing = Object.defineProperty(new Error('x'), 'message', {
    get() {
      throw new Error('no');
    },
  });
  test.each([
    ['a plain error', new TypeError('bad'), { name: 'TypeError', message: 'bad' }],
    ['undefined', undefined, undefined],
    ['a text', 'bad', { message: 'bad' }],
    ['a frozen object', Object.freeze({ message: 'cold' }), { message: 'cold' }],
    ['a throwing getter', throwing, { message: 'an error that cannot be read' }],
    ['a cause', new Error('outer', { cause: new Error('inner') }), { message: 'outer', cause: { message: 'inner' } }],
  ])('%s', (_, error, expected) => {
    const { log, lines } = logged();
    log.error('failed', { error });
    expect(lines()[0]?.message).toBe('failed');
    if (expected === undefined) expect(lines()[0]).not.toHaveProperty('error');
    else expect(lines()[0]?.error).toMatchObject(expected);
  });

  test('a message of 10 MB is cut', () => {
    const { log, lines } = logged();
    log.error('failed', { error: new Error('x'.repeat(10_000_000)) });
    expect(JSON.stringify(lines()[0]).length).toBeLessThan(25_000);
  });

  test('a field with a throwing getter costs the fields, not the line', () => {
    const { log, lines } = logged();
    const fields = Object.defineProperty({}, 'trap', {
      enumerable: true,
      get() {
        throw new Error('no');
      },
    });
    log.info('still here', fields);
    expect(lines()[0]).toMatchObject({ message: 'still here', fieldsLost: ['trap'] });
  });
});

test.each(['token', 'secret', 'authorization', 'password'])('a field named %s is hidden, also one level down', name => {
  const { log, lines } = logged();
  log.info('request', { [name]: 'hush', inner: { [name]: 'hush' } });
  expect(JSON.stringify(lines())).not.toContain('hush');
});

const line = JSON.stringify({
  time: '2026-03-01T18:36:02.123Z',
  level: 'warn',
  message: 'pod ended',
  unit: 'shop.tax',
  error: { message: 'boom', stack: 'Error: boom\n at x' },
});

test('text for people: time, level, message, facts, and the stack below', () => {
  expect(textLine(line, false)).toBe('18:36:02.123 warn  pod ended  unit=shop.tax error=boom\nError: boom\n at x\n');
});

test('text cannot move the cursor of a terminal, whatever a field says', () => {
  const hostile = JSON.stringify({ time: '2026-03-01T18:36:02.123Z', level: 'info', message: 'a', note: '\u001b[2J\r' });
  expect(textLine(hostile, false)).toBe('18:36:02.123 info  a  note=\\x1b[2J\\x0d\n');
});

test.each([
  ['auto', true, 'text'],
  ['auto', false, 'json'],
  ['text', false, 'text'],
  ['json', true, 'json'],
])('format %s with a terminal: %s → %s', (format, isTTY, expected) => {
  const texts: string[] = [];
  createLog({ level: 'info', format, output: { write: text => texts.push(text), isTTY }, colour: false }).info('hello');
  expect(texts[0]?.startsWith('{') ? 'json' : 'text').toBe(expected);
});
