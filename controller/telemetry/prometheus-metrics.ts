import prometheus from 'prom-client';
import { expositionOf, type Series } from './exposition.ts';
import { type MetricName, type MetricRow, type Metrics, metricTable } from './metrics.ts';

export interface PrometheusMetrics extends Metrics {
  /** Prometheus text format 0.0.4: the table's metrics, then those of the process. */
  expose(): Promise<string>;
  readonly contentType: string;
}

/** Series per metric, at most: labels are bounded by what is deployed, so more than this is a mistake that must not eat the memory. */
const seriesMax = 10_000;

/**
 * Metrics of the table, kept by ourselves: a few are counted for every event, where prom-client's hashing of labels costs half a
 * microsecond each. prom-client knows the process, and checks our text in the tests.
 */
export function createMetrics(options: { readonly process: boolean } = { process: true }): PrometheusMetrics {
  const families = new Map(metricNames.map(name => [name, new Family(metricTable[name])]));
  const processMetrics = options.process ? collectProcess() : undefined;
  const seriesOf = (name: MetricName, labels: Readonly<Record<string, string>>) => families.get(name)?.series(labels);
  return {
    count(name, labels, by = 1) {
      const series = seriesOf(name, labels);
      if (series !== undefined && by > 0) series.value += by;
    },
    set(name, labels, value) {
      const series = seriesOf(name, labels);
      if (series !== undefined && Number.isFinite(value)) series.value = value;
    },
    observe(name, labels, value) {
      const series = seriesOf(name, labels);
      if (series !== undefined && Number.isFinite(value)) observe(series, value);
    },
    observeAll(name, labels, values) {
      const series = seriesOf(name, labels);
      if (series === undefined) return;
      for (const value of values) if (Number.isFinite(value)) observe(series, value);
    },
    forget(unit) {
      for (const family of families.values()) family.forget(unit);
    },
    contentType: 'text/plain; version=0.0.4; charset=utf-8',
    async expose() {
      const ours = metricNames.map(name => expositionOf(name, metricTable[name], families.get(name)?.all() ?? []));
      return `${ours.join('')}${(await processMetrics?.metrics()) ?? ''}`;
    },
  };
}

const metricNames = Object.keys(metricTable).filter((name): name is MetricName => Object.hasOwn(metricTable, name));

class Family {
  readonly #row: MetricRow;
  readonly #series = new Map<string, Series>();

  constructor(row: MetricRow) {
    this.#row = row;
    if (row.labels.length === 0) this.series({});
  }

  /** Undefined: there are too many already. */
  series(labels: Readonly<Record<string, string>>): Series | undefined {
    const key = this.#keyOf(labels);
    const known = this.#series.get(key);
    if (known !== undefined || this.#series.size >= seriesMax) return known;
    const { labels: names, buckets = [] } = this.#row;
    const created: Series = {
      labels: names.map(name => [name, labels[name] ?? '']),
      value: 0,
      count: 0,
      bounds: buckets,
      counts: buckets.map(() => 0),
    };
    this.#series.set(key, created);
    return created;
  }

  all(): readonly Series[] {
    return [...this.#series.values()];
  }

  forget(unit: string): void {
    for (const [key, series] of this.#series) {
      if (series.labels.some(([name, value]) => name === 'unit' && value === unit)) this.#series.delete(key);
    }
  }

  #keyOf(labels: Readonly<Record<string, string>>): string {
    const [first, second, ...others] = this.#row.labels;
    if (first === undefined) return '';
    if (second === undefined) return labels[first] ?? '';
    const key = `${labels[first]}\n${labels[second]}`;
    return others.length === 0 ? key : [key, ...others.map(name => labels[name])].join('\n');
  }
}

/** `counts[i]` holds what fell into bucket i alone; the exposition sums them up. */
function observe(series: Series, value: number): void {
  series.value += value;
  series.count += 1;
  const { bounds, counts } = series;
  for (let i = 0; i < bounds.length; i += 1) {
    if (value <= (bounds[i] ?? 0)) {
      counts[i] = (counts[i] ?? 0) + 1;
      return;
    }
  }
}

/** Gauges that prom-client calls `_total`, which the naming rules keep for counters. */
const misnamed = ['nodejs_active_resources_total', 'nodejs_active_handles_total', 'nodejs_active_requests_total'];

function collectProcess(): prometheus.Registry {
  const register = new prometheus.Registry();
  prometheus.collectDefaultMetrics({ register });
  for (const name of misnamed) register.removeSingleMetric(name);
  return register;
}
