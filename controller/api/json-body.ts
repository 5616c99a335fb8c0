import { FaasError } from '../errors.ts';

/** Deeper than any honest request, and far from where recursive code (JSON.stringify, structuredClone) overflows its stack. */
const depthMax = 256;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The value of a JSON body. FAAS_API_BODY for anything that is not UTF-8, not JSON, nested too deeply, or names `__proto__`. */
export function parseJsonBody(body: Uint8Array): unknown {
  let text: string;
  let value: unknown;
  try {
    text = utf8.decode(body);
    value = JSON.parse(text);
  } catch {
    throw new FaasError('FAAS_API_BODY', 'the body is not JSON in UTF-8', 'Check it with a JSON parser; an empty request needs {}.');
  }
  if (mayBeHostile(text)) refuseHostile(value);
  return value;
}

/** Of most bodies their text alone tells that they are not: no such name, not even an escaped one, and too few brackets to be deep. */
function mayBeHostile(text: string): boolean {
  if (text.includes('__proto__') || text.includes('\\u')) return true;
  let opened = 0;
  for (let at = 0; at < text.length && opened <= depthMax; at += 1) {
    const char = text.charCodeAt(at);
    if (char === brace || char === bracket) opened += 1;
  }
  return opened > depthMax;
}

const brace = '{'.charCodeAt(0);
const bracket = '['.charCodeAt(0);

/** Walks without recursion, so that the walk itself cannot overflow. */
function refuseHostile(value: unknown): void {
  let level: readonly unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > depthMax) throw new FaasError('FAAS_API_BODY', `the body is nested more than ${depthMax} levels deep`, 'Flatten the data.');
    level = level.flatMap(childrenOf);
  }
}

function childrenOf(value: unknown): readonly unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Object.hasOwn(value, '__proto__')) {
    throw new FaasError('FAAS_API_BODY', 'the body has a member named __proto__', 'Rename that member.');
  }
  return Object.values(value);
}
