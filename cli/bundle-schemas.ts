import { fileURLToPath } from 'node:url';
import type { Ajv, Options } from 'ajv';
import { build } from 'esbuild';
import type { JsonSchema } from '../controller/manifest/spec.ts';

export type SchemaModule =
  | { readonly kind: 'compiled'; readonly code: string }
  | { readonly kind: 'refused'; readonly stream: string; readonly message: string; readonly hint: string };

/**
 * JavaScript to append to a module: `export const faasSchemas = { <stream>: data => true | string[] }`, compiled ahead so that a pod
 * needs no schema compiler. '' without schemas. Messages name paths and rules, never values.
 */
export async function schemaModule(schemas: ReadonlyMap<string, JsonSchema>): Promise<SchemaModule> {
  if (schemas.size === 0) return { kind: 'compiled', code: 'export const faasSchemas = {};\n' };
  const key = JSON.stringify([...schemas]);
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const made = await compile(schemas);
  if (compiled.size >= compiledMax) compiled.clear();
  compiled.set(key, made);
  return made;
}

/** `faas dev` builds the same schemas at every save. */
const compiled = new Map<string, SchemaModule>();
const compiledMax = 100;

async function compile(schemas: ReadonlyMap<string, JsonSchema>): Promise<SchemaModule> {
  const modules: string[] = [];
  const { default: standalone } = await import('ajv/dist/standalone/index.js');
  for (const [stream, schema] of schemas) {
    const ajv = await compilerFor(schema);
    try {
      modules.push(standalone.default(ajv, ajv.compile(schema)));
    } catch (cause) {
      const message = `its schema cannot be compiled: ${cause instanceof Error ? cause.message : String(cause)}`;
      return { kind: 'refused', stream, message, hint: 'A stream has one JSON Schema file without references to other files.' };
    }
  }
  return { kind: 'compiled', code: await bundleValidators([...schemas.keys()], modules) };
}

const options: Options = {
  code: { source: true, esm: true, lines: false },
  strict: false,
  // The first failure only: with all of them, a large bad payload makes an error object per element.
  allErrors: false,
  // The manifest was checked against the meta schema already, whose compilation takes far longer than that of any schema.
  validateSchema: false,
  logger: false,
};

async function compilerFor(schema: JsonSchema): Promise<Ajv> {
  const dialect = typeof schema === 'object' ? String(schema.$schema ?? '') : '';
  const ajv = await newCompiler(dialect);
  const formats = await import('ajv-formats');
  formats.default.default(ajv);
  return ajv;
}

async function newCompiler(dialect: string): Promise<Ajv> {
  if (dialect.includes('/2020-12/')) return new (await import('ajv/dist/2020.js')).Ajv2020(options);
  if (dialect.includes('/2019-09/')) return new (await import('ajv/dist/2019.js')).Ajv2019(options);
  const { Ajv: Draft07 } = await import('ajv');
  return new Draft07(options);
}

/** Each validator is a module of its own; esbuild joins them with the parts of ajv that they use into one expression. */
async function bundleValidators(streams: readonly string[], modules: readonly string[]): Promise<string> {
  const entry = [
    ...streams.map((_, i) => `import v${i} from 'validator:${i}';`),
    'const check = validate => data => validate(data) ? true : validate.errors.map(e => (e.instancePath || "/") + " " + e.message);',
    `export const all = {${streams.map((stream, i) => `[${JSON.stringify(stream)}]: check(v${i})`).join(', ')}};`,
  ].join('\n');
  const resolveDir = fileURLToPath(new URL('.', import.meta.url));
  const built = await build({
    stdin: { contents: entry, resolveDir, sourcefile: 'schemas.js' },
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'faasStreamSchemas',
    target: 'node20',
    platform: 'node',
    minify: true,
    legalComments: 'none',
    logLevel: 'silent',
    plugins: [
      {
        name: 'validators',
        setup(api) {
          api.onResolve({ filter: /^validator:/ }, ({ path }) => ({ path: path.slice('validator:'.length), namespace: 'validator' }));
          api.onLoad({ filter: /.*/, namespace: 'validator' }, ({ path }) => ({ contents: modules[Number(path)] ?? '', resolveDir }));
        },
      },
    ],
  });
  return `${built.outputFiles[0]?.text ?? ''}export const faasSchemas = faasStreamSchemas.all;\n`;
}
