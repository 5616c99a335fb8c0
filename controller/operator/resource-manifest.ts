import { createHash } from 'node:crypto';
import { parse } from 'yaml';
import { parseManifest } from '../manifest/parse-manifest.ts';
import { printManifest } from '../manifest/print-manifest.ts';
import { printProblem } from '../manifest/problem.ts';
import { manifestVersion } from '../manifest/source-schema.ts';
import type { ContextSpec, FunctionSpec } from '../manifest/spec.ts';
import type { ClusterObject } from '../ports/objects.ts';
import type { WrittenResource } from '../ports/resources.ts';

/** What is wrong with a resource, in words for its condition. */
export interface ResourceProblem {
  /** A function of the context; undefined: the context itself. */
  readonly function: string | undefined;
  readonly code: string;
  readonly message: string;
}

export type ReadContext =
  | { readonly kind: 'ok'; readonly spec: ContextSpec }
  | { readonly kind: 'problems'; readonly problems: readonly ResourceProblem[] };

export type FunctionCode =
  | { readonly kind: 'inline'; readonly module: Uint8Array; readonly hash: string }
  | { readonly kind: 'bundle'; readonly hash: string };

type Source = Readonly<Record<string, unknown>>;

/** The parts of a context, each as it stands in a manifest. */
export interface ContextParts {
  readonly context: string;
  readonly owner: unknown;
  readonly streams: Source;
  /** By name. */
  readonly functions: ReadonlyMap<string, Source>;
}

/** The parts of what is live, for whatever has no resource of its own. */
export function partsOfSpec(spec: ContextSpec): ContextParts {
  const source = asSource(parse(printManifest(spec)));
  const functions = Object.entries(asSource(source.functions)).map(([name, one]) => [name, asSource(one)] as const);
  return { context: spec.context, owner: source.owner, streams: asSource(source.streams), functions: new Map(functions) };
}

/** A function as a manifest has it. What looks like a reference to the environment is text in a resource. */
export function sourceOfFunction({ spec }: ClusterObject): Source {
  const { code, replicas, triggers, ...rest } = asSource(spec);
  const { source } = asSource(code);
  // `on` in a manifest; the YAML of kubectl reads that as the truth value.
  return {
    ...asSource(escaped({ ...rest, ...(triggers !== undefined && { on: triggers }) })),
    handler: typeof source === 'string' && source !== '' ? source : 'function.mjs',
  };
}

export function partsOfContext({ spec }: ClusterObject): Pick<ContextParts, 'owner' | 'streams'> {
  const { owner, streams } = asSource(escaped(asSource(spec)));
  return { owner, streams: asSource(streams) };
}

/** The code that a function's resource gives or names. The schema sees to it that there is one. */
export function codeOf({ spec }: ClusterObject): FunctionCode {
  const { inline, bundle } = asSource(asSource(spec).code);
  if (typeof inline !== 'string') return { kind: 'bundle', hash: String(bundle) };
  const module = new TextEncoder().encode(inline);
  return { kind: 'inline', module, hash: createHash('sha256').update(module).digest('hex') };
}

/** Exactly so many pods, where a resource says so. */
export function replicasOf({ spec }: ClusterObject): number | undefined {
  const { replicas } = asSource(spec);
  return typeof replicas === 'number' ? replicas : undefined;
}

/** All parts read as one manifest, so that no rule is written twice; each function is a line of it, by which a problem finds its resource. */
export function readContext({ context, owner, streams, functions }: ContextParts): ReadContext {
  const head = [`{"version":${manifestVersion},"context":${JSON.stringify(context)}`];
  if (owner !== undefined) head.push(`"owner":${JSON.stringify(owner)}`);
  head.push(`"streams":${JSON.stringify(streams)}`);
  const names = [...functions.keys()];
  const lines = names.map(name => `${JSON.stringify(name)}:${JSON.stringify(functions.get(name))}`);
  const text = `${head.join(',')},"functions":{\n${lines.join(',\n')}\n}}\n`;
  const parsed = parseManifest(text, { file: 'resource', env: {}, fileExists: () => true, readFile: () => undefined });
  if (parsed.kind === 'ok') return parsed;
  const problems = parsed.problems.map(problem => ({
    function: names[problem.line - 2],
    code: problem.code,
    message: printProblem(problem).replace(/^\S+ /, ''),
  }));
  return { kind: 'problems', problems };
}

/** A live context as the resources that would say the same; each function with the bundle that it runs. */
export function resourcesOf(spec: ContextSpec, bundles: ReadonlyMap<string, string>): readonly WrittenResource[] {
  const { owner, streams, functions } = partsOfSpec(spec);
  const ofFunctions = spec.functions.map(({ name, handler }: FunctionSpec): WrittenResource => {
    const { handler: _, on, ...rest } = functions.get(name) ?? {};
    const code = { bundle: bundles.get(name), source: handler };
    return { kind: 'Function', name: `${spec.context}.${name}`, spec: { code, ...asSource(unescaped({ ...rest, triggers: on })) } };
  });
  const context = asSource(unescaped({ ...(owner !== undefined && { owner }), streams }));
  return [{ kind: 'Context', name: spec.context, spec: context }, ...ofFunctions];
}

function escaped(value: unknown): unknown {
  return mapTexts(value, text => text.replaceAll('${', () => '$${'));
}

function unescaped(value: unknown): unknown {
  return mapTexts(value, text => text.replaceAll('$${', () => '${'));
}

function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map(item => mapTexts(item, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, mapTexts(held, change)]));
}

function asSource(value: unknown): Source {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Source) : {};
}
