import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { UnitSample } from '../../controller/scale/observe.ts';
import { UnitScaling } from '../../controller/scale/unit-scaling.ts';
import { policyForTest } from './policy.ts';

const malformed = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, -1e12);

/** 420 events a second on five pods that finish 100 each, at second `second`. */
function sampleAt(second: number, change: Partial<UnitSample> = {}): UnitSample {
  return {
    atMs: second * 1_000,
    steadyMs: second * 1_000,
    partitions: [{ name: 'orders.0', endOffset: second * 420, frontier: second * 420 - 40, doneAbove: 0 }],
    busyMsTotal: second * 42_000,
    inFlight: 40,
    isFull: false,
    usefulPods: undefined,
    openCalls: 0,
    callsTotal: 0,
    askedPods: 0,
    pods: { ready: 5, starting: 0, draining: 0 },
    replicas: 5,
    paused: false,
    ...change,
  };
}

test('a malformed metric never changes the number of pods, neither while it comes nor when it is over', () => {
  const field = fc.constantFrom('endOffset', 'frontier', 'doneAbove', 'busyMsTotal');
  fc.assert(
    fc.property(field, malformed, fc.integer({ min: 1, max: 5 }), (name, value, ticks) => {
      const scaling = new UnitScaling();
      for (let second = 1; second < 700; second += 1) {
        const sample = sampleAt(second);
        const isBad = second >= 600 && second < 600 + ticks;
        const [partition] = sample.partitions ?? [];
        const bad = name === 'busyMsTotal' ? { busyMsTotal: value } : { partitions: [{ ...partition, [name]: value }] };
        const decision = scaling.tick(isBad ? Object.assign(sample, bad) : sample, policyForTest, 60_000);
        if (second >= 400) expect(decision.replicas, `${name} = ${value} at ${second}`).toBe(5);
      }
    }),
    { numRuns: 100, seed: 1 },
  );
});
