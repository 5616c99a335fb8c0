import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { decide } from '../../controller/scale/decide.ts';
import type { ScaleInputs } from '../../controller/scale/decision.ts';
import { explain } from '../../controller/scale/explain.ts';
import { type Figure, known, unknown } from '../../controller/scale/figure.ts';

const rate = fc.double({ min: 0, max: 5_000, noNaN: true });
const figure = (value: fc.Arbitrary<number>): fc.Arbitrary<Figure> =>
  fc.oneof(
    { weight: 8, arbitrary: value.map(known) },
    { weight: 1, arbitrary: value.map(one => ({ state: 'stale' as const, value: one, ageMs: 20_000 })) },
    { weight: 1, arbitrary: fc.constant(unknown) },
  );
const observation = fc.record(
  {
    atMs: fc.constant(1_000_000),
    steadyMs: fc.constant(1_000_000),
    backlogEvents: figure(fc.nat(100_000)),
    oldestAgeMs: figure(fc.nat(120_000)),
    arrivalRate: figure(rate),
    arrivalRateSlow: figure(rate),
    arrivalRateCalm: figure(rate),
    arrivalTrend: fc.double({ min: -20, max: 20, noNaN: true }),
    finishedRate: figure(rate),
    podRate: figure(fc.double({ min: 0.1, max: 1_000, noNaN: true })),
    podRateBest: figure(fc.double({ min: 0.1, max: 1_000, noNaN: true })),
    laneRate: figure(fc.double({ min: 0.1, max: 100, noNaN: true })),
    startMs: figure(fc.nat(60_000)),
    inFlight: fc.nat(500),
    openCalls: fc.constantFrom(0, 0, 0, 5, 60),
    askedPods: fc.constantFrom(0, 0, 0, 1, 7),
    pods: fc.record({ ready: fc.nat(40), starting: fc.nat(5), draining: fc.nat(3) }),
    idleMs: fc.nat(600_000),
    stuckMs: fc.integer({ min: 60_000, max: 600_000 }),
    paused: fc.boolean(),
    usefulPods: fc.integer({ min: 1, max: 60 }),
    partitions: fc.array(fc.tuple(rate, fc.nat(10_000)), { maxLength: 12 }),
  },
  { requiredKeys: [...required()] },
);
function required() {
  return [
    'atMs',
    'steadyMs',
    'backlogEvents',
    'oldestAgeMs',
    'arrivalRate',
    'arrivalRateSlow',
    'arrivalRateCalm',
    'arrivalTrend',
    'finishedRate',
    'podRate',
    'podRateBest',
    'laneRate',
    'startMs',
    'inFlight',
    'openCalls',
    'askedPods',
    'pods',
    'paused',
  ] as const;
}
const policy = fc
  .record({
    maxAgeMs: fc.integer({ min: 100, max: 300_000 }),
    min: fc.nat(5),
    spread: fc.nat(40),
    boundsFrom: fc.constant('manifest' as const),
    prefer: fc.constantFrom('cost' as const, 'balanced' as const, 'latency' as const),
    concurrency: fc.integer({ min: 1, max: 64 }),
    order: fc.constantFrom('partition' as const, 'key' as const),
    keepMs: fc.nat(300_000),
  })
  .map(({ spread, ...rest }) => ({ ...rest, max: Math.max(1, rest.min + spread) }));
const memory = fc.record(
  {
    recommended: fc.array(fc.tuple(fc.integer({ min: 600_000, max: 1_000_000 }), fc.nat(50)), { maxLength: 4 }),
    sinceMs: fc.constantFrom(0, 900_000),
    lower: fc.record({ sinceMs: fc.constantFrom(100_000, 990_000), pods: fc.nat(20), levelMs: fc.constantFrom(100_000, 990_000) }),
    block: fc.record({ pods: fc.integer({ min: 1, max: 20 }), untilMs: fc.constantFrom(900_000, 1_100_000), waitMs: fc.constant(300_000) }),
  },
  { requiredKeys: ['recommended'] },
);
const inputs: fc.Arbitrary<ScaleInputs> = fc.record({ observation, policy, replicas: fc.nat(45), memory });

vi.setConfig({ testTimeout: 120_000 });
const runs = { numRuns: 10_000 };
/** While a lower number is waited for, a still lower one begins its wait anew: of two loads the smaller may then keep its pods for longer. */
const calm = inputs.map(({ observation: { stuckMs, ...seen }, memory: { lower, ...memory }, ...rest }): ScaleInputs => {
  return { ...rest, observation: { ...seen, paused: false }, memory };
});

test('never above the maximum, never below the minimum', () => {
  fc.assert(
    fc.property(inputs, given => {
      const { replicas } = decide(given);
      expect(replicas).toBeLessThanOrEqual(given.policy.max);
      expect(replicas).toBeGreaterThanOrEqual(given.policy.min);
    }),
    runs,
  );
});

test('a step up is never above what partitions leave useful, calls and the minimum aside', () => {
  fc.assert(
    fc.property(inputs, given => {
      const { replicas, from } = decide(given);
      const { usefulPods, openCalls } = given.observation;
      if (usefulPods !== undefined && openCalls === 0 && replicas > from)
        expect(replicas).toBeLessThanOrEqual(Math.max(usefulPods, given.policy.min, 1));
    }),
    runs,
  );
});

test('never to zero with work, or without knowing that there is none', () => {
  fc.assert(
    fc.property(inputs, given => {
      const { replicas, from } = decide(given);
      if (replicas > 0 || from === 0) return;
      const { backlogEvents, inFlight, openCalls, idleMs } = given.observation;
      expect([backlogEvents, inFlight, openCalls]).toEqual([known(0), 0, 0]);
      expect(idleMs).toBeGreaterThanOrEqual(given.policy.keepMs);
    }),
    runs,
  );
});

test('a missing or stale figure takes no pod away', () => {
  const blind = fc.constantFrom('backlogEvents' as const, 'arrivalRate' as const);
  fc.assert(
    fc.property(inputs, blind, (given, name) => {
      const { idleMs, ...seen } = given.observation;
      const stale = { state: 'stale' as const, value: 0, ageMs: 30_000 };
      const { replicas } = decide({ ...given, observation: { ...seen, [name]: stale } });
      expect(replicas).toBeGreaterThanOrEqual(Math.min(given.replicas, given.policy.max));
    }),
    runs,
  );
});

test.each(['backlogEvents', 'arrivalRate'] as const)('monotone in %s', name => {
  fc.assert(
    fc.property(calm, fc.nat(20_000), (given, more) => {
      const figure = given.observation[name];
      if (figure.state !== 'known') return;
      const raised = { ...given, observation: { ...given.observation, [name]: known(figure.value + more) } };
      expect(decide(raised).replicas).toBeGreaterThanOrEqual(decide(given).replicas);
    }),
    runs,
  );
});

test('the same inputs give the same decision, also after they were stored; explain computes the same number', () => {
  fc.assert(
    fc.property(inputs, given => {
      const stored: ScaleInputs = JSON.parse(JSON.stringify(given));
      const { decision, arithmetic } = explain(stored);
      const same = decide(given).replicas === decision.replicas;
      const says = decision.sizing === undefined || arithmetic.at(-1)?.includes(`-> ${decision.replicas} pod`);
      if (!same || says !== true) expect(arithmetic).toBe(decide(given).replicas);
    }),
    runs,
  );
});
