import { encodeInto, isArray, sliceText } from '../protocol/intrinsics.ts';
import { type FailureReason, type WireError, wireLimits } from '../protocol/messages.ts';

export interface Failure {
  readonly reason: FailureReason;
  readonly retryable: boolean;
  readonly error: WireError;
}

/** Codes of our own errors that say more than "the handler failed". Compared by code, because a bundle holds its own copy of the classes. */
const reasons: ReadonlyMap<string, { readonly reason: FailureReason; readonly retryable: boolean }> = new Map([
  ['FAAS_NON_RETRYABLE', { reason: 'error', retryable: false }],
  ['FAAS_DECODE', { reason: 'decode', retryable: false }],
  ['FAAS_SCHEMA', { reason: 'schema', retryable: false }],
  ['FAAS_UNDECLARED', { reason: 'undeclared', retryable: false }],
  ['FAAS_FLOATING_CALL', { reason: 'floating-call', retryable: false }],
  ['FAAS_STATE_TOO_LARGE', { reason: 'too-large', retryable: false }],
  ['FAAS_EMIT_TOO_LARGE', { reason: 'too-large', retryable: false }],
  ['FAAS_ANSWER_TOO_LARGE', { reason: 'too-large', retryable: false }],
  ['FAAS_RESULT_TOO_LARGE', { reason: 'too-large', retryable: false }],
  ['FAAS_TIMEOUT', { reason: 'timeout', retryable: true }],
]);

/** What was thrown, as an attempt's failure. Never throws, whatever it is given. */
export function failureOf(thrown: unknown): Failure {
  const error = describeError(thrown);
  return { ...(reasons.get(error.code) ?? { reason: 'error', retryable: true }), error };
}

/**
 * Anything that can be thrown, bounded by wireLimits: `undefined`, frozen objects, proxies, errors whose getters throw, messages of
 * 10 MB. `strip` is taken out of the stack (the folder of the bundle).
 */
export function describeError(thrown: unknown, strip = ''): WireError {
  if ((typeof thrown !== 'object' && typeof thrown !== 'function') || thrown === null) {
    return {
      code: 'FAAS_HANDLER_ERROR',
      name: thrown === null ? 'null' : typeof thrown,
      message: primitiveMessage(thrown),
      stack: undefined,
    };
  }
  const name = textOf(thrown, 'name') ?? 'Error';
  const message = textOf(thrown, 'message') ?? `an object without a message was thrown`;
  const code = textOf(thrown, 'code') ?? 'FAAS_HANDLER_ERROR';
  return {
    code: bounded(code, 128),
    name: bounded(name, 256),
    message: bounded(message, wireLimits.errorMessageBytesMax),
    stack: stackOf(thrown, strip),
  };
}

function primitiveMessage(thrown: unknown): string {
  if (thrown === undefined) return 'undefined was thrown';
  return bounded(typeof thrown === 'string' ? thrown : `${String(thrown)} was thrown`, wireLimits.errorMessageBytesMax);
}

/** The stack, and the causes below it, at most three deep. */
function stackOf(thrown: object, strip: string): string | undefined {
  let text = stackText(thrown, strip);
  let cause = propertyOf(thrown, 'cause');
  for (let depth = 0; depth < 3 && typeof cause === 'object' && cause !== null; depth += 1) {
    const causeText = stackText(cause, strip) ?? textOf(cause, 'message');
    if (causeText !== undefined) text = `${text ?? ''}\ncaused by: ${causeText}`;
    cause = propertyOf(cause, 'cause');
  }
  return text === undefined ? undefined : bounded(text, wireLimits.errorStackBytesMax);
}

/** A stack begins with the whole message: of a long one the beginning is kept, and the frames after it. */
function stackText(thrown: object, strip: string): string | undefined {
  const stack = textOf(thrown, 'stack');
  if (stack === undefined) return undefined;
  const message = textOf(thrown, 'message') ?? '';
  const short =
    message.length > wireLimits.errorMessageBytesMax
      ? stack.replace(message, () => bounded(message, wireLimits.errorMessageBytesMax))
      : stack;
  const head = sliceText(short, 0, wireLimits.errorStackBytesMax * 4);
  return strip === '' ? head : head.replaceAll(`file://${strip}`, '').replaceAll(strip, '');
}

function textOf(thrown: object, property: string): string | undefined {
  const value = propertyOf(thrown, property);
  return typeof value === 'string' ? value : undefined;
}

function propertyOf(thrown: object, property: string): unknown {
  try {
    return (thrown as Readonly<Record<string, unknown>>)[property];
  } catch {
    return undefined;
  }
}

/** At most `bytesMax` bytes of UTF-8, whole characters, with a mark where something was cut. */
export function bounded(text: string, bytesMax: number): string {
  if (text.length * 3 <= bytesMax || fitting(text, bytesMax) === text.length) return text;
  return `${sliceText(text, 0, fitting(text, bytesMax - 3))}…`;
}

/** How many UTF-16 units of the text, in whole characters, take at most `bytesMax` bytes. */
function fitting(text: string, bytesMax: number): number {
  return encodeInto(text, new Uint8Array(bytesMax)).read;
}

/** Messages of a schema's check, bounded. */
export function joinMessages(messages: unknown): string {
  if (!isArray(messages)) return 'does not match its schema';
  return messages
    .slice(0, 10)
    .map(message => bounded(String(message), 300))
    .join('; ');
}
