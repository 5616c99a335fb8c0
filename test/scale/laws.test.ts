import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { decide } from '../../controller/scale/decide.ts';
import type { ScaleInputs, ScaleMemory } from '../../controller/scale/decision.ts';
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
    finishedRateCalm: figure(rate),
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
const past = fc.constantFrom(700_000, 900_000, 985_000, 996_000, 999_000);
const pods = fc.integer({ min: 1, max: 45 });
const waitMs = fc.constantFrom(300_000, 600_000, 3_600_000);
const later = fc.constantFrom(900_000, 1_100_000);
const remembered = fc.record(
  {
    recommended: fc.array(fc.tuple(fc.integer({ min: 600_000, max: 1_000_000 }), fc.nat(50)), { maxLength: 4 }),
    sinceMs: fc.constantFrom(0, 900_000),
    lower: fc.record({ sinceMs: fc.constantFrom(100_000, 990_000), pods: fc.nat(20), levelMs: fc.constantFrom(100_000, 990_000) }),
    step: fc.record({ atMs: past, from: pods, to: pods, finishedRate: rate }).map(one => ({ ...one, to: Math.max(one.from + 1, one.to) })),
    block: fc.record(
      { pods, untilMs: later, waitMs, sinceMs: past, finishedRate: rate, podRate: rate, isRisen: fc.constant(true as const) },
      { requiredKeys: ['pods', 'untilMs', 'waitMs'] },
    ),
    trial: fc.record(
      { sinceMs: past, atMs: past, from: pods, to: pods, finishedRate: rate, enough: pods },
      { requiredKeys: ['sinceMs', 'atMs', 'from', 'to', 'finishedRate'] },
    ),
    rest: fc.record({ untilMs: later, waitMs, podRate: rate }, { requiredKeys: ['untilMs', 'waitMs'] }),
    slowSinceMs: past,
  },
  { requiredKeys: ['recommended'] },
);
/** While fewer pods are tried no more of them are allowed. */
const onTrial = ({ block, trial, ...others }: ScaleMemory, to: number): ScaleMemory => {
  if (block === undefined || trial === undefined) return { ...others, ...(block && { block }) };
  const { isRisen, ...kept } = block;
  const more = (count: number) => Math.max(count, to + 1);
  const tried = { ...trial, from: more(trial.from), to, ...(trial.enough !== undefined && { enough: more(trial.enough) }) };
  return { ...others, block: { ...kept, pods: Math.min(block.pods, to), untilMs: 1_100_000 }, trial: tried };
};
const memory = remembered.map(one => onTrial(one, one.trial?.to ?? 1));
const loose: fc.Arbitrary<ScaleInputs> = fc.record({ observation, policy, replicas: fc.nat(45), memory });
const full = fc.record({
  perPod: fc.double({ min: 0, max: 120, noNaN: true }),
  ready: pods,
  laneRateBest: figure(fc.constantFrom(1, 10, 100)),
  before: fc.double({ min: 0.2, max: 1.5, noNaN: true }),
  waiting: fc.nat(100_000),
  arrivalRate: rate,
});
/** All pods are there and full, and one was seen to finish 100/s: most of what is remembered can be judged. */
const judged = fc.tuple(loose, full).map(([given, { perPod, ready, laneRateBest, before, waiting, arrivalRate }]): ScaleInputs => {
  const { stuckMs, usefulPods, ...seen } = given.observation;
  const { step, ...others } = onTrial(given.memory, ready);
  const finished = perPod * ready;
  const inFlight = ready * given.policy.concurrency;
  return {
    ...given,
    replicas: ready,
    memory: {
      ...others,
      ...(step && { step: { ...step, from: Math.max(1, Math.min(step.from, ready - 1)), to: ready, finishedRate: finished * before } }),
      ...(others.trial && { trial: { ...others.trial, finishedRate: finished * before } }),
    },
    observation: {
      ...{
        ...seen,
        finishedRate: known(finished),
        finishedRateCalm: known(finished),
        podRate: known(perPod + 1),
        podRateBest: known(100),
        laneRateBest,
      },
      ...{ inFlight, paused: false, startMs: known(3_000), arrivalRate: known(arrivalRate), backlogEvents: known(inFlight + waiting) },
      pods: { ready, starting: 0, draining: 0 },
    },
  };
});
const inputs = fc.oneof(loose, judged);

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
      const raised = decide({ ...given, observation: { ...given.observation, [name]: known(figure.value + more) } });
      // With more that waits it may be seen that something behind the pods gives no more.
      if (raised.reason === 'downstream') return;
      expect(raised.replicas).toBeGreaterThanOrEqual(decide(given).replicas);
    }),
    runs,
  );
});

test('pods are given back to no fewer than would finish as much, and come back where they did not', () => {
  fc.assert(
    fc.property(judged, given => {
      const { replicas, from, reason, verdict, memory } = decide(given);
      const { policy, observation } = given;
      switch (verdict?.kind) {
        case 'useless':
        case 'poor':
        case 'slow':
          expect(memory.block?.pods).toBe(verdict.tried);
          // What was blocked before is known to finish as much.
          if (reason === 'downstream' && ![replicas, verdict.tried].includes(given.memory.block?.pods ?? 0))
            expect([replicas * verdict.podRate >= verdict.now, memory.trial]).toEqual([
              true,
              expect.objectContaining({ from, to: replicas }),
            ]);
          return;
        case 'fell':
          expect(replicas).toBeGreaterThanOrEqual(Math.min(verdict.then, policy.max));
          expect(verdict.then).toBe(given.memory.trial?.enough ?? verdict.from);
          if (given.memory.trial?.enough !== undefined) expect([memory.trial, memory.block?.pods]).toEqual([undefined, verdict.then]);
          else
            expect([memory.trial, memory.block, (memory.rest?.untilMs ?? 0) > observation.steadyMs]).toEqual([undefined, undefined, true]);
          return;
        case 'kept':
          if (verdict.then === from) expect([memory.trial, memory.block?.pods]).toEqual([undefined, given.memory.block?.pods]);
          else expect([replicas, memory.trial]).toEqual([verdict.then, expect.objectContaining({ from, to: replicas, enough: from })]);
      }
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
