import type { GraphAnswer } from '../api/live-schema.ts';

export const nodeWidth = 184;
export const nodeHeight = 54;
const columnGap = 76;
const rowGap = 18;
const sweeps = 4;

export interface PlacedNode {
  readonly node: GraphAnswer['nodes'][number];
  readonly x: number;
  readonly y: number;
}

export interface Layout {
  readonly nodes: readonly PlacedNode[];
  readonly width: number;
  readonly height: number;
}

/**
 * Columns from left to right in the direction of events, few crossings. A node stands one column behind the last one that leads to it; an edge that
 * closes a circle is not counted. Sorted input gives the same picture each time.
 */
export function layOut({ nodes, edges }: GraphAnswer): Layout {
  const ids = nodes.map(node => node.id);
  const ranks = ranksOf(ids, edges);
  const columns: string[][] = [];
  for (const id of ids) {
    const rank = ranks.get(id) ?? 0;
    columns[rank] = [...(columns[rank] ?? []), id];
  }
  const ordered = untangle(
    Array.from(columns, column => column ?? []),
    edges,
  );
  const tallest = Math.max(1, ...ordered.map(column => column.length));
  const byId = new Map(nodes.map(node => [node.id, node]));
  const placed = ordered.flatMap((column, rank) =>
    column.flatMap((id, row): readonly PlacedNode[] => {
      const node = byId.get(id);
      const top = ((tallest - column.length) * (nodeHeight + rowGap)) / 2;
      return node === undefined ? [] : [{ node, x: rank * (nodeWidth + columnGap), y: top + row * (nodeHeight + rowGap) }];
    }),
  );
  return {
    nodes: placed,
    width: Math.max(1, ordered.length) * (nodeWidth + columnGap) - columnGap,
    height: tallest * (nodeHeight + rowGap) - rowGap,
  };
}

type Edges = GraphAnswer['edges'];

function ranksOf(ids: readonly string[], edges: Edges): ReadonlyMap<string, number> {
  const into = new Map<string, string[]>();
  for (const { from, to } of edges) into.set(to, [...(into.get(to) ?? []), from]);
  const ranks = new Map<string, number>();
  const underWay = new Set<string>();
  const rankOf = (id: string): number => {
    const known = ranks.get(id);
    if (known !== undefined) return known;
    if (underWay.has(id)) return -1;
    underWay.add(id);
    const rank = Math.max(-1, ...(into.get(id) ?? []).map(rankOf)) + 1;
    underWay.delete(id);
    ranks.set(id, rank);
    return rank;
  };
  for (const id of ids) rankOf(id);
  // What nothing leads to stands right before the first that it leads to.
  for (const id of ids) {
    const next = edges.filter(edge => edge.from === id).map(edge => ranks.get(edge.to) ?? 0);
    if (!into.has(id) && next.length > 0) ranks.set(id, Math.max(0, Math.min(...next) - 1));
  }
  return ranks;
}

/** Each node towards the middle of its neighbours in the column before, then after, a few times. */
function untangle(columns: readonly (readonly string[])[], edges: Edges): readonly (readonly string[])[] {
  let ordered = columns;
  for (let sweep = 0; sweep < sweeps; sweep += 1) {
    const isForth = sweep % 2 === 0;
    const place = new Map(ordered.flatMap(column => column.map((id, row) => [id, row - column.length / 2] as const)));
    ordered = ordered.map(column => {
      const middle = (id: string, row: number) => {
        const near = edges.flatMap(edge => (isForth && edge.to === id ? [edge.from] : !isForth && edge.from === id ? [edge.to] : []));
        return near.length === 0 ? row - column.length / 2 : near.reduce((sum, one) => sum + (place.get(one) ?? 0), 0) / near.length;
      };
      return column
        .map((id, row) => ({ id, row, at: middle(id, row) }))
        .sort((a, b) => a.at - b.at || a.row - b.row)
        .map(({ id }) => id);
    });
  }
  return ordered;
}
