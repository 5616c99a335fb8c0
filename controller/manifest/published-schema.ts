import { manifestSource } from './source-schema.ts';

type Json = Readonly<Record<string, unknown>>;

export const publishedSchemaFile = 'docs/reference/manifest.schema.json';

/**
 * The JSON Schema that editors use. It lets `${NAME}` stand for any value but a name of a secret, because an editor sees the manifest before the
 * environment is put in.
 */
export function publishedSchema(): Json {
  const $schema = 'http://json-schema.org/draft-07/schema#';
  const notes = { title: 'faas.yaml', description: 'The functions, streams and triggers of one bounded context.' };
  // Through JSON, because TypeBox keeps notes of its own under symbols.
  const source: Json = JSON.parse(JSON.stringify(manifestSource));
  return { $schema, ...open(source, ''), ...notes };
}

const reference = { type: 'string', pattern: '\\$\\{', title: 'a reference to an environment variable' };

function open(schema: Json, key: string): Json {
  const opened = Object.fromEntries(Object.entries(schema).map(([keyword, held]) => [keyword, openWithin(keyword, held, key)]));
  if (!isReplaceable(opened) || key === 'secret') return opened;
  const { title, description, default: fallback, examples, ...rest } = opened;
  const notes = Object.entries({ title, description, default: fallback, examples }).filter(([, note]) => note !== undefined);
  return { ...Object.fromEntries(notes), anyOf: [{ title, ...rest }, reference] };
}

/** Only where a keyword holds schemas: a default is data. */
function openWithin(keyword: string, held: unknown, key: string): unknown {
  if (keyword === 'properties' && isSchema(held)) {
    return Object.fromEntries(Object.entries(held).map(([name, inner]) => [name, isSchema(inner) ? open(inner, name) : inner]));
  }
  if (keyword === 'anyOf' && Array.isArray(held)) return held.map(inner => (isSchema(inner) ? open(inner, key) : inner));
  if ((keyword === 'items' || keyword === 'additionalProperties') && isSchema(held)) return open(held, key);
  return held;
}

/** A single value for which a reference would not do as it is. */
function isReplaceable(schema: Json): boolean {
  if (schema.anyOf !== undefined) return false;
  const isScalar = ['integer', 'number', 'boolean'].includes(String(schema.type)) || schema.const !== undefined;
  return isScalar || (schema.type === 'string' && (schema.pattern !== undefined || schema.enum !== undefined));
}

function isSchema(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
