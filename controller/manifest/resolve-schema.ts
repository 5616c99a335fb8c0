import { Ajv } from 'ajv';
import type { Cursor } from './cursor.ts';
import { fileStart } from './problem-list.ts';
import type { Resolving } from './resolve-context.ts';
import { resolveInside } from './resolve-file.ts';
import type { JsonSchema } from './spec.ts';

/** The JSON Schema of a stream: in place, or a file beside the manifest. */
export function resolveSchema(at: Cursor, resolving: Resolving): JsonSchema | undefined {
  if (typeof at.value === 'boolean') return at.value;
  const written = at.text();
  if (written === undefined) return isObject(at.value) ? checked(plain(at.value), at, undefined, resolving) : undefined;
  const path = resolveInside(written);
  if (path === undefined) {
    at.problem(
      'FAAS_MANIFEST_SCHEMA',
      `"${written}" is outside the folder of the manifest`,
      'Name a file below it, such as schemas/order.json.',
    );
    return undefined;
  }
  const content = resolving.readFile(path);
  if (content === undefined) {
    at.problem('FAAS_MANIFEST_SCHEMA', `the file "${path}" does not exist`);
    return undefined;
  }
  const text = typeof content === 'string' ? content : new TextDecoder().decode(content);
  try {
    const schema: unknown = JSON.parse(text);
    if (typeof schema === 'boolean') return schema;
    if (isObject(schema)) return checked(schema, at, path, resolving);
    resolving.problems.addIn(path, 'FAAS_MANIFEST_SCHEMA', fileStart, 'not a JSON Schema, expected an object, true or false');
  } catch (error) {
    resolving.problems.addIn(
      path,
      'FAAS_MANIFEST_SCHEMA',
      fileStart,
      `not JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  return undefined;
}

function checked(schema: Readonly<Record<string, unknown>>, at: Cursor, file: string | undefined, resolving: Resolving): JsonSchema {
  const say = (message: string) =>
    file === undefined
      ? at.problem('FAAS_MANIFEST_SCHEMA', message)
      : resolving.problems.addIn(file, 'FAAS_MANIFEST_SCHEMA', fileStart, message);
  try {
    new Ajv({ strict: false, logger: false, validateFormats: false }).compile(schema);
  } catch (error) {
    say(`not a JSON Schema: ${error instanceof Error ? error.message : String(error)}`);
  }
  return schema;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Without the bare prototypes of the reader: a spec is made of ordinary objects. */
function plain(value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return JSON.parse(JSON.stringify(value));
}
