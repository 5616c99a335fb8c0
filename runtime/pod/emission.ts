import { encodeUtf8, stringifyJson } from '../protocol/intrinsics.ts';
import { type WireEmit, wireLimits } from '../protocol/messages.ts';
import type { EmitOptions } from '../sdk/context.ts';
import { FaasError } from '../sdk/errors.ts';
import { bounded, joinMessages } from './describe-error.ts';
import type { LoadedFunction } from './function-host.ts';

export interface Emission {
  readonly kind: 'emit' | 'start';
  readonly target: string;
  readonly key: string | null;
  readonly data: unknown;
  readonly options: EmitOptions | undefined;
  readonly id: string | undefined;
  readonly traceparent: string;
}

/** Checks and encodes an emit or start; the declared targets and the stream's schema are the manifest's. */
export function encodeEmission(emission: Emission, fn: LoadedFunction): WireEmit {
  const { kind, target, key, options } = emission;
  if (typeof target !== 'string' || (key !== null && typeof key !== 'string')) {
    throw new FaasError('FAAS_EMIT_ARGUMENTS', `${kind} takes a name and a key, a string or null`);
  }
  const known = kind === 'emit' ? fn.emits : fn.calls;
  if (!known.has(target)) throw undeclared(kind, target);
  if (kind === 'emit') checkSchema(fn, target, emission.data, 'the emitted data');
  const bytes = emission.data instanceof Uint8Array;
  const value = bytes ? new Uint8Array(emission.data) : encodeJson(emission.data ?? null, 'FAAS_EMIT_NOT_JSON', 'the emitted data');
  if (value.length > wireLimits.emitValueBytesMax) {
    throw new FaasError(
      'FAAS_EMIT_TOO_LARGE',
      `an event of ${value.length} bytes is larger than the ${wireLimits.emitValueBytesMax} that are allowed`,
    );
  }
  return {
    kind,
    target,
    key: key === null ? null : encodeUtf8(key),
    value,
    contentType: bytes ? 'application/octet-stream' : 'application/json',
    id: emission.id,
    type: options?.type === undefined ? undefined : String(options.type),
    headers: emitHeaders(emission),
  };
}

function emitHeaders({ options, traceparent }: Emission): WireEmit['headers'] {
  const trace = ['traceparent', encodeUtf8(traceparent)] as const;
  const own = Object.entries(options?.headers ?? {});
  if (own.length === 0) return [trace];
  return [...own.map(([name, value]) => [name.toLowerCase(), encodeUtf8(String(value))] as const), trace];
}

export function undeclared(kind: 'emit' | 'start' | 'call', target: string): FaasError {
  const where = kind === 'emit' ? 'emits' : 'calls';
  return new FaasError(
    'FAAS_UNDECLARED',
    `${kind} to "${bounded(target, 200)}", which the manifest does not declare`,
    `Add it to \`${where}\` of the function in faas.yaml.`,
  );
}

/** Throws FAAS_SCHEMA when the stream has a schema and the data does not match it. */
export function checkSchema(fn: LoadedFunction, stream: string, data: unknown, what: string): void {
  const validate = fn.schemas.get(stream);
  if (validate === undefined) return;
  const result = validate(data);
  if (result !== true)
    throw new FaasError('FAAS_SCHEMA', `${what} does not match the schema of stream "${stream}": ${joinMessages(result)}`);
}

/** JSON of an author's value; what has none (BigInt, cycles, undefined, functions) is a named error. */
export function encodeJson(value: unknown, code: string, what: string): Uint8Array {
  return encodeUtf8(jsonText(value, code, what));
}

export function jsonText(value: unknown, code: string, what: string): string {
  let text: string | undefined;
  try {
    text = stringifyJson(value);
  } catch (error) {
    throw new FaasError(code, `${what} cannot be written as JSON: ${bounded(messageOf(error), 500)}`);
  }
  if (text !== undefined) return text;
  throw new FaasError(code, `${what} cannot be written as JSON: it is ${typeof value}`);
}

function messageOf(error: unknown): string {
  // `JSON.stringify` runs the author's `toJSON` and getters: even the error's message may throw.
  try {
    return error instanceof Error ? String(error.message) : String(error);
  } catch {
    return 'unknown';
  }
}
