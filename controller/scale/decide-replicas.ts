import type { ScaleSpec } from '../manifest/spec.ts';

/** What is known of one function at one moment. Undefined means unknown, which is never read as zero. */
export interface ScaleObservation {
  readonly replicas: number;
  /** Events read and not done, in flight included. */
  readonly waitingEvents: number | undefined;
  /** The most pods that dispatcher or gateway asked for since the last decision. */
  readonly wantedPods: number;
  /** How long there has been nothing to do; undefined: there is something to do. */
  readonly idleMs: number | undefined;
}

export interface ScalePolicy extends Pick<ScaleSpec, 'min' | 'max'> {
  /** Events in flight per pod. */
  readonly concurrency: number;
  /** Pods kept whatever happens (`warm.min`). */
  readonly warmMin: number;
  readonly idleLimitMs: number;
}

export type ScaleReason = 'first-event' | 'waiting-events' | 'idle' | 'minimum' | 'maximum' | 'steady' | 'unknown';

export interface ScaleDecision {
  readonly replicas: number;
  readonly from: number;
  readonly reason: ScaleReason;
  /** The figures, in the order in which they were used. */
  readonly arithmetic: readonly string[];
}

/**
 * 0 → 1 on the first event, one more pod per `concurrency` waiting events up to `max`, down to the minimum after `idleLimitMs` without work.
 * Never down for any other reason, and never down on missing figures.
 */
export function decideReplicas(observation: ScaleObservation, policy: ScalePolicy): ScaleDecision {
  const from = observation.replicas;
  const floor = Math.min(Math.max(policy.min, policy.warmMin), policy.max);
  const { waitingEvents } = observation;
  const forEvents = waitingEvents === undefined ? 0 : Math.ceil(waitingEvents / policy.concurrency);
  const asked = Math.max(forEvents, observation.wantedPods);
  const arithmetic = [
    `waiting ${waitingEvents ?? 'unknown'} / concurrency ${policy.concurrency} -> ${waitingEvents === undefined ? 'unknown' : forEvents} pods`,
    `asked for ${observation.wantedPods}`,
    `within ${floor}..${policy.max}`,
  ];
  const decided = (replicas: number, reason: ScaleReason): ScaleDecision => ({ replicas, from, reason, arithmetic });
  if (from > policy.max) return decided(policy.max, 'maximum');
  if (from < floor) return decided(floor, 'minimum');
  if (asked > from) {
    if (from >= policy.max) return decided(from, 'maximum');
    return decided(Math.min(asked, policy.max), from === 0 ? 'first-event' : 'waiting-events');
  }
  if (waitingEvents === undefined) return decided(from, 'unknown');
  if (waitingEvents === 0 && from > floor && observation.idleMs !== undefined && observation.idleMs >= policy.idleLimitMs) {
    return decided(floor, 'idle');
  }
  return decided(from, 'steady');
}
