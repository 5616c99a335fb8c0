import type { ContextDetailAnswer, DeployAnswer } from '../controller/api/contract.ts';
import { pathTo } from '../controller/api/paths.ts';
import type { ContextSpec, FunctionSpec, JsonSchema } from '../controller/manifest/spec.ts';
import { type ApiClient, ApiRefusal } from './api-client.ts';
import type { BundleResult } from './bundle.ts';

export type Bundled = Extract<BundleResult, { kind: 'bundled' }>;

/**
 * Makes a context live, within two minutes and eight seconds for each function unless `timeoutMs` says otherwise. Asks first and uploads only what the server does not have: most redeployments change one function of many.
 * Throws ApiRefusal when the server refuses; nothing has changed then.
 */
export async function deployBundles(
  client: ApiClient,
  spec: ContextSpec,
  bundles: ReadonlyMap<string, Bundled>,
  onUpload: (functionName: string) => void,
  timeoutMs = deployMs.context + deployMs.function * spec.functions.length,
): Promise<DeployAnswer> {
  const request = { spec, bundles: Object.fromEntries([...bundles].map(([name, bundle]) => [name, bundle.hash])) };
  const deploy = () => client.send<DeployAnswer>('POST', pathTo('deployments', {}), request, timeoutMs);
  try {
    return await deploy();
  } catch (cause) {
    const missing = missingBundles(cause, spec);
    if (missing.length === 0) throw cause;
    const uploaded = new Set<string>();
    for (const name of missing) {
      const bundle = bundles.get(name);
      if (bundle === undefined) throw cause;
      if (uploaded.has(bundle.hash)) continue;
      uploaded.add(bundle.hash);
      onUpload(name);
      await client.putBytes(pathTo('bundle', { hash: bundle.hash }), bundle.code);
      await client.putBytes(pathTo('sourceMap', { hash: bundle.hash }), bundle.sourceMap);
    }
    return deploy();
  }
}

/** A deployment starts every changed function on a pod before it answers: four at a time, and one that no node can hold takes 30 s. */
const deployMs = { context: 120_000, function: 8_000 } as const;

function missingBundles(cause: unknown, spec: ContextSpec): readonly string[] {
  if (!(cause instanceof ApiRefusal)) return [];
  const units = new Set(
    (cause.problem.problems ?? []).filter(problem => problem.code === 'FAAS_BUNDLE_UNKNOWN').map(problem => problem.at),
  );
  return spec.functions.map(one => one.name).filter(name => units.has(`${spec.context}.${name}`));
}

/** Schemas of other contexts' streams that functions here read or emit, by the name in the manifest. A context that is not deployed has none. */
export async function foreignSchemas(client: ApiClient, spec: ContextSpec): Promise<ReadonlyMap<string, JsonSchema>> {
  const refs = spec.functions.flatMap(streamRefs).filter(ref => ref.context !== spec.context);
  const schemas = new Map<string, JsonSchema>();
  for (const context of new Set(refs.map(ref => ref.context))) {
    const owner = await contextSpec(client, context);
    for (const ref of refs.filter(candidate => candidate.context === context)) {
      const schema = owner?.streams.find(stream => stream.name === ref.stream)?.schema;
      if (schema !== undefined) schemas.set(ref.name, schema);
    }
  }
  return schemas;
}

function streamRefs(spec: FunctionSpec) {
  return [...spec.emits, ...spec.on.flatMap(trigger => (trigger.kind === 'stream' ? trigger.streams : []))];
}

async function contextSpec(client: ApiClient, context: string) {
  try {
    return (await client.get<ContextDetailAnswer>(pathTo('context', { context }))).spec;
  } catch (cause) {
    if (cause instanceof ApiRefusal && cause.code === 'FAAS_CONTEXT_UNKNOWN') return undefined;
    throw cause;
  }
}
