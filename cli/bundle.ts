import { createHash } from 'node:crypto';
import { type BuildOptions, type BuildResult, build, context, type Message } from 'esbuild';
import type { ContextSpec, FunctionSpec, JsonSchema } from '../controller/manifest/spec.ts';
import { faasImports, nativeModules } from './bundle-imports.ts';
import { schemaModule } from './bundle-schemas.ts';

/** Above it the pod's load would take seconds and the upload is refused. */
export const bundleBytesMax = 50 * 2 ** 20;

export interface BundleRequest {
  /** Folder of the manifest; handler paths are relative to it. */
  readonly root: string;
  readonly spec: FunctionSpec;
  readonly context: ContextSpec;
  /** Schemas of other contexts' streams that the function reads or emits, by their name in the manifest (`sales.orders`). */
  readonly foreignSchemas: ReadonlyMap<string, JsonSchema>;
}

export type BundleResult =
  | {
      readonly kind: 'bundled';
      /** One ES module, UTF-8: `default` or `batch`, `init`, `shutdown` of the handler, and `faasSchemas`. */
      readonly code: Uint8Array;
      readonly sourceMap: Uint8Array;
      /** sha256 of `code`, hex. The same input gives the same hash, wherever the folder lies. */
      readonly hash: string;
      /** Files that went in, relative to `root`. */
      readonly inputs: readonly string[];
    }
  | { readonly kind: 'refused'; readonly problems: readonly BundleProblem[]; readonly inputs: readonly string[] };

export interface BundleProblem {
  readonly code: string;
  /** Relative to `root`. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  readonly message: string;
  readonly hint: string | undefined;
}

/** A bundler that keeps what it parsed: the second build of a changed file takes milliseconds. */
export interface Bundler {
  bundle(): Promise<BundleResult>;
  dispose(): Promise<void>;
}

/** Builds a function's handler, all it imports and the checks of its streams' schemas into one ES module. */
export async function bundleFunction(request: BundleRequest): Promise<BundleResult> {
  return bundleOnce(request, () => build(buildOptions(request)));
}

export async function openBundler(request: BundleRequest): Promise<Bundler> {
  const incremental = await context(buildOptions(request));
  return { bundle: () => bundleOnce(request, () => incremental.rebuild()), dispose: () => incremental.dispose() };
}

type Built = BuildResult<{ write: false; metafile: true }>;

function buildOptions({ root, spec }: BundleRequest) {
  return {
    absWorkingDir: root,
    entryPoints: [spec.handler],
    outfile: 'function.mjs',
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'external',
    sourcesContent: true,
    legalComments: 'none',
    charset: 'utf8',
    logLevel: 'silent',
    loader: { '.wasm': 'binary' },
    // CommonJS packages ask for Node's modules by require(), which an ES module does not have.
    banner: { js: `import { createRequire as faasRequire } from 'node:module'; const require = faasRequire(process.execPath);` },
    plugins: [faasImports(), nativeModules()],
  } as const satisfies BuildOptions;
}

async function bundleOnce(request: BundleRequest, run: () => Promise<Built>): Promise<BundleResult> {
  const { spec } = request;
  const schemas = await schemaModule(schemasOf(request));
  if (schemas.kind === 'refused') {
    return refused([problem('FAAS_BUNDLE_SCHEMA', spec.handler, `stream "${schemas.stream}": ${schemas.message}`, schemas.hint)]);
  }
  let built: Built;
  try {
    built = await run();
  } catch (cause) {
    const messages = messagesOf(cause);
    if (messages === undefined) throw cause;
    return refused(
      messages.map(message => problemOf(message, spec.handler)),
      messages.flatMap(message => message.location?.file ?? []),
    );
  }
  return finish(request, built, schemas.code);
}

function finish({ spec }: BundleRequest, built: Built, schemaCode: string): BundleResult {
  const inputs = Object.keys(built.metafile.inputs).filter(file => !/^[a-z-]+:/.test(file));
  const output = Object.values(built.metafile.outputs).find(candidate => candidate.entryPoint !== undefined);
  const script = built.outputFiles.find(file => !file.path.endsWith('.map'));
  const map = built.outputFiles.find(file => file.path.endsWith('.map'));
  if (output === undefined || script === undefined || map === undefined)
    throw new Error('esbuild answered without the module it was asked for');
  const exportProblem = checkExports(spec, output.exports);
  if (exportProblem !== undefined) return refused([exportProblem], inputs);
  // After the handler's code, so that the source map's lines stay right.
  const code = Buffer.from(`${script.text}${schemaCode}`);
  if (code.byteLength > bundleBytesMax) {
    const message = `the bundle has ${(code.byteLength / 2 ** 20).toFixed(1)} MiB; at most ${bundleBytesMax / 2 ** 20} MiB are allowed`;
    return refused([problem('FAAS_BUNDLE_TOO_LARGE', spec.handler, message, 'Import less, or read large data at run time.')], inputs);
  }
  return { kind: 'bundled', code, sourceMap: map.contents, hash: createHash('sha256').update(code).digest('hex'), inputs };
}

function checkExports(spec: FunctionSpec, exported: readonly string[]): BundleProblem | undefined {
  const one = exported.includes('default');
  const many = exported.includes('batch');
  if (one && many) {
    return problem(
      'FAAS_BUNDLE_EXPORT',
      spec.handler,
      'exports both "default" and "batch"',
      'Keep "default" for one event at a time, or "batch" for many.',
    );
  }
  if (!one && !many) {
    const found = exported.length === 0 ? 'exports nothing' : `exports ${exported.map(name => `"${name}"`).join(', ')} only`;
    return problem(
      'FAAS_BUNDLE_EXPORT',
      spec.handler,
      `${found}, so function "${spec.name}" has no handler`,
      `Write: export default async function ${camelCase(spec.name)}(event, ctx) { … }`,
    );
  }
  if (exported.includes('faasSchemas')) {
    return problem('FAAS_BUNDLE_EXPORT', spec.handler, 'exports "faasSchemas", a name that is taken', 'Give the export another name.');
  }
  return undefined;
}

/** The schemas of all streams that the function reads or emits, under the names that the handler uses. */
function schemasOf({ spec, context: owner, foreignSchemas }: BundleRequest): ReadonlyMap<string, JsonSchema> {
  const schemas = new Map<string, JsonSchema>();
  const subscribed = spec.on.flatMap(trigger => (trigger.kind === 'stream' ? trigger.streams : []));
  for (const ref of [...spec.emits, ...subscribed]) {
    const own = ref.context === owner.context;
    const schema = own ? owner.streams.find(stream => stream.name === ref.stream)?.schema : foreignSchemas.get(ref.name);
    if (schema !== undefined) schemas.set(ref.name, schema);
  }
  return new Map([...schemas].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function messagesOf(cause: unknown): readonly Message[] | undefined {
  if (!(cause instanceof Error) || !('errors' in cause) || !Array.isArray(cause.errors)) return undefined;
  return cause.errors;
}

function problemOf(message: Message, handler: string): BundleProblem {
  const detail: unknown = message.detail;
  const ours = isHinted(detail) ? detail : undefined;
  const missing = /^Could not resolve "([^"]+)"/.exec(message.text)?.[1];
  const place = message.location ?? { file: handler, line: 1, column: 0 };
  return {
    code: ours?.code ?? (missing === undefined ? 'FAAS_BUNDLE_SYNTAX' : 'FAAS_BUNDLE_IMPORT'),
    file: place.file,
    line: place.line,
    column: place.column + 1,
    message: missing === undefined ? message.text : `cannot find "${missing}"`,
    hint: ours?.hint ?? importHint(missing),
  };
}

function isHinted(value: unknown): value is { readonly code: string; readonly hint: string } {
  return typeof value === 'object' && value !== null && 'code' in value && 'hint' in value;
}

function importHint(missing: string | undefined): string | undefined {
  if (missing === undefined) return undefined;
  if (/^[./]/.test(missing)) return 'Check the path and its extension.';
  const name = missing
    .split('/')
    .slice(0, missing.startsWith('@') ? 2 : 1)
    .join('/');
  return `Install it where the manifest is: npm install ${name}`;
}

function problem(code: string, file: string, message: string, hint: string | undefined): BundleProblem {
  return { code, file, line: 1, column: 1, message, hint };
}

function refused(problems: readonly BundleProblem[], inputs: readonly string[] = []): BundleResult {
  return { kind: 'refused', problems, inputs };
}

function camelCase(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
