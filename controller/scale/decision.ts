import type { ScaleObservation } from './observation.ts';
import type { ScalePolicy } from './policy.ts';

/** Everything that a decision rests on; JSON. The same inputs give the same decision, whenever and wherever it is computed again. */
export interface ScaleInputs {
  readonly observation: ScaleObservation;
  readonly policy: ScalePolicy;
  /** Pods wished for so far. */
  readonly replicas: number;
  readonly memory: ScaleMemory;
}

/** What a decision has to know of earlier ones; times are `steadyMs` of observations. */
export interface ScaleMemory {
  /** Recommendations of the last 5 minutes that none since has exceeded, oldest and highest first. */
  readonly recommended: readonly (readonly [atMs: number, pods: number])[];
  /** The last step up whose effect is not judged yet. */
  readonly step?: { readonly atMs: number; readonly from: number; readonly to: number; readonly finishedRate: number };
  /** No step above `pods` before `untilMs`: the last one brought nothing. `waitMs` doubles each time. */
  readonly block?: { readonly pods: number; readonly untilMs: number; readonly waitMs: number };
  readonly lastUpMs?: number;
  /** Since when fewer pods would do, how many, and since when it has been that many. */
  readonly lower?: { readonly sinceMs: number; readonly pods: number; readonly levelMs: number };
  /** Since when figures have come without a gap. */
  readonly sinceMs?: number;
}

export const emptyMemory: ScaleMemory = { recommended: [] };

export type ScaleReason =
  | 'first-event'
  | 'direct-calls'
  | 'predicted-breach'
  | 'arrivals'
  | 'lag-threshold'
  | 'less-load'
  | 'idle'
  | 'minimum'
  | 'maximum'
  | 'downstream'
  | 'steady'
  | 'held';

export type ScaleConditionType = 'PartitionBound' | 'DownstreamBound' | 'Stuck' | 'MetricsStale' | 'AtMax' | 'BudgetBound' | 'Failing';

export interface ScaleCondition {
  readonly type: ScaleConditionType;
  /** What is seen, with figures. */
  readonly message: string;
  /** What to do about it. */
  readonly advice: string;
}

/** The numbers on the way, in the order in which they come about; what `explain` prints. */
export interface Sizing {
  readonly horizonMs: number;
  readonly expectedRate: number;
  readonly waitingEvents: number;
  readonly backlogThen: number;
  readonly drainMs: number;
  readonly predictedAgeMs: number;
  readonly ageBoundMs: number;
  readonly busy: number;
  readonly forArrivals: number;
  readonly forBacklog: number;
  readonly forCalls: number;
  readonly unclamped: number;
  /** The least that is wanted, whatever the load; a maximum below it holds all the same. */
  readonly floor: number;
  /** What the partitions, or a downstream that gives no more, leave useful; Infinity: no such bound. */
  readonly useful: number;
  readonly recommended: number;
  readonly highestLately: number;
}

export interface ScaleDecision {
  readonly replicas: number;
  readonly from: number;
  readonly reason: ScaleReason;
  readonly conditions: readonly ScaleCondition[];
  /** Absent: it was decided without any arithmetic, because a figure is missing or nothing is to be done. */
  readonly sizing?: Sizing;
  readonly memory: ScaleMemory;
}
