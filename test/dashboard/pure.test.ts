import { build } from 'esbuild';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { GraphAnswer, LiveFunction } from '../../controller/api/live-schema.ts';
import { addressOf, functionPath } from '../../controller/dashboard/address.ts';
import { topOf } from '../../controller/dashboard/chart-top.ts';
import { count, perSecond, timeOfDay } from '../../controller/dashboard/figures.ts';
import { layOut } from '../../controller/dashboard/graph-layout.ts';
import { byTrouble, troubleOf } from '../../controller/dashboard/trouble.ts';

const calm: LiveFunction = {
  unit: 'shop.tax',
  context: 'shop',
  name: 'tax',
  revision: 'r1-00000000',
  triggers: [],
  pods: { ready: 1, starting: 0, draining: 0 },
  minPods: 0,
  maxPods: 5,
  maxAgeMs: 10_000,
  oldestAgeMs: 0,
  backlogEvents: 0,
  finishedRate: 0,
  conditions: [],
};
const condition = (type: string) => ({ conditions: [{ type, reason: 'x', message: 'y' }] });
const { backlogEvents: _, ...blind } = calm;

test.each<[string, LiveFunction, string]>([
  ['nothing to do, a pod is there', calm, 'quiet'],
  ['nothing to do, no pod', { ...calm, pods: { ready: 0, starting: 0, draining: 0 } }, 'idle'],
  ['work', { ...calm, backlogEvents: 3 }, 'busy'],
  ['at 60 % of its bound', { ...calm, oldestAgeMs: 6_000 }, 'quiet'],
  ['above 60 % of its bound', { ...calm, oldestAgeMs: 6_001 }, 'warning'],
  ['at its bound', { ...calm, oldestAgeMs: 10_000 }, 'warning'],
  ['above its bound', { ...calm, oldestAgeMs: 10_001 }, 'late'],
  ['a condition', { ...calm, ...condition('AtMax') }, 'warning'],
  ['a grave condition', { ...calm, ...condition('Failing') }, 'failing'],
  ['unknown figures', blind, 'unknown'],
])('%s is %s', (_name, one, trouble) => {
  expect(troubleOf(one)).toBe(trouble);
});

const line = (...values: readonly (number | null)[]) => ({ values });
const bound = (...values: readonly number[]) => ({ values, mayLeave: true });
test.each([
  ['nothing', [line()], 1],
  ['nothing known', [line(null, null)], 1],
  ['one line', [line(3, null, 20)], 23],
  ['a bound near the rest is in the picture', [line(20), bound(80)], 92],
  ['a bound far above leaves it', [line(20), bound(81)], 92],
  ['a bound alone', [line(0), bound(100)], 115],
])('the axis of %s', (_name, lines, top) => {
  expect(topOf(lines)).toBeCloseTo(top);
});

test('trouble comes first, then names; figures that move within a rank move no row', () => {
  const named = (name: string, change: Partial<LiveFunction> = {}) => ({ ...calm, unit: `shop.${name}`, name, ...change });
  const all = [named('b', { backlogEvents: 9 }), named('a'), named('z', { oldestAgeMs: 99_999 }), named('c', condition('AtMax'))];
  expect(byTrouble(all).map(one => one.name)).toEqual(['z', 'c', 'a', 'b']);
});

test.each([
  [undefined, '?'],
  [0, '0'],
  [0.4, '0.4'],
  [12.34, '12.3'],
  [999.6, '1000'],
  [9_999, '9999'],
  [10_000, '10k'],
  [12_345, '12.3k'],
  [2_500_000, '2.5M'],
])('%s is written %s', (value, text) => {
  expect(count(value)).toBe(text);
  expect(perSecond(value)).toBe(value === undefined ? '?' : `${text}/s`);
});

test('a time of today has no date, another one has', () => {
  const at = Date.parse('2026-03-04T05:06:07Z');
  expect(timeOfDay(at, 'utc', '2026-03-04')).toBe('05:06:07 UTC');
  expect(timeOfDay(at, 'utc', '2026-03-05')).toBe('2026-03-04 05:06:07 UTC');
});

test('the address of a function leads back to it, whatever its name', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), name => {
      expect(addressOf(functionPath(`shop.${name}`))).toEqual({ view: 'function', context: 'shop', name });
    }),
  );
});

test.each([
  ['/', 'overview'],
  ['/graph', 'graph'],
  ['/graph/more', 'nowhere'],
  ['/functions/shop', 'nowhere'],
  ['/functions/%/x', 'function'],
])('%s is the view %s', (path, view) => {
  expect(addressOf(path).view).toBe(view);
});

const graphs: fc.Arbitrary<GraphAnswer> = fc.integer({ min: 1, max: 12 }).chain(size => {
  const id = fc.integer({ min: 0, max: size - 1 }).map(index => `n${index}`);
  const edges = fc.array(fc.record({ from: id, to: id, kind: fc.constant('emits' as const) }), { maxLength: 30 });
  const nodes = Array.from({ length: size }, (_unused, index) => ({ id: `n${index}`, kind: 'stream' as const, label: 'x', context: 'c' }));
  return edges.map(some => ({ nodes, edges: some }));
});

test('every node of a graph has a place of its own within the picture, circles or not', () => {
  fc.assert(
    fc.property(graphs, graph => {
      const { nodes, width, height } = layOut(graph);
      expect(nodes.length).toBe(graph.nodes.length);
      expect(new Set(nodes.map(({ x, y }) => `${x} ${y}`)).size).toBe(nodes.length);
      for (const { x, y } of nodes) expect(x >= 0 && x < width && y >= 0 && y < height).toBe(true);
    }),
  );
});

test('the bundle holds its own files, the contract, and its UI libraries', async () => {
  const options = { bundle: true, write: false, metafile: true, jsx: 'automatic', jsxImportSource: 'preact', outdir: 'out' } as const;
  const { metafile } = await build({ ...options, entryPoints: ['controller/dashboard/main.tsx'], logLevel: 'silent' });
  const own = /^controller\/(dashboard\/|api\/(contract|paths|figure-text|[a-z]+-schema)\.ts$)/;
  const libraries = /^node_modules\/(preact|@preact\/signals|@preact\/signals-core|uplot)\//;
  expect(Object.keys(metafile.inputs).filter(file => !own.test(file) && !libraries.test(file))).toEqual([]);
});
