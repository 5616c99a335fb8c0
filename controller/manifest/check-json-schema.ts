import { Ajv, type AnySchemaObject } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { type Path, pathOf, pointerOf } from './path.ts';

export interface SchemaFault {
  /** Where in the schema. */
  readonly pointer: string;
  readonly path: Path;
  readonly message: string;
}

/**
 * What keeps a JSON Schema from being one: against its own meta schema (the one that `$schema` names, else draft-07), and by compiling it
 * (references must lead somewhere in the same schema, patterns must be regular expressions). Unknown keywords and formats are let pass.
 */
export function checkJsonSchema(schema: AnySchemaObject): readonly SchemaFault[] {
  const dialect: unknown = schema.$schema;
  const named = typeof dialect === 'string' ? dialect.replace(/#$/, '') : 'http://json-schema.org/draft-07/schema';
  const Dialect = dialects.get(named);
  if (Dialect === undefined)
    return [faultAt(['$schema'], `the dialect "${named}" is not known, expected one of ${[...dialects.keys()].join(', ')}`)];
  const meta = metaCheckers.get(named) ?? new Dialect(options);
  metaCheckers.set(named, meta);
  if (meta.validateSchema(schema) !== true) return metaFaults(schema, meta.errors ?? []);
  try {
    // A compiler of its own: one that is kept would also keep every schema that it has seen.
    new Dialect({ ...options, validateSchema: false }).compile(schema);
    return [];
  } catch (error) {
    return [compileFault(schema, error)];
  }
}

const dialects = new Map([
  ['http://json-schema.org/draft-07/schema', Ajv],
  ['https://json-schema.org/draft/2019-09/schema', Ajv2019],
  ['https://json-schema.org/draft/2020-12/schema', Ajv2020],
]);
/** Kept, because compiling a meta schema takes far longer than any schema of a stream. */
const metaCheckers = new Map<string, Ajv>();
const options = { strict: false, logger: false, validateFormats: false, allErrors: true } as const;

type MetaErrors = NonNullable<Ajv['errors']>;

/** One per place: the meta schema is full of unions, whose branches all complain. */
function metaFaults(schema: unknown, errors: MetaErrors): readonly SchemaFault[] {
  const faults = new Map<string, SchemaFault>();
  for (const error of errors) {
    const path = pathOf(error.instancePath, schema);
    const allowed = Array.isArray(error.params.allowedValues) ? `one of ${error.params.allowedValues.join(', ')}` : undefined;
    const message = `not a JSON Schema: ${path.at(-1) ?? 'it'} ${allowed === undefined ? error.message : `must be ${allowed}`}`;
    if (!faults.has(error.instancePath) && error.keyword !== 'anyOf') faults.set(error.instancePath, faultAt(path, message));
  }
  return [...faults.values()];
}

/** The compiler names what it stumbled over, not where: a reference or a pattern is looked up by its text. */
function compileFault(schema: unknown, error: unknown): SchemaFault {
  const text = error instanceof Error ? error.message : String(error);
  const missing = typeof error === 'object' && error !== null && 'missingRef' in error ? error.missingRef : undefined;
  const found =
    find(schema, [], (key, value) => key === '$ref' && typeof value === 'string' && (value === missing || text.includes(value))) ??
    find(schema, [], (key, value) => key === 'pattern' && typeof value === 'string' && !isPattern(value));
  return faultAt(found ?? [], `not a JSON Schema: ${text}`);
}

function isPattern(text: string): boolean {
  try {
    new RegExp(text, 'u');
    return true;
  } catch {
    return false;
  }
}

function find(value: unknown, path: Path, matches: (key: string, value: unknown) => boolean): Path | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, held] of Object.entries(value)) {
    const inner = [...path, Array.isArray(value) ? Number(key) : key];
    const found = matches(key, held) ? inner : find(held, inner, matches);
    if (found !== undefined) return found;
  }
  return undefined;
}

function faultAt(path: Path, message: string): SchemaFault {
  return { path, pointer: pointerOf(path), message };
}
