import { parseArgs } from 'node:util';
import { type Comparison, compare, sloShare } from './compare.ts';
import { readTraces } from './trace.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    json: { type: 'boolean', default: false },
    /** Other seeds than those that the scaler's constants were chosen with: so much is added to each. */
    seed: { type: 'string', default: '0' },
  },
});
const folder = process.env.FAAS_TRACES ?? import.meta.url;
const made = readTraces(new URL('traces.json', folder));
/** Beside those that have to be reached. */
const recorded = readTraces(new URL('recorded.json', folder));
const comparisons: Comparison[] = [];
for (const { set, trace } of [made, recorded].flatMap(set => set.traces.map(trace => ({ set, trace })))) {
  if (values.only?.includes(trace.name) === false) continue;
  const comparison = compare(set, { ...trace, seed: trace.seed + Number(values.seed) });
  comparisons.push(comparison);
  if (!values.json) process.stdout.write(print(comparison));
}
if (values.json)
  process.stdout.write(
    `${JSON.stringify(
      comparisons.map(({ trace, rows }) => ({ trace: trace.name, rows })),
      null,
      2,
    )}\n`,
  );
if (!comparisons.every(one => isRecorded(one) || isReached(one))) process.exitCode = 1;

function isRecorded({ trace }: Pick<Comparison, 'trace'>): boolean {
  return trace.shape.kind === 'counted';
}

function print({ trace, rows, ours, tuned }: Comparison): string {
  const lines = rows.map(({ scaler, result }) =>
    [
      scaler.padEnd(52),
      `${(result.withinMaxAge * 100).toFixed(3)} %`.padStart(10),
      `${(result.p99AgeMs / 1_000).toFixed(1)} s`.padStart(9),
      result.podHours.toFixed(1).padStart(9),
      String(result.actions.length).padStart(7),
    ].join(' '),
  );
  const head = `${'scaler'.padEnd(52)} ${'in maxAge'.padStart(10)} ${'p99 age'.padStart(9)} ${'pod hours'.padStart(9)} actions`;
  const ratios = `pod hours ${(ours.podHours / tuned.podHours).toFixed(2)} of the tuned threshold's, actions ${(ours.actions.length / tuned.actions.length).toFixed(2)}`;
  const verdict = isRecorded({ trace }) ? ratios : `${ratios}: ${isReached({ ours, tuned }) ? 'reached' : 'NOT REACHED'}`;
  return `## ${trace.name}: ${trace.says}\n${head}\n${lines.join('\n')}\n${verdict}\n\n`;
}

/** What the scaler has to reach on each trace, untuned. */
function isReached({ ours, tuned }: Pick<Comparison, 'ours' | 'tuned'>): boolean {
  const isCheap = tuned.withinMaxAge < sloShare || ours.podHours <= tuned.podHours * 1.3;
  return ours.withinMaxAge >= sloShare && isCheap && ours.actions.length * 2 <= tuned.actions.length;
}
