import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { decide } from '../../controller/scale/decide.ts';
import type { ScaleDecision, ScaleInputs } from '../../controller/scale/decision.ts';
import { explain } from '../../controller/scale/explain.ts';
import type { UnitSample } from '../../controller/scale/observe.ts';
import type { ScalePolicy } from '../../controller/scale/policy.ts';
import { UnitScaling } from '../../controller/scale/unit-scaling.ts';
import { policyForTest } from './policy.ts';

vi.setConfig({ testTimeout: 300_000 });

const second = fc.record({
  arrivals: fc.tuple(fc.nat(80), fc.oneof(fc.constant(0), fc.nat(80))),
  /** The part of what the pods could do. */
  effort: fc.constantFrom(0, 0.5, 1, 1),
  afterMs: fc.constantFrom(1_000, 1_000, 14_000),
  rare: fc.constantFrom('', '', '', '', '', '', 'unread', 'no arrivals', 'calls', 'paused', 'late', 'asked'),
});
type Second = typeof second extends fc.Arbitrary<infer Value> ? Value : never;

const policy = fc.record({
  min: fc.nat(2),
  max: fc.integer({ min: 2, max: 12 }),
  concurrency: fc.integer({ min: 1, max: 4 }),
  order: fc.constantFrom('key' as const, 'partition' as const),
  prefer: fc.constantFrom('cost' as const, 'balanced' as const, 'latency' as const),
  keepMs: fc.constantFrom(5_000, 60_000),
});

const eventsPerLane = 10;
/** What is behind the pods gives so many events a second at most. */
const capRate = fc.constantFrom(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 8, 30);

/** Two partitions, pods that are there a second after they were wished for, what is behind them, and what each second brings. */
class World {
  readonly scaling = new UnitScaling();
  readonly ends = [0, 0];
  readonly done = [0, 0];
  replicas: number;
  ready: number;
  #atMs = 0;
  #busyMs = 0;
  readonly #capRate: number;

  constructor(replicas: number, capRate: number) {
    this.#capRate = capRate;
    this.replicas = replicas;
    this.ready = replicas;
  }

  tick(given: Second, policy: ScalePolicy): ScaleDecision {
    const { rare, afterMs } = given;
    this.#atMs += afterMs;
    if (rare !== 'late') this.ready = this.replicas;
    this.#move(given, policy);
    const backlog = this.ends.reduce((sum, end, index) => sum + end - (this.done[index] ?? 0), 0);
    const sample: UnitSample = {
      ...{ atMs: this.#atMs, steadyMs: this.#atMs, busyMsTotal: this.#busyMs, callsTotal: 0, replicas: this.replicas },
      partitions:
        rare === 'unread'
          ? undefined
          : this.ends.map((endOffset, index) => ({ name: `t.${index}`, endOffset, frontier: this.done[index] ?? 0, doneAbove: 0 })),
      inFlight: Math.min(backlog, this.ready * policy.concurrency),
      isFull: backlog > this.ready * policy.concurrency,
      usefulPods: backlog > 0 && policy.order === 'key' ? Math.ceil(backlog / policy.concurrency) : undefined,
      openCalls: rare === 'calls' ? 7 : 0,
      askedPods: rare === 'asked' || (this.replicas === 0 && backlog > 0) ? 1 : 0,
      pods: { ready: this.ready, starting: this.replicas - this.ready, draining: 0 },
      paused: rare === 'paused',
    };
    const decision = this.scaling.tick(sample, policy, 60_000);
    this.replicas = decision.replicas;
    this.ready = Math.min(this.ready, this.replicas);
    return decision;
  }

  #move({ arrivals, effort, afterMs, rare }: Second, { concurrency }: ScalePolicy): void {
    const rate = Math.min(this.ready * concurrency * eventsPerLane * effort, this.#capRate);
    const able = Math.floor((rate * afterMs) / 1_000 / this.ends.length);
    arrivals.forEach((count, index) => {
      const [end, done] = [(this.ends[index] ?? 0) + (rare === 'no arrivals' ? 0 : count), this.done[index] ?? 0];
      this.ends[index] = end;
      this.done[index] = Math.min(end, done + able);
      this.#busyMs += (Math.min(end, done + able) - done) * (1_000 / eventsPerLane);
    });
  }
}

test('over 10 000 random traces: within its bounds, no step above what is useful, not to zero with work, recomputed to the same number', () => {
  fc.assert(
    fc.property(policy, capRate, fc.array(second, { minLength: 1, maxLength: 50, size: 'max' }), (bounds, cap, seconds) => {
      const rules: ScalePolicy = { ...policyForTest, ...bounds };
      const world = new World(bounds.min, cap);
      for (const given of seconds) {
        const decision = world.tick(given, rules);
        const broken = brokenLaw(decision, world.scaling.latest);
        if (broken !== undefined) expect({ broken, inputs: world.scaling.latest }).toBeUndefined();
      }
    }),
    { numRuns: 10_000 },
  );
});

function brokenLaw({ replicas, from }: ScaleDecision, inputs: ScaleInputs | undefined): string | undefined {
  if (inputs === undefined) return 'a decision without inputs';
  const { observation, policy } = inputs;
  const { backlogEvents, inFlight, openCalls, usefulPods } = observation;
  if (replicas > policy.max) return 'above the maximum';
  if (replicas < policy.min) return 'below the minimum';
  if (usefulPods !== undefined && openCalls === 0 && replicas > Math.max(from, usefulPods, policy.min, 1)) return 'more than useful';
  const isEmpty = backlogEvents.state === 'known' && backlogEvents.value === 0 && inFlight === 0 && openCalls === 0;
  if (from > 0 && replicas === 0 && !isEmpty) return 'to zero with work';
  const stored: ScaleInputs = JSON.parse(JSON.stringify(inputs));
  if (decide(inputs).replicas !== replicas) return 'another decision from the same inputs';
  const { decision, arithmetic } = explain(stored);
  const says = decision.sizing === undefined || arithmetic.at(-1)?.includes(`-> ${replicas} pod`);
  return decision.replicas === replicas && says === true ? undefined : 'another number when it is explained';
}
