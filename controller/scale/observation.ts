import type { Figure } from './figure.ts';

/** One function at one moment: all that a decision may rest on. JSON; it is stored with the decision. Rates are events per second. */
export interface ScaleObservation {
  readonly atMs: number;
  /** The same moment on a clock that nobody can set; what decisions compare. */
  readonly steadyMs: number;
  /** Between what is done and the ends of its partitions, in flight included. */
  readonly backlogEvents: Figure;
  /** Now minus the time at which the log passed the oldest unfinished offset; 0 when nothing waits. */
  readonly oldestAgeMs: Figure;
  /** Of the last seconds. */
  readonly arrivalRate: Figure;
  /** The level that the last minute leads to. */
  readonly arrivalRateSlow: Figure;
  /** Of the last minute or of the last two, whichever is lower: bursts count for little in it. */
  readonly arrivalRateCalm: Figure;
  /** By how much the rate of arrivals grows each second, by the last minute; 0 when that cannot be told from chance. */
  readonly arrivalTrend: number;
  readonly finishedRate: Figure;
  /** Of the last 10 seconds: what chance has less part in. Absent in what older versions have stored. */
  readonly finishedRateCalm?: Figure;
  /** What one pod finishes when it always has enough to do. */
  readonly podRate: Figure;
  /** The most that one pod was ever seen to finish lately: what it could do if nothing behind it were in the way. */
  readonly podRateBest: Figure;
  /** What one partition or one key finishes: its events run one after another. */
  readonly laneRate: Figure;
  /** The most that one was seen to finish lately while pods had less than they can take. Absent in what older versions have stored. */
  readonly laneRateBest?: Figure;
  /** From the wish for a pod to its first work. */
  readonly startMs: Figure;
  readonly inFlight: number;
  /** Direct calls that wait or run. */
  readonly openCalls: number;
  /** Pods that the data plane asked for since the last decision: events without any pod, calls without a free one. */
  readonly askedPods: number;
  readonly pods: { readonly ready: number; readonly starting: number; readonly draining: number };
  /** Since when there is nothing to do; absent: there is something, or nobody knows. */
  readonly idleMs?: number;
  /** Since when nothing was finished although events waited and pods were there. */
  readonly stuckMs?: number;
  /** Nothing is dispatched on purpose, because what was tried failed. */
  readonly paused: boolean;
  /** More pods than this find no work: partitions (or keys) that wait or run, divided by the concurrency. Absent: no such bound is seen. */
  readonly usefulPods?: number;
  /** `order: partition`: those with work. The shape of the rates is the slow estimate's, their level the fast one's. */
  readonly partitions?: readonly PartitionWork[];
}

/** [arrivals per second, events that wait]. */
export type PartitionWork = readonly [rate: number, waitingEvents: number];
