import { headerNames } from '../protocol/headers.ts';
import { encodeUtf8, stringifyJson } from '../protocol/intrinsics.ts';
import { type WireEmit, wireLimits } from '../protocol/messages.ts';
import { packedTextCharsMax, RecordPacker } from '../protocol/record.ts';
import { PackedWireEmit } from '../protocol/reply.ts';
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
  if (emission.data instanceof Uint8Array) return encoded(emission, new Uint8Array(emission.data), 'application/octet-stream');
  const text = jsonText(emission.data ?? null, 'FAAS_EMIT_NOT_JSON', 'the emitted data');
  const isShort = text.length + (key?.length ?? 0) <= packedTextCharsMax && options?.headers === undefined;
  return isShort ? packedEmit(emission, text) : encoded(emission, encodeUtf8(text), 'application/json');
}

const packer = new RecordPacker();

/** As nearly all emits are: its record is written once, as it goes. */
function packedEmit({ kind, target, key, options, id, traceparent }: Emission, text: string): WireEmit {
  // Before the record is begun: it runs code of the author's, which may emit as well.
  const type = typeOf(options);
  packer.beginText(key, text);
  packer.header(headerNames.traceparent, traceparent);
  return new PackedWireEmit(kind, target, 'application/json', id, type, packer.end());
}

function encoded({ kind, target, key, options, id, traceparent }: Emission, value: Uint8Array, contentType: string): WireEmit {
  if (value.length > wireLimits.emitValueBytesMax) {
    throw new FaasError(
      'FAAS_EMIT_TOO_LARGE',
      `an event of ${value.length} bytes is larger than the ${wireLimits.emitValueBytesMax} that are allowed`,
    );
  }
  const own = Object.entries(options?.headers ?? {}).map(([name, header]) => [name.toLowerCase(), encodeUtf8(String(header))] as const);
  return {
    kind,
    target,
    key: key === null ? null : encodeUtf8(key),
    value,
    contentType,
    id,
    type: typeOf(options),
    headers: [...own, [headerNames.traceparent, encodeUtf8(traceparent)]],
  };
}

function typeOf(options: EmitOptions | undefined): string | undefined {
  return options?.type === undefined ? undefined : String(options.type);
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
