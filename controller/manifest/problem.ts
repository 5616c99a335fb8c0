/** Everything that can be wrong with a manifest: code → what it means. The reference page is generated from this table. */
export const manifestProblems = {
  FAAS_MANIFEST_ENCODING: 'The file is not UTF-8 text.',
  FAAS_MANIFEST_EMPTY: 'The file says nothing.',
  FAAS_MANIFEST_TOO_LARGE: 'The file is larger, deeper or has more values (aliases counted each time) than a manifest may.',
  FAAS_MANIFEST_SYNTAX: 'The file is not valid YAML, or holds more than one document.',
  FAAS_MANIFEST_DUPLICATE_KEY: 'A key is given twice in one mapping.',
  FAAS_MANIFEST_FORBIDDEN_KEY: 'A key is one that JavaScript objects treat as their own (`__proto__`, `constructor`, `prototype`).',
  FAAS_MANIFEST_VERSION: 'The version of the manifest is not one that this faas reads.',
  FAAS_MANIFEST_UNKNOWN_KEY: 'A key is not known at this place.',
  FAAS_MANIFEST_MISSING_KEY: 'A key that has to be there is missing.',
  FAAS_MANIFEST_WRONG_TYPE: 'A value is of another type than expected.',
  FAAS_MANIFEST_BAD_VALUE: 'A value is of the right type and still not one that is allowed.',
  FAAS_MANIFEST_BAD_NAME: 'The name of a context, stream, function or schedule is not an identifier.',
  FAAS_MANIFEST_OUT_OF_BOUNDS: 'A number, duration or size is too small or too large, or a range is upside down.',
  FAAS_MANIFEST_UNRESOLVED: 'A reference to an environment variable has neither a value nor a default.',
  FAAS_MANIFEST_INTERPOLATED_SECRET: 'A secret is named by an interpolated value.',
  FAAS_MANIFEST_HANDLER: 'A handler file is missing, or outside the folder of the manifest.',
  FAAS_MANIFEST_SCHEMA: 'The JSON Schema of a stream cannot be read, or is not a JSON Schema.',
  FAAS_MANIFEST_UNDECLARED: 'A stream or function is used that is not declared.',
  FAAS_MANIFEST_DUPLICATE: 'Two things that must differ are the same: paths, topics, names, list entries.',
  FAAS_MANIFEST_CONFLICT: 'Two settings exclude each other.',
  FAAS_MANIFEST_SCHEDULE: 'A cron pattern, a time or a time zone is not valid.',
  FAAS_MANIFEST_FOREIGN: 'A stream or function of another context does not exist, or is internal to it.',
  FAAS_MANIFEST_NO_EFFECT: 'Warning: a setting has no effect where it stands.',
} as const;

export type ManifestProblemCode = keyof typeof manifestProblems;

export interface Problem {
  readonly code: ManifestProblemCode;
  /** As passed in, or the path of a schema file. */
  readonly file: string;
  /** Both from 1; the column counts UTF-16 units. */
  readonly line: number;
  readonly column: number;
  /** What is wrong and what was expected. */
  readonly message: string;
  /** The way out: the nearest known name, a correct example. */
  readonly hint: string | undefined;
}

/** `faas.yaml:12:5 unknown key "retrys". Did you mean "retry"?` */
export function printProblem(problem: Problem): string {
  const place = `${problem.file}:${problem.line}:${problem.column}`;
  return problem.hint === undefined ? `${place} ${problem.message}` : `${place} ${problem.message}. ${problem.hint}`;
}
