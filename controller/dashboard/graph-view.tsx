import { useMemo } from 'preact/hooks';
import { podsText } from '../api/figure-text.ts';
import type { GraphAnswer } from '../api/live-schema.ts';
import { pathTo } from '../api/paths.ts';
import { functionPath } from './address.ts';
import { get } from './api.ts';
import { perSecond } from './figures.ts';
import { layOut, nodeHeight, nodeWidth, type PlacedNode } from './graph-layout.ts';
import { liveFunction, topicRates } from './live.ts';
import { useLoaded } from './loaded.ts';
import { Empty, Failure, Panel, Scroll, Waiting } from './parts.tsx';
import { troubleOf, troubleText } from './trouble.ts';

type Node = GraphAnswer['nodes'][number];
type Edge = GraphAnswer['edges'][number];

/** What leads where, with what flows at the moment. */
export function GraphView() {
  const { value, error, reload } = useLoaded(() => get<GraphAnswer>(pathTo('graph', {})), 10_000);
  return (
    <>
      <h1>Graph</h1>
      {error !== undefined && value === undefined && <Failure error={error} again={reload} />}
      {error === undefined && value === undefined && <Waiting lines={6} />}
      {value?.nodes.length === 0 && <Empty title="Nothing is deployed yet" />}
      {value !== undefined && value.nodes.length > 0 && (
        <>
          <Picture graph={value} />
          <Connections graph={value} />
        </>
      )}
    </>
  );
}

function Picture({ graph }: { readonly graph: GraphAnswer }) {
  const text = JSON.stringify(graph);
  const layout = useMemo(() => layOut(graph), [text]);
  const places = new Map(layout.nodes.map(one => [one.node.id, one]));
  return (
    <Scroll label="Picture of the graph">
      <svg
        class="graph"
        viewBox={`-8 -8 ${layout.width + 16} ${layout.height + 16}`}
        width={layout.width + 16}
        height={layout.height + 16}
        aria-label={`${graph.nodes.length} functions, streams and triggers; the table below has the same`}
      >
        {graph.edges.map(edge => (
          <EdgeLine key={`${edge.from} ${edge.to} ${edge.kind}`} edge={edge} places={places} nodes={graph.nodes} />
        ))}
        {layout.nodes.map(placed => (
          <NodeBox key={placed.node.id} placed={placed} />
        ))}
      </svg>
    </Scroll>
  );
}

function EdgeLine({
  edge,
  places,
  nodes,
}: {
  readonly edge: Edge;
  readonly places: ReadonlyMap<string, PlacedNode>;
  readonly nodes: readonly Node[];
}) {
  const [from, to] = [places.get(edge.from), places.get(edge.to)];
  if (from === undefined || to === undefined) return null;
  const [x1, y1] = [from.x + nodeWidth, from.y + nodeHeight / 2];
  const [x2, y2] = [to.x, to.y + nodeHeight / 2];
  const bend = Math.max(38, Math.abs(x2 - x1) / 2);
  const flows = (edgeRate(edge, nodes) ?? 0) > 0;
  return <path class={`edge ${edge.kind}${flows ? ' flows' : ''}`} d={`M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`} />;
}

function NodeBox({ placed: { node, x, y } }: { readonly placed: PlacedNode }) {
  const one = node.unit === undefined ? undefined : liveFunction(node.unit).value;
  const trouble = one && troubleOf(one);
  const rate = nodeRate(node);
  const name = cut(node.label);
  const flow = rate === undefined ? node.kind : `${node.kind} · ${perSecond(rate)}`;
  const pods = one === undefined ? '' : podsText(one.pods.ready);
  const box = (
    <g class={`node ${node.kind} ${trouble ?? ''}`} transform={`translate(${x} ${y})`}>
      <title>{`${node.kind} ${node.unit ?? node.label}${node.topic === undefined ? '' : `, topic ${node.topic}`}${trouble === undefined ? '' : `, ${troubleText[trouble]}`}`}</title>
      <rect width={nodeWidth} height={nodeHeight} rx={node.kind === 'function' ? 10 : 27} />
      <text class="node-name" x="14" y="23">
        {name}
      </text>{' '}
      <text class="node-rate" x="14" y="41">
        {flow}
      </text>{' '}
      {one !== undefined && (
        <text class="node-pods" x={nodeWidth - 14} y="41" text-anchor="end">
          {pods}
        </text>
      )}
    </g>
  );
  if (node.unit === undefined) return box;
  // What is seen comes first: whoever steers by voice says that.
  const state = trouble === undefined ? 'not deployed' : troubleText[trouble];
  return (
    <a href={functionPath(node.unit)} aria-label={`${name} ${flow} ${pods}, ${node.unit}, ${state}`}>
      {box}
    </a>
  );
}

function Connections({ graph }: { readonly graph: GraphAnswer }) {
  const names = new Map(graph.nodes.map(node => [node.id, node]));
  return (
    <Panel title="Connections" wide>
      <Scroll label="All connections">
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">From</th>
              <th scope="col">How</th>
              <th scope="col">To</th>
              <th scope="col" class="number">
                Events
              </th>
            </tr>
          </thead>
          <tbody>
            {graph.edges.map(edge => (
              <tr key={`${edge.from} ${edge.to} ${edge.kind}`}>
                <td>
                  <NodeName node={names.get(edge.from)} />
                </td>
                <td class="dim">{edge.kind}</td>
                <td>
                  <NodeName node={names.get(edge.to)} />
                </td>
                <td class="number">
                  {edgeRate(edge, graph.nodes) === undefined ? <span class="dim">–</span> : perSecond(edgeRate(edge, graph.nodes))}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  );
}

function NodeName({ node }: { readonly node: Node | undefined }) {
  if (node === undefined) return null;
  return node.unit === undefined ? (
    <>
      {node.kind} {node.label}
    </>
  ) : (
    <a href={functionPath(node.unit)}>{node.unit}</a>
  );
}

function nodeRate(node: Node): number | undefined {
  if (node.unit !== undefined) return liveFunction(node.unit).value?.finishedRate;
  return node.topic === undefined ? undefined : topicRates.value[node.topic];
}

/** What flows along an edge: all that its stream gets, where it is about one stream; triggers and calls are not counted one by one. */
function edgeRate({ from, to, kind }: Edge, nodes: readonly Node[]): number | undefined {
  if (kind !== 'reads' && kind !== 'emits') return undefined;
  const node = nodes.find(one => one.id === (kind === 'reads' ? from : to));
  return node && nodeRate(node);
}

function cut(label: string): string {
  return label.length > 22 ? `${label.slice(0, 21)}…` : label;
}
