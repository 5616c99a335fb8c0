import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import prometheus from 'prom-client';
import { expect, test } from 'vitest';
import { type MetricRow, metricTable } from '../../controller/telemetry/metrics.ts';
import { createMetrics } from '../../controller/telemetry/prometheus-metrics.ts';

const table: readonly (readonly [string, MetricRow])[] = Object.entries(metricTable);

const linesOf = (text: string, name: string) =>
  text.split('\n').filter(line => line.startsWith(name) || line.startsWith(`# TYPE ${name} `));

test('each metric of the table is exposed with its help and type, and those without labels begin at zero', async () => {
  const text = await createMetrics({ process: false }).expose();
  expect(text.match(/^# TYPE .*$/gm)).toStrictEqual(table.map(([name, row]) => `# TYPE ${name} ${row.kind}`));
  expect(linesOf(text, 'faas_history_dropped_total')).toStrictEqual([
    '# TYPE faas_history_dropped_total counter',
    'faas_history_dropped_total 0',
  ]);
});

test('a histogram counts an observation in the first bucket that holds it and in all above', async () => {
  const metrics = createMetrics({ process: false });
  for (const value of [1, 2, 2.5, 1001]) metrics.observe('faas_batch_events', { unit: 'shop.tax' }, value);
  expect(linesOf(await metrics.expose(), 'faas_batch_events').slice(1)).toStrictEqual([
    'faas_batch_events_bucket{unit="shop.tax",le="1"} 1',
    'faas_batch_events_bucket{unit="shop.tax",le="2"} 2',
    'faas_batch_events_bucket{unit="shop.tax",le="5"} 3',
    'faas_batch_events_bucket{unit="shop.tax",le="10"} 3',
    'faas_batch_events_bucket{unit="shop.tax",le="20"} 3',
    'faas_batch_events_bucket{unit="shop.tax",le="50"} 3',
    'faas_batch_events_bucket{unit="shop.tax",le="100"} 3',
    'faas_batch_events_bucket{unit="shop.tax",le="200"} 3',
    'faas_batch_events_bucket{unit="shop.tax",le="500"} 3',
    'faas_batch_events_bucket{unit="shop.tax",le="1000"} 3',
    'faas_batch_events_bucket{unit="shop.tax",le="+Inf"} 4',
    'faas_batch_events_sum{unit="shop.tax"} 1006.5',
    'faas_batch_events_count{unit="shop.tax"} 4',
  ]);
});

test('a function that is gone leaves no series behind', async () => {
  const metrics = createMetrics({ process: false });
  for (const unit of ['shop.tax', 'shop.totals']) metrics.count('faas_events_total', { unit, outcome: 'ok' }, 2);
  metrics.observe('faas_handler_seconds', { unit: 'shop.tax' }, 1);
  metrics.forget('shop.tax');
  const text = await metrics.expose();
  expect(text).not.toContain('shop.tax');
  expect(linesOf(text, 'faas_events_total')).toContain('faas_events_total{unit="shop.totals",outcome="ok"} 2');
});

test('the number of series of one metric is bounded', async () => {
  const metrics = createMetrics({ process: false });
  for (let i = 0; i < 10_050; i += 1) metrics.count('faas_emits_total', { unit: `u${i}` });
  expect(linesOf(await metrics.expose(), 'faas_emits_total{')).toHaveLength(10_000);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, -1])(
  'a counter never takes %s, nor a gauge or a histogram what is no finite number',
  async value => {
    const metrics = createMetrics({ process: false });
    if (value !== Number.POSITIVE_INFINITY) metrics.count('faas_history_dropped_total', {}, value);
    if (value !== -1) metrics.set('faas_lag_events', { unit: 'a' }, value);
    if (value !== -1) metrics.observe('faas_handler_seconds', { unit: 'a' }, value);
    expect(await metrics.expose()).toMatch(/^faas_history_dropped_total 0$/m);
    expect(await metrics.expose()).not.toMatch(/NaN|Infinity|} -1/);
  },
);

test('law: the text is what prom-client writes for the same observations', async () => {
  const observation = fc.record({ unit: fc.string(), outcome: fc.string(), value: fc.double({ min: 0, max: 100, noNaN: true }) });
  await fc.assert(
    fc.asyncProperty(fc.array(observation, { maxLength: 30 }), async observations => {
      const ours = createMetrics({ process: false });
      const register = new prometheus.Registry();
      const theirs = oracle(register);
      for (const { unit, outcome, value } of observations) {
        ours.count('faas_events_total', { unit, outcome }, value);
        theirs.counter.inc({ unit, outcome }, value);
        ours.set('faas_lag_events', { unit }, value);
        theirs.gauge.set({ unit }, value);
        ours.observe('faas_commit_seconds', { unit }, value);
        theirs.histogram.observe({ unit }, value);
      }
      const text = await ours.expose();
      for (const name of ['faas_events_total', 'faas_lag_events', 'faas_commit_seconds']) {
        expect(linesOf(text, name).map(sortLabels).sort()).toStrictEqual(
          linesOf(await register.metrics(), name)
            .map(sortLabels)
            .sort(),
        );
      }
    }),
    { numRuns: 50 },
  );
});

function oracle(register: prometheus.Registry) {
  const { faas_commit_seconds: commit } = metricTable;
  return {
    counter: new prometheus.Counter({ name: 'faas_events_total', help: 'x', labelNames: ['unit', 'outcome'], registers: [register] }),
    gauge: new prometheus.Gauge({ name: 'faas_lag_events', help: 'x', labelNames: ['unit'], registers: [register] }),
    histogram: new prometheus.Histogram({
      name: 'faas_commit_seconds',
      help: 'x',
      labelNames: ['unit'],
      buckets: [...commit.buckets],
      registers: [register],
    }),
  };
}

/** The order of labels within braces has no meaning: prom-client writes `le` first. */
function sortLabels(line: string): string {
  const match = /^([a-z_]+)\{le="([^"]*)",(.*)\} (\S+)$/.exec(line);
  return match === null ? line : `${match[1]}{${match[3]},le="${match[2]}"} ${match[4]}`;
}

/** What is counted; 0 or 1 where it is a question of yes or no. */
const units = ['seconds', 'bytes', 'events', 'pods', 'total', 'leads', 'leader'];

test.each(table)('%s keeps the naming rules', (name, row) => {
  expect(name).toMatch(/^faas_[a-z]+(_[a-z]+)*$/);
  expect(name.endsWith('_total')).toBe(row.kind === 'counter');
  expect(name).not.toMatch(/_(milliseconds|ms|kb|mb|minutes|hours|count|sum|bucket|info)(_|$)/);
  expect(name.split('_').some(word => units.includes(word) || name === 'faas_events_waiting')).toBe(true);
  expect(row.help).toMatch(/^[A-Z].*\.$/);
  expect(row.labels).not.toContain('le');
  expect(new Set(row.labels).size).toBe(row.labels.length);
  if (row.kind === 'histogram') expect(row.buckets).toStrictEqual([...(row.buckets ?? [])].sort((a, b) => a - b));
  expect(row.buckets !== undefined).toBe(row.kind === 'histogram');
});

const promtool = spawnSync('promtool', ['--version']).error === undefined;
if (!promtool) process.stdout.write('skipped: promtool is not installed (Debian package prometheus)\n');

test.skipIf(!promtool && process.env.CI === undefined)('promtool finds nothing wrong with what /metrics shows', async () => {
  const metrics = createMetrics();
  metrics.count('faas_events_total', { unit: 'shop.tax', outcome: 'ok' });
  metrics.observe('faas_handler_seconds', { unit: 'shop.tax' }, 0.01);
  metrics.set('faas_pods', { unit: '', state: 'ready' }, 1);
  const result = spawnSync('promtool', ['check', 'metrics'], { input: await metrics.expose(), encoding: 'utf8' });
  expect(`${result.stdout}${result.stderr}`).toBe('');
  expect(result.status).toBe(0);
});
