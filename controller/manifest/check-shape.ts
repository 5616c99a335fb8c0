import { Ajv, type ErrorObject } from 'ajv';
import { didYouMean } from './nearest.ts';
import { type Path, pathOf } from './path.ts';
import type { ManifestProblemCode } from './problem.ts';
import type { ProblemList } from './problem-list.ts';
import { describe, shorten, show } from './show-value.ts';
import { identifierPattern } from './source-parts.ts';
import { manifestSource, manifestVersion } from './source-schema.ts';
import type { SourceTree } from './yaml-source.ts';

/** Compares the tree with the source schema and says each difference in our own words, at its place. */
export function checkShape(tree: SourceTree, problems: ProblemList): void {
  validate ??= new Ajv({ allErrors: true, verbose: true, strict: false }).compile(manifestSource);
  if (validate(tree.value)) return;
  for (const error of relevant(validate.errors ?? [])) {
    const path = pathOf(error.instancePath, tree.value);
    if (tree.isUnreadable(path)) continue;
    report(error, path, tree, problems);
    if (!aboutKeys.has(error.keyword)) tree.refuse(path);
  }
}

/** Errors that leave the rest of a mapping as good as it is. */
const aboutKeys: ReadonlySet<string> = new Set(['additionalProperties', 'propertyNames', 'required']);

let validate: ReturnType<Ajv['compile']> | undefined;

/** Of a union, only the errors of the branch that was meant: the one that takes values of this type. */
function relevant(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const hidden = new Set<ErrorObject>();
  for (const union of errors.filter(error => error.keyword === 'anyOf')) {
    const branches = Array.isArray(union.schema) ? union.schema : [];
    const meant = branches.findIndex(branch => takes(branch, union.data));
    for (const error of errors) {
      if (!error.schemaPath.startsWith(`${union.schemaPath}/`) || !isWithin(error.instancePath, union.instancePath)) continue;
      if (!error.schemaPath.startsWith(`${union.schemaPath}/${meant}/`)) hidden.add(error);
    }
    if (meant !== -1) hidden.add(union);
  }
  return errors.filter(error => !hidden.has(error) && error.propertyName === undefined);
}

function isWithin(pointer: string, outer: string): boolean {
  return pointer === outer || pointer.startsWith(`${outer}/`);
}

function takes(branch: { readonly type?: unknown }, value: unknown): boolean {
  return branch.type === typeName(value) || (branch.type === 'integer' && Number.isInteger(value));
}

function report(error: ErrorObject, path: Path, tree: SourceTree, problems: ProblemList) {
  const { schema, title } = parentOf(error);
  const expected = typeof title === 'string' ? `, expected ${title}` : '';
  const add = (code: ManifestProblemCode, message: string, hint?: string, part: 'key' | 'value' = 'value', at: Path = path) =>
    problems.add(code, tree.place(at, part), message, hint);
  switch (error.keyword) {
    case 'additionalProperties': {
      const key = String(error.params.additionalProperty);
      const known = Object.keys(schema.properties ?? {});
      const hint = didYouMean(key, known) ?? `Known here: ${known.join(', ')}.`;
      return add('FAAS_MANIFEST_UNKNOWN_KEY', `unknown key "${shorten(key)}"`, hint, 'key', [...path, key]);
    }
    case 'propertyNames': {
      const key = String(error.params.propertyName);
      const { pattern, title: wanted } = schema.propertyNames ?? {};
      const code = pattern === identifierPattern ? 'FAAS_MANIFEST_BAD_NAME' : 'FAAS_MANIFEST_BAD_VALUE';
      return add(code, `the key "${shorten(key)}" is given, expected ${wanted}`, undefined, 'key', [...path, key]);
    }
    case 'required': {
      const key = String(error.params.missingProperty);
      return add('FAAS_MANIFEST_MISSING_KEY', `the key "${key}" is missing${expectedOf(schema, key)}`, undefined, 'key');
    }
    case 'const':
      return add('FAAS_MANIFEST_VERSION', `version ${show(error.data)} is not known, expected ${manifestVersion}`);
    case 'enum': {
      const hint =
        typeof error.data === 'string' && Array.isArray(error.schema) ? didYouMean(error.data, error.schema.map(String)) : undefined;
      return add('FAAS_MANIFEST_BAD_VALUE', `${show(error.data)} is not allowed${expected}`, hint);
    }
    case 'type':
    case 'anyOf':
      return add(
        'FAAS_MANIFEST_WRONG_TYPE',
        `${describe(error.data)}${expected}`,
        error.data === null ? 'Remove it, or give it a value.' : undefined,
      );
    case 'pattern':
      return add(
        error.schema === identifierPattern ? 'FAAS_MANIFEST_BAD_NAME' : 'FAAS_MANIFEST_BAD_VALUE',
        `${show(error.data)} is given${expected}`,
      );
    case 'minProperties':
    case 'maxProperties': {
      const keys = Object.keys(Object(error.data));
      const given = keys.length === 0 ? 'nothing is' : keys.length > keysShownMax ? `${keys.length} keys are` : `${keys.join(' and ')} are`;
      return add('FAAS_MANIFEST_CONFLICT', `${given} given${expected}`, undefined, 'key');
    }
    case 'minItems':
    case 'maxItems':
      return add(
        'FAAS_MANIFEST_OUT_OF_BOUNDS',
        `${countOf(error.data)} entries, expected ${error.keyword === 'minItems' ? 'at least' : 'at most'} ${error.params.limit}`,
      );
    default:
      return add('FAAS_MANIFEST_OUT_OF_BOUNDS', `${show(error.data)} is out of bounds${expected}`);
  }
}

function parentOf(error: ErrorObject): { readonly schema: Readonly<Record<string, Record<string, unknown>>>; readonly title: unknown } {
  const schema = error.parentSchema ?? {};
  return { schema, title: schema.title };
}

function expectedOf(schema: Readonly<Record<string, Record<string, unknown>>>, key: string): string {
  const property = schema.properties?.[key];
  const title = typeof property === 'object' && property !== null && 'title' in property ? property.title : undefined;
  return typeof title === 'string' ? `, expected ${title}` : '';
}

const keysShownMax = 5;

function countOf(value: unknown): number {
  return Array.isArray(value) ? value.length : 0;
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}
