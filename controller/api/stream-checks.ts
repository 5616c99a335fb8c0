import { Ajv, type Options, type ValidateFunction } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { JsonSchema } from '../manifest/spec.ts';

/** As bundles are compiled (cli/bundle-schemas.ts), so that what is let in here is not refused by a reader: the first failure only. */
const options: Options = { strict: false, allErrors: false, logger: false };

/** Compiled schemas kept; a schema is compiled once per deployment, not once per request. */
const keptMax = 200;

/** Checks events against the schema of their stream. */
export class StreamChecks {
  readonly #compiled = new Map<string, ValidateFunction>();

  /** What is wrong with the data, as path and rule (never the value); undefined: nothing. */
  faultOf(schema: JsonSchema, data: unknown): { readonly path: string; readonly message: string } | undefined {
    const validate = this.#validator(schema);
    if (validate(data)) return undefined;
    const [error] = validate.errors ?? [];
    return { path: error?.instancePath ?? '', message: error?.message ?? 'does not match' };
  }

  #validator(schema: JsonSchema): ValidateFunction {
    const key = JSON.stringify(schema);
    const known = this.#compiled.get(key);
    if (known !== undefined) return known;
    if (this.#compiled.size >= keptMax) this.#compiled.clear();
    const made = compile(schema);
    this.#compiled.set(key, made);
    return made;
  }
}

function compile(schema: JsonSchema): ValidateFunction {
  const dialect = typeof schema === 'object' ? String(schema.$schema ?? '') : '';
  const ajv = dialect.includes('/2020-12/')
    ? new Ajv2020(options)
    : dialect.includes('/2019-09/')
      ? new Ajv2019(options)
      : new Ajv(options);
  addFormats.default(ajv);
  return ajv.compile(schema);
}
