import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FleetPod } from '../controller/fleet/plan-fleet.ts';
import { Gauges } from '../controller/gauges.ts';
import { type Metrics, noMetrics } from '../controller/telemetry/metrics.ts';
import { partitionReport, unitReport } from './support/unit-report.ts';

class Recorded {
  readonly values = new Map<string, number>();
  writes = 0;
  readonly metrics: Metrics = {
    ...noMetrics,
    set: (name, labels, value) => {
      this.writes += 1;
      this.values.set([name, ...Object.values(labels)].join(' '), value);
    },
  };
}

const idle = unitReport('shop.idle', { partitions: [partitionReport('orders', 0, { endOffset: 0 })] });
const pod: FleetPod = {
  id: 'p',
  phase: 'ready',
  unit: 'shop.idle',
  revision: 'r1-00000000',
  eventsInFlight: 0,
  startedAtMs: 0,
  memoryBytes: 0,
};

test('a function of which nothing has changed is written once', () => {
  const recorded = new Recorded();
  const gauges = new Gauges(recorded.metrics);
  gauges.write([idle], [], 0);
  const { writes } = recorded;
  gauges.write([idle], [], 1_000);
  expect([recorded.writes, recorded.values.get('faas_lag_events shop.idle')]).toEqual([writes, 0]);
});

test('what waits grows older', () => {
  const recorded = new Recorded();
  const gauges = new Gauges(recorded.metrics);
  const waiting = unitReport('shop.idle', { partitions: [partitionReport('orders', 0, { oldestAppendedAtMs: 1_000 })] });
  for (const nowMs of [2_000, 5_000]) gauges.write([waiting], [], nowMs);
  expect(recorded.values.get('faas_oldest_event_age_seconds shop.idle')).toBe(4);
});

test('whatever changes, what is written last is what one that writes all each time writes', () => {
  const reports = [
    idle,
    { ...idle, waiting: 2 },
    unitReport('shop.idle', { partitions: [partitionReport('orders', 0, { oldestAppendedAtMs: 1 })] }),
  ];
  const step = fc.record({
    reports: fc.option(fc.constantFrom(...reports)).map(report => (report === null ? [] : [report])),
    pods: fc.subarray<FleetPod>([pod, { ...pod, phase: 'draining' }, { ...pod, unit: undefined }]),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 8 }), steps => {
      const kept = new Recorded();
      const gauges = new Gauges(kept.metrics);
      steps.forEach(({ reports, pods }, index) => {
        gauges.write(reports, pods, 1_000 * index);
        const fresh = new Recorded();
        new Gauges(fresh.metrics).write(reports, pods, 1_000 * index);
        for (const [name, value] of fresh.values) expect([name, kept.values.get(name)]).toEqual([name, value]);
        const podsNow = pods.filter(({ unit }) => unit === 'shop.idle').length;
        const states = ['starting', 'generic', 'loading', 'ready', 'draining'];
        expect(states.reduce((sum, state) => sum + (kept.values.get(`faas_pods shop.idle ${state}`) ?? 0), 0)).toBe(podsNow);
      });
    }),
  );
});
