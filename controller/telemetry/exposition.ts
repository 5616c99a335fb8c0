import type { MetricRow } from './metrics.ts';

/** One time series. Counters and gauges use `value`; histograms keep the sum there. */
export interface Series {
  readonly labels: readonly (readonly [name: string, value: string])[];
  value: number;
  count: number;
  readonly bounds: readonly number[];
  /** Observations per bucket, not cumulative. */
  readonly counts: number[];
}

/** A metric family in Prometheus' text format 0.0.4. */
export function expositionOf(name: string, row: MetricRow, series: readonly Series[]): string {
  const head = `# HELP ${name} ${escapeHelp(row.help)}\n# TYPE ${name} ${row.kind}\n`;
  const lines = series.flatMap(one =>
    row.kind === 'histogram' ? histogramLines(name, one) : [`${name}${braces(one.labels)} ${one.value}`],
  );
  return `${head}${lines.map(line => `${line}\n`).join('')}\n`;
}

function histogramLines(name: string, { labels, bounds, counts, count, value }: Series): readonly string[] {
  let below = 0;
  const buckets = bounds.map((bound, index) => {
    below += counts[index] ?? 0;
    return `${name}_bucket${braces([...labels, ['le', String(bound)]])} ${below}`;
  });
  return [
    ...buckets,
    `${name}_bucket${braces([...labels, ['le', '+Inf']])} ${count}`,
    `${name}_sum${braces(labels)} ${value}`,
    `${name}_count${braces(labels)} ${count}`,
  ];
}

function braces(labels: Series['labels']): string {
  return labels.length === 0 ? '' : `{${labels.map(([name, value]) => `${name}="${escapeLabel(value)}"`).join(',')}}`;
}

function escapeHelp(text: string): string {
  return text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n');
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replace(/"/g, '\\"');
}
