import type { EmitRequest } from '../controller/api/contract.ts';

export type EmitEvent = EmitRequest['events'][number];

export interface Line {
  /** From 1. */
  readonly number: number;
  /** undefined: longer than `lineBytesMax`. */
  readonly text: string | undefined;
}

/** A record is at most 1 MiB; a line holds its key and headers as well. */
const lineBytesMax = 2 * 2 ** 20;

/** Lines of a byte stream, without the empty ones. Holds one line and one chunk at a time, however large the input is. */
export async function* readLines(input: AsyncIterable<Uint8Array | string>): AsyncGenerator<Line> {
  const decoder = new TextDecoder();
  let number = 0;
  let rest = '';
  let tooLong = false;
  for await (const chunk of input) {
    const lines = (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })).split('\n');
    for (const [index, part] of lines.entries()) {
      rest = tooLong ? '' : rest + part;
      tooLong ||= rest.length > lineBytesMax;
      if (index === lines.length - 1) break;
      number += 1;
      if (tooLong || rest.trim() !== '') yield { number, text: tooLong ? undefined : rest };
      rest = '';
      tooLong = false;
    }
  }
  if (tooLong || rest.trim() !== '') yield { number: number + 1, text: tooLong ? undefined : rest };
}

export type ParsedLine = { readonly kind: 'event'; readonly event: EmitEvent } | { readonly kind: 'bad'; readonly reason: string };

/** `keyFrom` undefined: the line is an event; a JSON pointer: it is a payload, and the key is what the pointer finds. */
export function parseLine(text: string | undefined, keyFrom: string | undefined): ParsedLine {
  if (text === undefined) return bad(`longer than ${lineBytesMax} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    return bad(`not JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  return keyFrom === undefined ? eventOf(value) : { kind: 'event', event: { key: keyAt(value, keyFrom), data: value } };
}

const members: ReadonlySet<string> = new Set(['key', 'data', 'id', 'type', 'headers']);

function eventOf(value: unknown): ParsedLine {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return bad('not an object with "key" and "data"');
  const unknown = Object.keys(value).find(name => !members.has(name));
  if (unknown !== undefined) return bad(`unknown member "${unknown}"; payloads as they are need --key-from`);
  if (!('data' in value)) return bad('"data" is missing');
  const key = 'key' in value ? value.key : null;
  if (key !== null && typeof key !== 'string') return bad('"key" is neither a string nor null');
  const id = textMember(value, 'id');
  const type = textMember(value, 'type');
  if (id === false || type === false) return bad(`"${id === false ? 'id' : 'type'}" is not a string`);
  const headers = 'headers' in value ? value.headers : undefined;
  if (headers !== undefined && !isHeaders(headers)) return bad('"headers" is not an object of strings');
  return { kind: 'event', event: { key, data: value.data, ...(id && { id }), ...(type && { type }), ...(headers && { headers }) } };
}

/** false: it is there and no string. */
function textMember(value: object, name: string): string | undefined | false {
  const member: unknown = Reflect.get(value, name);
  return member === undefined || typeof member === 'string' ? member : false;
}

function isHeaders(value: unknown): value is Record<string, string> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(one => typeof one === 'string');
}

/** Strings as they are, numbers and booleans as text; anything else is no key. */
function keyAt(value: unknown, pointer: string): string | null {
  let found = value;
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    found =
      typeof found === 'object' && found !== null && Object.prototype.propertyIsEnumerable.call(found, name)
        ? Reflect.get(found, name)
        : undefined;
  }
  if (typeof found === 'string') return found;
  return typeof found === 'number' || typeof found === 'boolean' ? String(found) : null;
}

function bad(reason: string): ParsedLine {
  return { kind: 'bad', reason };
}
