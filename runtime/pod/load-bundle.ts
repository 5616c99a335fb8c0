import type { LoadRequest } from '../protocol/messages.ts';
import { FaasError } from '../sdk/errors.ts';
import { describeError } from './describe-error.ts';
import type { LoadedFunction } from './function-host.ts';

export interface LoadedBundle {
  readonly fn: LoadedFunction;
  readonly shutdown: (() => unknown) | undefined;
  readonly loadMs: number;
  readonly initMs: number;
}

/** Imports the bundle and runs its `init`. Throws FAAS_LOAD_SYNTAX, FAAS_LOAD_IMPORT, FAAS_LOAD_EXPORT or FAAS_LOAD_INIT, with the cause. */
export async function loadBundle(
  request: Omit<LoadRequest, 'code' | 'sourceMap'>,
  bundleUrl: string,
  monotonic: () => number,
): Promise<LoadedBundle> {
  const startedAt = monotonic();
  const module = await importBundle(bundleUrl);
  const { kind, handler } = handlerOf(module);
  const init = optionalFunction(module, 'init');
  const shutdown = optionalFunction(module, 'shutdown');
  const fn: LoadedFunction = {
    unit: request.unit,
    context: request.context,
    functionName: request.functionName,
    revision: request.revision,
    kind,
    handler,
    timeoutMs: request.timeoutMs,
    emits: new Set(request.emits),
    calls: new Set(request.calls),
    schemas: schemasOf(module),
    dataFilters: request.dataFilters,
  };
  const loadedAt = monotonic();
  try {
    await init?.();
  } catch (cause) {
    throw loadError('FAAS_LOAD_INIT', 'init threw', cause);
  }
  return { fn, shutdown, loadMs: loadedAt - startedAt, initMs: monotonic() - loadedAt };
}

type Module = Readonly<Record<string, unknown>>;

async function importBundle(url: string): Promise<Module> {
  try {
    return await import(url);
  } catch (cause) {
    if (cause instanceof SyntaxError) throw loadError('FAAS_LOAD_SYNTAX', 'the bundle has a syntax error', cause);
    throw loadError('FAAS_LOAD_IMPORT', 'the bundle threw while it was imported', cause);
  }
}

function loadError(code: string, what: string, cause: unknown): FaasError {
  return new FaasError(code, `${what}: ${describeError(cause).message}`, undefined, { cause });
}

function handlerOf(module: Module): Pick<LoadedFunction, 'kind' | 'handler'> {
  const one = optionalFunction(module, 'default');
  const batch = optionalFunction(module, 'batch');
  if (one !== undefined && batch === undefined) return { kind: 'event', handler: one };
  if (batch !== undefined && one === undefined) return { kind: 'batch', handler: batch };
  const message =
    one === undefined ? 'the handler exports neither a `default` function nor `batch`' : 'the handler exports both `default` and `batch`';
  throw new FaasError('FAAS_LOAD_EXPORT', message, 'Export one of them.');
}

function optionalFunction(module: Module, name: string): LoadedFunction['handler'] | undefined {
  const value = module[name];
  if (value === undefined) return undefined;
  if (typeof value === 'function') return (...args) => Reflect.apply(value, undefined, args);
  throw new FaasError('FAAS_LOAD_EXPORT', `the export "${name}" is not a function`);
}

function schemasOf(module: Module): LoadedFunction['schemas'] {
  const schemas = module.faasSchemas;
  if (typeof schemas !== 'object' || schemas === null) return new Map();
  const checked = new Map<string, (data: unknown) => unknown>();
  for (const [stream, validate] of Object.entries(schemas)) {
    if (typeof validate === 'function') checked.set(stream, data => Reflect.apply(validate, undefined, [data]));
  }
  return checked;
}
