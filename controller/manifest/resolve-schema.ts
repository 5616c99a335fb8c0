import { checkJsonSchema } from './check-json-schema.ts';
import type { Cursor } from './cursor.ts';
import { decodeUtf8 } from './decode-utf8.ts';
import { readJson } from './json-source.ts';
import { fileStart, type Position } from './problem-list.ts';
import { resolveInside } from './resolve-file.ts';
import type { Resolving } from './resolving.ts';
import type { JsonSchema } from './spec.ts';

/** The JSON Schema of a stream: in place, or a file beside the manifest; problems of a file are at their place in that file. */
export function resolveSchema(at: Cursor, resolving: Resolving): JsonSchema | undefined {
  if (typeof at.value === 'boolean') return at.value;
  const written = at.text();
  if (written !== undefined) return resolveSchemaFile(at, written, resolving);
  if (!isObject(at.value)) return undefined;
  const schema = plain(at.value);
  for (const { path, message } of checkJsonSchema(schema)) at.within(path).problem('FAAS_MANIFEST_SCHEMA', message);
  return schema;
}

function resolveSchemaFile(at: Cursor, written: string, resolving: Resolving): JsonSchema | undefined {
  const file = resolveInside(written);
  if (file === undefined) {
    at.problem(
      'FAAS_MANIFEST_SCHEMA',
      `"${written}" is outside the folder of the manifest`,
      'Name a file below it, such as schemas/order.json.',
    );
    return undefined;
  }
  const content = resolving.readFile(file);
  if (content === undefined) {
    at.problem(
      'FAAS_MANIFEST_SCHEMA',
      `the file "${file}" does not exist`,
      `Create it, or correct the path: it is relative to ${resolving.file}.`,
    );
    return undefined;
  }
  const say = (position: Position, message: string) => resolving.problems.addIn(file, 'FAAS_MANIFEST_SCHEMA', position, message);
  const text = typeof content === 'string' ? ({ kind: 'ok', text: content } as const) : decodeUtf8(content);
  if (text.kind === 'malformed') {
    say(text.position, 'not UTF-8 text');
    return undefined;
  }
  if (text.text.length > schemaLengthMax) {
    say(fileStart, `${text.text.length} characters, expected at most ${schemaLengthMax}`);
    return undefined;
  }
  return readSchema(text.text, say);
}

/** Of one file; a schema travels and is stored with every revision. */
const schemaLengthMax = 262_144;

function readSchema(text: string, say: (position: Position, message: string) => void): JsonSchema | undefined {
  const source = readJson(text);
  if (source.kind === 'malformed') {
    say(source.position, `not JSON: ${source.message}`);
    return undefined;
  }
  const schema = source.value;
  if (typeof schema === 'boolean') return schema;
  if (!isObject(schema)) {
    say(source.place(''), 'not a JSON Schema, expected an object, true or false');
    return undefined;
  }
  for (const { pointer, message } of checkJsonSchema(schema)) say(source.place(pointer), message);
  return schema;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Without the bare prototypes of the reader: a spec is made of ordinary objects. */
function plain(value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return JSON.parse(JSON.stringify(value));
}
