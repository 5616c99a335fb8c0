import { decide } from './decide.ts';
import { emptyMemory, type ScaleDecision, type ScaleInputs, type ScaleMemory } from './decision.ts';
import { unknown } from './figure.ts';
import type { ScaleObservation } from './observation.ts';
import { UnitObserver, type UnitSample } from './observe.ts';
import type { PartitionRow } from './partition-rows.ts';
import type { ScalePolicy } from './policy.ts';

/** Observing and deciding for one function, tick after tick. */
export class UnitScaling {
  readonly #observer = new UnitObserver();
  #memory: ScaleMemory = emptyMemory;
  #latest: ScaleInputs | undefined;

  /** What the last decision rested on. */
  get latest(): ScaleInputs | undefined {
    return this.#latest;
  }

  tick(sample: UnitSample, policy: ScalePolicy, stuckAfterMs: number): ScaleDecision {
    return this.#decide(this.#observer.observe(sample, policy, stuckAfterMs), policy, sample.replicas);
  }

  /** Between two ticks: the data plane asks for pods, and all else is as it was seen last. */
  ask(asked: Pick<UnitSample, 'atMs' | 'steadyMs' | 'openCalls' | 'askedPods' | 'replicas' | 'pods'>, policy: ScalePolicy): ScaleDecision {
    const { atMs, steadyMs, openCalls, askedPods, replicas, pods } = asked;
    const seen = this.#latest?.observation ?? nothingSeen;
    const { idleMs, ...rest } = seen;
    return this.#decide({ ...rest, atMs, steadyMs, openCalls, askedPods, pods }, policy, replicas);
  }

  partitions(steadyMs: number) {
    return this.#observer.partitions(steadyMs);
  }

  /** Partitions of which only the log can say how old their oldest event is. */
  unsure(steadyMs: number): readonly PartitionRow[] {
    return this.#observer.unsure(steadyMs);
  }

  #decide(observation: ScaleObservation, policy: ScalePolicy, replicas: number): ScaleDecision {
    const inputs: ScaleInputs = { observation, policy, replicas, memory: this.#memory };
    const decision = decide(inputs);
    this.#latest = inputs;
    this.#memory = decision.memory;
    return decision;
  }
}

const nothingSeen: ScaleObservation = {
  atMs: 0,
  steadyMs: 0,
  backlogEvents: unknown,
  oldestAgeMs: unknown,
  arrivalRate: unknown,
  arrivalRateSlow: unknown,
  arrivalRateCalm: unknown,
  arrivalTrend: 0,
  finishedRate: unknown,
  podRate: unknown,
  podRateBest: unknown,
  laneRate: unknown,
  startMs: unknown,
  inFlight: 0,
  openCalls: 0,
  askedPods: 0,
  pods: { ready: 0, starting: 0, draining: 0 },
  paused: false,
};
