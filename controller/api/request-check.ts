import { Ajv, type AnySchema, type ErrorObject, type ValidateFunction } from 'ajv';
import { paths } from './paths.ts';
import { ProblemError } from './problem.ts';

const common = { useDefaults: true, removeAdditional: false, allErrors: false, strict: false };
/** Text in paths and queries becomes numbers and booleans; in a body nothing is bent to fit, and nothing unknown is dropped in silence. */
const compilers = { body: new Ajv({ ...common, coerceTypes: false }), text: new Ajv({ ...common, coerceTypes: true }) };

/** Whether data has the form of a schema; the errors are of the last question. */
export interface Check {
  (data: unknown): boolean;
  errors: ErrorObject[] | null;
}

/** Compiled by the first request that is checked: doing so for all routes is a third of the time in which a server starts. */
export function checkOf(schema: AnySchema, part: 'body' | 'text'): Check {
  let compiled: ValidateFunction | undefined;
  const check: Check = Object.assign(
    (data: unknown): boolean => {
      compiled ??= compilers[part].compile(schema);
      const isValid = compiled(data);
      check.errors = compiled.errors ?? null;
      return isValid;
    },
    { errors: null as ErrorObject[] | null },
  );
  return check;
}

/** `part`: of the request, `body`. */
export function formProblem(
  errors: readonly Pick<ErrorObject, 'keyword' | 'params' | 'message' | 'instancePath'>[],
  part: string,
): ProblemError {
  const [first] = errors;
  const at = `${part}${first?.instancePath ?? ''}`;
  const message = first === undefined ? 'does not have the expected form' : sentence(first);
  const hint = `${paths.openapi} describes every request.`;
  return new ProblemError('FAAS_API_REQUEST', `${at} ${message}`, hint, { problems: [{ at, message }] });
}

function sentence(error: Pick<ErrorObject, 'keyword' | 'params' | 'message'>): string {
  const { keyword, params, message } = error;
  if (keyword === 'additionalProperties') return `has an unknown member "${String(params.additionalProperty)}"`;
  if (keyword === 'enum') return `must be one of ${String(params.allowedValues)}`;
  return message ?? 'does not have the expected form';
}
