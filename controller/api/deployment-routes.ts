import { FaasError } from '../errors.ts';
import type { DeployProblem, DeployResult } from '../functions/deployments.ts';
import { unitOf } from '../functions/live-function.ts';
import { checkSpec } from '../manifest/check-spec.ts';
import type { ApiPorts } from './api-ports.ts';
import {
  BundleAnswer,
  BundleParams,
  ContextDetailAnswer,
  ContextParams,
  ContextsAnswer,
  DeployAnswer,
  DeployRequest,
  FunctionParams,
  RemoveAnswer,
  RemoveQuery,
  RollbackRequest,
} from './contract.ts';
import { findContext, findFunction } from './find-unit.ts';
import { ProblemError } from './problem.ts';
import { defineRoute, type Route } from './route.ts';
import { parseSpec, printSpec } from './spec-json.ts';

const tag = 'deployments';
const bundleBytesMax = 50 * 2 ** 20;
/** A specification carries the JSON Schemas of its streams. */
const specBytesMax = 8 * 2 ** 20;

/** From a stored bundle to a live context, and back. */
export function deploymentRoutes(ports: ApiPorts): readonly Route[] {
  return [...contextRoutes(ports), ...bundleRoutes(ports), ...changeRoutes(ports)];
}

function contextRoutes({ registry }: ApiPorts): readonly Route[] {
  const list = defineRoute({
    method: 'GET',
    path: 'contexts',
    tag,
    summary: 'All contexts',
    answer: ContextsAnswer,
    handle: async () => ({
      contexts: (await registry.contexts()).map(({ spec, deployedAtMs }) => ({
        context: spec.context,
        ...(spec.owner !== undefined && { owner: spec.owner }),
        deployedAtMs,
        functions: spec.functions.map(one => one.name),
        streams: spec.streams.map(({ name, topic, internal, schema }) => ({ name, topic, internal, schema: schema !== undefined })),
      })),
    }),
  });
  const show = defineRoute({
    method: 'GET',
    path: 'context',
    tag,
    summary: 'One context, with its whole specification',
    params: ContextParams,
    answer: ContextDetailAnswer,
    handle: async ({ params }) => {
      const { spec, deployedAtMs } = await findContext(registry, params.context);
      return { spec: printSpec(spec), deployedAtMs };
    },
  });
  return [list, show];
}

function bundleRoutes({ registry }: ApiPorts): readonly Route[] {
  const common = { method: 'PUT', tag, params: BundleParams, body: 'bytes', bodyBytesMax: bundleBytesMax, answer: BundleAnswer } as const;
  const code = defineRoute({
    ...common,
    path: 'bundle',
    summary: 'Stores a bundle under the sha256 of its bytes',
    handle: async ({ params: { hash }, body }) => {
      const known = await registry.bundle(hash);
      await registry.putBundle(hash, { code: body, sourceMap: known?.sourceMap });
      return { hash, bytes: body.length };
    },
  });
  const sourceMap = defineRoute({
    ...common,
    path: 'sourceMap',
    summary: 'Stores the source map of a bundle that was stored before',
    handle: async ({ params: { hash }, body }) => {
      const bundle = await registry.bundle(hash);
      if (bundle === undefined) {
        throw new FaasError('FAAS_BUNDLE_UNKNOWN', `there is no bundle ${hash}`, 'Store the bundle first, then its source map.');
      }
      await registry.putBundle(hash, { code: bundle.code, sourceMap: body });
      return { hash, bytes: body.length };
    },
  });
  return [code, sourceMap];
}

function changeRoutes({ registry, deployments }: ApiPorts): readonly Route[] {
  const deploy = defineRoute({
    method: 'POST',
    path: 'deployments',
    tag,
    summary: 'Makes all functions of a context live in one step, or none',
    body: DeployRequest,
    bodyBytesMax: specBytesMax,
    answer: DeployAnswer,
    handle: async ({ body }) => {
      const spec = parseSpec(body.spec);
      // The schema knows the form alone; bounds and references are the manifest's, and a client may be of another version.
      const faults = checkSpec(spec).filter(fault => fault.code !== 'FAAS_MANIFEST_NO_EFFECT');
      if (faults.length > 0) return answerOf({ kind: 'refused', problems: faults.map(fault => ({ ...fault, unit: spec.context })) });
      return answerOf(await deployments.deploy(spec, new Map(Object.entries(body.bundles))));
    },
  });
  const rollBack = defineRoute({
    method: 'POST',
    path: 'rollback',
    tag,
    summary: 'Makes an earlier revision of a function live again',
    params: FunctionParams,
    body: RollbackRequest,
    answer: DeployAnswer,
    handle: async ({ params, body }) => {
      const { unit } = await findFunction(registry, params);
      return answerOf(await deployments.rollBack(unit, body.revision));
    },
  });
  const removal = { method: 'DELETE', tag, query: RemoveQuery, answer: RemoveAnswer } as const;
  const removeFunction = defineRoute({
    ...removal,
    path: 'function',
    summary: 'Stops and forgets a function',
    params: FunctionParams,
    handle: async ({ params, query }) => {
      const { context, name } = await findFunction(registry, params);
      return removedOf(await deployments.remove(context, name, { state: query.state ?? false }), unitOf(context, name));
    },
  });
  const removeContext = defineRoute({
    ...removal,
    path: 'context',
    summary: 'Stops and forgets a context and all its functions',
    params: ContextParams,
    handle: async ({ params, query }) => {
      const { spec } = await findContext(registry, params.context);
      return removedOf(await deployments.remove(spec.context, undefined, { state: query.state ?? false }), spec.context);
    },
  });
  return [deploy, rollBack, removeFunction, removeContext];
}

function answerOf(result: DeployResult): DeployAnswer {
  if (result.kind === 'deployed') return { functions: [...result.functions], warnings: [...result.warnings] };
  const [first, ...others] = result.problems;
  const message =
    first === undefined ? 'the deployment was refused' : others.length === 0 ? first.message : `${result.problems.length} problems`;
  throw new ProblemError('FAAS_DEPLOY_REFUSED', message, 'What was live before is still live.', { problems: result.problems.map(entryOf) });
}

function entryOf({ unit, code, message, hint, place, frames }: DeployProblem) {
  return {
    ...(unit !== undefined && { at: unit }),
    code,
    message,
    ...(hint !== undefined && { hint }),
    ...(place !== undefined && { place }),
    ...(frames !== undefined && { frames: frames.map(frame => ({ ...frame })) }),
  };
}

function removedOf(result: Awaited<ReturnType<ApiPorts['deployments']['remove']>>, name: string): RemoveAnswer {
  if (result.kind === 'removed') return { removed: [...result.units] };
  throw new FaasError('FAAS_FUNCTION_UNKNOWN', `${name} is gone already`);
}
