import { internalTopicOf, unitOf } from '../functions/live-function.ts';
import type { ContextSpec, FunctionSpec, StreamRef, TriggerSpec } from '../manifest/spec.ts';
import type { ContextRecord } from '../ports/registry.ts';
import type { GraphAnswer } from './live-schema.ts';
import { triggerSentence } from './trigger-sentence.ts';

type Node = GraphAnswer['nodes'][number];
type Edge = GraphAnswer['edges'][number];

/** What leads where, of all contexts; a stream or callee that another context does not have (any more) is a node without a topic. */
export function graphOf(contexts: readonly ContextRecord[]): GraphAnswer {
  const nodes = new Map<string, Node>();
  const edges = new Map<string, Edge>();
  const addNode = (node: Node) => void (nodes.has(node.id) || nodes.set(node.id, node));
  const addEdge = (edge: Edge) => void edges.set(`${edge.from} ${edge.to} ${edge.kind}`, edge);
  for (const { spec } of contexts) for (const node of ownNodes(spec)) addNode(node);
  for (const { spec } of contexts) {
    for (const one of spec.functions) {
      const id = functionId(unitOf(spec.context, one.name));
      for (const { node, edge } of linksOf(spec, one, id)) {
        addNode(node);
        addEdge(edge);
      }
    }
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()] };
}

function ownNodes({ context, streams, functions }: ContextSpec): readonly Node[] {
  return [
    ...streams.map(one => ({
      id: streamId({ context, stream: one.name }),
      kind: 'stream' as const,
      label: one.name,
      context,
      topic: one.internal ? internalTopicOf(context, one.name) : one.topic,
    })),
    ...functions.map(one => functionNode(unitOf(context, one.name))),
  ];
}

function linksOf({ context }: ContextSpec, spec: FunctionSpec, id: string): readonly { readonly node: Node; readonly edge: Edge }[] {
  const emits = spec.emits.map(ref => ({ node: streamNode(ref), edge: { from: id, to: streamId(ref), kind: 'emits' as const } }));
  const calls = spec.calls.map(unit => ({ node: functionNode(unit), edge: { from: id, to: functionId(unit), kind: 'calls' as const } }));
  return [...spec.on.flatMap(trigger => triggerLinks(context, trigger, id)), ...emits, ...calls];
}

function triggerLinks(context: string, trigger: TriggerSpec, id: string): readonly { readonly node: Node; readonly edge: Edge }[] {
  if (trigger.kind === 'stream') {
    return trigger.streams.map(ref => ({ node: streamNode(ref), edge: { from: streamId(ref), to: id, kind: 'reads' } }));
  }
  if (trigger.kind !== 'webhook' && trigger.kind !== 'schedule') return [];
  const label = triggerSentence(trigger);
  const node: Node = { id: `${trigger.kind} ${id} ${label}`, kind: trigger.kind, label: label.slice(trigger.kind.length + 1), context };
  return [{ node, edge: { from: node.id, to: id, kind: 'triggers' } }];
}

function streamId({ context, stream }: Pick<StreamRef, 'context' | 'stream'>): string {
  return `stream ${context}.${stream}`;
}

function streamNode({ context, stream, name }: StreamRef): Node {
  return { id: streamId({ context, stream }), kind: 'stream', label: name, context };
}

function functionId(unit: string): string {
  return `function ${unit}`;
}

function functionNode(unit: string): Node {
  const [context = '', name = unit] = unit.split('.');
  return { id: functionId(unit), kind: 'function', label: name, context, unit };
}
