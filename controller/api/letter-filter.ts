import { FaasError } from '../errors.ts';
import { parseDuration } from '../manifest/units.ts';
import type { DeadLetterSummary } from './contract.ts';

type Operator = '=' | '!=' | '>' | '>=' | '<' | '<=';

interface Field {
  readonly kind: 'text' | 'number' | 'duration';
  readonly of: (letter: DeadLetterSummary, nowMs: number) => string | number;
}

/** What a filter can ask of a dead letter. */
const fields: ReadonlyMap<string, Field> = new Map(
  Object.entries<Field>({
    id: { kind: 'text', of: letter => letter.id },
    event: { kind: 'text', of: letter => letter.eventId },
    key: { kind: 'text', of: letter => letter.key ?? '' },
    reason: { kind: 'text', of: letter => letter.reason },
    code: { kind: 'text', of: letter => letter.error.code },
    error: { kind: 'text', of: letter => letter.error.name },
    message: { kind: 'text', of: letter => letter.error.message },
    revision: { kind: 'text', of: letter => letter.revision },
    topic: { kind: 'text', of: letter => letter.origin.topic },
    state: { kind: 'text', of: letter => (letter.dropped ? 'dropped' : letter.replayed ? 'replayed' : 'open') },
    partition: { kind: 'number', of: letter => letter.origin.partition },
    offset: { kind: 'number', of: letter => letter.origin.offset },
    attempts: { kind: 'number', of: letter => letter.attempts },
    age: { kind: 'duration', of: (letter, nowMs) => nowMs - letter.atMs },
  }),
);

export const letterFields: readonly string[] = [...fields.keys()];
const termsMax = 32;

export type LetterFilter = (letter: DeadLetterSummary, nowMs: number) => boolean;

/**
 * `reason=error, key=customer-*, age>1h`: all terms must hold. Text is compared as a whole, with `*` for any run of characters, and in double quotes
 * where it has a comma, a blank or a quote of its own (`\"`). Throws FAAS_LETTER_FILTER, which names the column.
 */
export function parseLetterFilter(text: string): LetterFilter {
  const terms: LetterFilter[] = [];
  for (let at = skipBlanks(text, 0); at < text.length || terms.length === 0; ) {
    const term = readTerm(text, at);
    terms.push(term.test);
    if (terms.length > termsMax) throw wrong(at, `more than ${termsMax} terms`, 'Ask for less at once.');
    at = skipBlanks(text, term.end);
    if (at >= text.length) break;
    if (text[at] !== ',') throw wrong(at, `"${text[at]}" where a comma or the end should be`, 'Put text with blanks into double quotes.');
    at = skipBlanks(text, at + 1);
    if (at >= text.length) throw wrong(at, 'a comma without a term behind it', 'Leave the comma out.');
  }
  return (letter, nowMs) => terms.every(test => test(letter, nowMs));
}

function readTerm(text: string, start: number): { readonly test: LetterFilter; readonly end: number } {
  const name = /^[a-z]*/i.exec(text.slice(start))?.[0] ?? '';
  const field = fields.get(name);
  if (field === undefined) throw wrong(start, name === '' ? 'a field is missing' : `there is no field "${name}"`, fieldsHint);
  const operatorAt = skipBlanks(text, start + name.length);
  const operator = operatorOf(text, operatorAt);
  if (operator === undefined) throw wrong(operatorAt, `an operator is missing after "${name}"`, 'Use =, !=, >, >=, < or <=.');
  if (field.kind === 'text' && operator !== '=' && operator !== '!=') {
    throw wrong(operatorAt, `"${name}" is text and cannot be compared with ${operator}`, 'Use = or !=, with * for any characters.');
  }
  const valueAt = skipBlanks(text, operatorAt + operator.length);
  const { value, end } = readValue(text, valueAt);
  return { test: testOf(field, name, operator, value, valueAt), end };
}

const fieldsHint = `The fields are ${letterFields.join(', ')}.`;

function operatorOf(text: string, at: number): Operator | undefined {
  const operators: readonly Operator[] = ['!=', '>=', '<=', '=', '>', '<'];
  return operators.find(operator => text.startsWith(operator, at));
}

function readValue(text: string, at: number): { readonly value: string; readonly end: number } {
  if (text[at] !== '"') {
    const value = /^[^\s,"]*/.exec(text.slice(at))?.[0] ?? '';
    if (value === '') throw wrong(at, 'a value is missing', 'Write "" for empty text.');
    return { value, end: at + value.length };
  }
  const quoted = /^"((?:[^"\\]|\\.)*)"/s.exec(text.slice(at));
  if (quoted === null) throw wrong(at, 'the quote is not closed', 'End it with ".');
  return { value: (quoted[1] ?? '').replace(/\\(.)/gs, '$1'), end: at + quoted[0].length };
}

function testOf(field: Field, name: string, operator: Operator, value: string, at: number): LetterFilter {
  if (field.kind === 'text') {
    const matches = globTest(value);
    return (letter, nowMs) => matches(String(field.of(letter, nowMs))) === (operator === '=');
  }
  const wanted = field.kind === 'number' ? wholeNumber(value) : parseDuration(value);
  if (wanted === undefined) {
    const [what, hint] = field.kind === 'number' ? ['a whole number', 'Write digits.'] : ['a duration', 'Write 500ms, 30s, 10m, 6h or 7d.'];
    throw wrong(at, `"${value}" is not ${what}, which "${name}" needs`, hint);
  }
  return (letter, nowMs) => compare(Number(field.of(letter, nowMs)), operator, wanted);
}

function wholeNumber(text: string): number | undefined {
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}

/** Without a regular expression made of what people write: pieces between stars, found from left to right. */
function globTest(pattern: string): (text: string) => boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return text => text === first;
  return text => {
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
    let at = first.length;
    for (const piece of rest) {
      const found = text.indexOf(piece, at);
      if (found < 0) return false;
      at = found + piece.length;
    }
    return at <= text.length - last.length;
  };
}

function compare(value: number, operator: Operator, wanted: number): boolean {
  switch (operator) {
    case '=':
      return value === wanted;
    case '!=':
      return value !== wanted;
    case '>':
      return value > wanted;
    case '>=':
      return value >= wanted;
    case '<':
      return value < wanted;
    default:
      return value <= wanted;
  }
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (text[at] === ' ') at += 1;
  return at;
}

function wrong(at: number, what: string, hint: string): FaasError {
  return new FaasError('FAAS_LETTER_FILTER', `column ${at + 1}: ${what}`, hint);
}
