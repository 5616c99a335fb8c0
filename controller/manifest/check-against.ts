import { unitOf } from '../functions/live-function.ts';
import { didYouMean } from './nearest.ts';
import type { ContextSpec, FunctionSpec, StreamRef } from './spec.ts';

/** A problem that only shows beside the other contexts of the server. */
export interface ForeignProblem {
  readonly code: 'FAAS_MANIFEST_FOREIGN' | 'FAAS_MANIFEST_DUPLICATE' | 'FAAS_MANIFEST_UNDECLARED';
  /** `<context>.<function>`, or undefined for a stream of the context. */
  readonly unit: string | undefined;
  readonly message: string;
  readonly hint: string | undefined;
}

/**
 * What a spec says about other contexts against what these say themselves: streams must exist and be public, functions must exist, topics have one
 * owner. `others` may hold the deployed form of `spec.context` itself; it is passed over.
 */
export function checkAgainst(spec: ContextSpec, others: readonly ContextSpec[]): readonly ForeignProblem[] {
  const contexts = new Map(others.filter(other => other.context !== spec.context).map(other => [other.context, other]));
  return [...topicProblems(spec, contexts), ...spec.functions.flatMap(fn => functionProblems(fn, spec, contexts))];
}

type Contexts = ReadonlyMap<string, ContextSpec>;

function topicProblems(spec: ContextSpec, contexts: Contexts): readonly ForeignProblem[] {
  const owners = new Map<string, ContextSpec>();
  for (const other of contexts.values()) for (const stream of other.streams) owners.set(stream.topic, other);
  return spec.streams.flatMap(stream => {
    const owner = owners.get(stream.topic);
    if (owner === undefined) return [];
    const message = `the topic "${stream.topic}" of the stream "${stream.name}" is that of ${called(owner)}`;
    return [{ code: 'FAAS_MANIFEST_DUPLICATE', unit: undefined, message, hint: 'Read it as <context>.<stream>, or choose another topic.' }];
  });
}

function functionProblems(fn: FunctionSpec, spec: ContextSpec, contexts: Contexts): readonly ForeignProblem[] {
  const read = fn.on.flatMap(trigger => (trigger.kind === 'stream' ? trigger.streams : []));
  const streams = new Map([...read, ...fn.emits].map(ref => [`${ref.context}.${ref.stream}`, ref]));
  const problems: (Omit<ForeignProblem, 'unit'> | undefined)[] = [
    ...[...streams.values()].filter(ref => ref.context !== spec.context).map(ref => streamProblem(ref, contexts)),
    ...fn.calls.map(unit => calleeProblem(unit, spec, contexts)),
  ];
  return problems.flatMap(problem => (problem === undefined ? [] : [{ ...problem, unit: unitOf(spec.context, fn.name) }]));
}

function streamProblem(ref: StreamRef, contexts: Contexts): Omit<ForeignProblem, 'unit'> | undefined {
  const owner = contexts.get(ref.context);
  if (owner === undefined) return unknownContext(ref.context, `the stream "${ref.context}.${ref.stream}"`, contexts);
  const stream = owner.streams.find(({ name }) => name === ref.stream);
  const open = owner.streams.filter(({ internal }) => !internal).map(({ name }) => name);
  if (stream === undefined) {
    const hint =
      didYouMean(ref.stream, open) ?? (open.length === 0 ? 'It has no public stream.' : `Its public streams: ${open.join(', ')}.`);
    return { code: 'FAAS_MANIFEST_FOREIGN', message: `${called(owner)} has no stream "${ref.stream}"`, hint };
  }
  if (!stream.internal) return undefined;
  return {
    code: 'FAAS_MANIFEST_FOREIGN',
    message: `the stream "${ref.context}.${ref.stream}" is internal to ${called(owner)}`,
    hint: 'Ask them for a public stream.',
  };
}

function calleeProblem(unit: string, spec: ContextSpec, contexts: Contexts): Omit<ForeignProblem, 'unit'> | undefined {
  const [context = '', name = ''] = unit.split('.');
  const owner = context === spec.context ? spec : contexts.get(context);
  if (owner === undefined) return unknownContext(context, `the function "${unit}"`, contexts);
  const known = owner.functions.map(fn => fn.name);
  if (known.includes(name)) return undefined;
  return { code: 'FAAS_MANIFEST_FOREIGN', message: `${called(owner)} has no function "${name}"`, hint: didYouMean(name, known) };
}

function unknownContext(context: string, what: string, contexts: Contexts): Omit<ForeignProblem, 'unit'> {
  return {
    code: 'FAAS_MANIFEST_FOREIGN',
    message: `${what} belongs to the context "${context}", which is not deployed`,
    hint: didYouMean(context, contexts.keys()) ?? `Deploy "${context}" first.`,
  };
}

/** `the context "sales" (owner: team-sales)` */
function called(context: ContextSpec): string {
  return context.owner === undefined ? `the context "${context.context}"` : `the context "${context.context}" (owner: ${context.owner})`;
}
