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
  /** No step above `pods` before `untilMs`: more of them brought nothing. */
  readonly block?: ScaleBlock;
  /** Fewer pods are tried. Not known yet: whether they finish as much. */
  readonly trial?: ScaleTrial;
  /** Fewer pods finished less, or more of them brought something again: no trial before `untilMs`. */
  readonly rest?: ScaleRest;
  /** Since when pods have finished far less than one of them was measured to do, with more waiting than they can do in time. */
  readonly slowSinceMs?: number;
  readonly lastUpMs?: number;
  /** Since when fewer pods would do, how many, and since when it has been that many. */
  readonly lower?: { readonly sinceMs: number; readonly pods: number; readonly levelMs: number };
  /** Since when figures have come without a gap. */
  readonly sinceMs?: number;
}

export interface ScaleBlock {
  readonly pods: number;
  readonly untilMs: number;
  /** It doubles each time, as long as one time follows another. */
  readonly waitMs: number;
  /** Absent, as what follows, in what older versions have stored. */
  readonly sinceMs?: number;
  /** What was finished when it began: with clearly more than that the bound has moved. */
  readonly finishedRate?: number;
  /** What one pod was known to do then: while it holds none can show it. */
  readonly podRate?: number;
  /** It has moved: twice the pods may be tried at once. */
  readonly isRisen?: true;
}

export interface ScaleTrial {
  /** When they became fewer. */
  readonly sinceMs: number;
  /** When the last of those that were taken away had ended. */
  readonly atMs: number;
  readonly from: number;
  readonly to: number;
  /** What `from` pods finished. */
  readonly finishedRate: number;
  /** So many are known to finish as much: back to these. */
  readonly enough?: number;
}

export interface ScaleRest {
  readonly untilMs: number;
  readonly waitMs: number;
  /** Fewer pods finished as much less as they were fewer: nothing is behind them, they have become this slow by themselves. */
  readonly podRate?: number;
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
  | 'undone'
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

/** What was found out at this moment about more pods or fewer; rates are events per second. */
export type Verdict =
  /** A step up brought nothing, or a part of what it should: `tried` pods are enough, or that is tried. */
  | {
      readonly kind: 'useless' | 'poor';
      readonly from: number;
      readonly to: number;
      readonly before: number;
      readonly now: number;
      readonly hoped: number;
      readonly podRate: number;
      readonly tried: number;
    }
  /** Pods finish far less than one of them was measured to do. */
  | { readonly kind: 'slow'; readonly ready: number; readonly now: number; readonly podRate: number; readonly tried: number }
  /** A trial is over: fewer pods finish as much, or less. */
  | {
      readonly kind: 'kept' | 'fell';
      readonly from: number;
      readonly to: number;
      readonly before: number;
      readonly now: number;
      readonly least: number;
      /** What follows: as many as before, as many as are left, or still fewer. */
      readonly then: number;
    }
  /** No more pods than before finish more: the bound has moved. */
  | { readonly kind: 'risen'; readonly pods: number; readonly before: number; readonly now: number };

export interface ScaleDecision {
  readonly replicas: number;
  readonly from: number;
  readonly reason: ScaleReason;
  readonly conditions: readonly ScaleCondition[];
  /** Absent: it was decided without any arithmetic, because a figure is missing or nothing is to be done. */
  readonly sizing?: Sizing;
  readonly verdict?: Verdict;
  readonly memory: ScaleMemory;
}
