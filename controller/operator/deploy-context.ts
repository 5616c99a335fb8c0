import type { Deployments, DeployResult } from '../functions/deployments.ts';
import { unitOf } from '../functions/live-function.ts';
import type { ContextSpec } from '../manifest/spec.ts';
import type { ClusterObject } from '../ports/objects.ts';
import type { Registry } from '../ports/registry.ts';
import {
  type ContextParts,
  codeOf,
  partsOfContext,
  partsOfSpec,
  type ResourceProblem,
  readContext,
  sourceOfFunction,
} from './resource-manifest.ts';

export interface ContextResources {
  readonly context: string;
  /** Its own resource, when that says something new. */
  readonly changed: ClusterObject | undefined;
  /** Functions whose resources say something new, or that are not live; by name. */
  readonly functions: ReadonlyMap<string, ClusterObject>;
}

export interface ContextOutcome {
  /** Of the resources that could not become live, by function; '' is the context. */
  readonly problems: ReadonlyMap<string, ResourceProblem>;
  readonly changes: Extract<DeployResult, { kind: 'deployed' }>['functions'];
  readonly warnings: readonly string[];
}

export interface DeployContextOptions {
  readonly registry: Pick<Registry, 'context' | 'functions' | 'putBundle'>;
  readonly deployments: Pick<Deployments, 'exclusively'>;
}

/**
 * Makes live what resources of a context say, with all else of it as it is live. A resource that cannot work stays behind with its problem: its function keeps
 * the revision that it has, and the others go on. What is live is read in the turn that deploys it again, so that nothing which others remove, deploy or roll back
 * meanwhile is undone. Ends, because each round either deploys or leaves a resource behind.
 */
export async function deployContext(options: DeployContextOptions, resources: ContextResources): Promise<ContextOutcome> {
  const problems = new Map<string, ResourceProblem>();
  for (;;) {
    const { round, result } = await options.deployments.exclusively(async deploy => {
      const live = await liveParts(options.registry, resources.context);
      const round = choose(resources, live, problems);
      const read = readContext(round.parts);
      if (read.kind !== 'ok') return { round, result: refusalOf(read.problems) };
      const bundles = await storedBundles(options.registry, round.code, live.bundles);
      return { round, result: resultOf(read.spec, await deploy(read.spec, bundles)) };
    });
    if (result.kind === 'deployed') return { problems, changes: result.functions, warnings: result.warnings };
    const blamed = blame(round.from, result.problems);
    for (const [name, problem] of blamed) problems.set(name, problem);
    if (blamed.size === 0 || problems.size > resources.functions.size) return { problems, changes: [], warnings: [] };
  }
}

interface LiveParts {
  readonly parts: ContextParts | undefined;
  readonly bundles: ReadonlyMap<string, string>;
}

async function liveParts(registry: DeployContextOptions['registry'], context: string): Promise<LiveParts> {
  const record = await registry.context(context);
  const functions = await registry.functions(context);
  const bundles = new Map(functions.map(({ name, live }) => [name, live.bundleHash]));
  return { parts: record === undefined ? undefined : partsOfSpec(record.spec), bundles };
}

interface Round {
  readonly parts: ContextParts;
  /** Resources that take part; '' is the context. */
  readonly from: ReadonlySet<string>;
  readonly code: ReadonlyMap<string, ClusterObject>;
}

function choose({ context, changed, functions }: ContextResources, live: LiveParts, left: ReadonlyMap<string, unknown>): Round {
  const chosen = new Map(live.parts?.functions);
  const code = new Map<string, ClusterObject>();
  for (const [name, object] of functions) {
    if (left.has(name)) continue;
    chosen.set(name, sourceOfFunction(object));
    code.set(name, object);
  }
  const isOwn = changed !== undefined && !left.has('');
  const { owner, streams } = isOwn ? partsOfContext(changed) : (live.parts ?? { owner: undefined, streams: {} });
  return { parts: { context, owner, streams, functions: chosen }, from: new Set([...code.keys(), ...(isOwn ? [''] : [])]), code };
}

/** Stores what comes in the resources; answers the bundle of each function. */
async function storedBundles(
  registry: DeployContextOptions['registry'],
  code: ReadonlyMap<string, ClusterObject>,
  liveBundles: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, string>> {
  const bundles = new Map(liveBundles);
  for (const [name, object] of code) {
    const given = codeOf(object);
    if (given.kind === 'inline') await registry.putBundle(given.hash, { code: given.module, sourceMap: undefined });
    bundles.set(name, given.hash);
  }
  return bundles;
}

function resultOf(spec: ContextSpec, result: DeployResult): Extract<DeployResult, { kind: 'deployed' }> | Refusal {
  if (result.kind === 'deployed') return result;
  return refusalOf(
    result.problems.map(({ unit, code: problem, message, hint }) => ({
      function: spec.functions.find(({ name }) => unitOf(spec.context, name) === unit)?.name,
      code: problem,
      message: hint === undefined ? message : `${message}. ${hint}`,
    })),
  );
}

interface Refusal {
  readonly kind: 'refused';
  readonly problems: readonly ResourceProblem[];
}

function refusalOf(problems: readonly ResourceProblem[]): Refusal {
  return { kind: 'refused', problems };
}

/** A problem of what no resource of this round says is a problem of all that it does say: they do not go together with what is live. */
function blame(from: ReadonlySet<string>, problems: readonly ResourceProblem[]): ReadonlyMap<string, ResourceProblem> {
  const blamed = new Map<string, ResourceProblem>();
  for (const problem of problems) {
    const name = problem.function ?? '';
    for (const one of from.has(name) ? [name] : from) if (!blamed.has(one)) blamed.set(one, problem);
  }
  return blamed;
}
