/** What is cheap, what is quick: how full pods may be, and how much of the age may be used before more pods come. */
export type Preference = 'cost' | 'balanced' | 'latency';

/** The manifest's wishes, resolved for this moment: schedule, manual override and quota are in `min` and `max` already, and named by `boundsFrom`. */
export interface ScalePolicy {
  readonly maxAgeMs: number;
  readonly min: number;
  readonly max: number;
  readonly boundsFrom: 'manifest' | 'schedule' | 'override' | 'budget' | 'habit' | 'due' | 'caller';
  /** With `boundsFrom: 'budget'`: how `max` came about. */
  readonly budget?: BudgetShare;
  readonly prefer: Preference;
  /** Expert override: one pod per so many waiting events, and nothing else. */
  readonly lagThreshold?: number;
  /** Events in flight per pod. */
  readonly concurrency: number;
  readonly order: 'partition' | 'key' | 'none';
  /** An idle function keeps its pods for so long. */
  readonly keepMs: number;
}

/** A function's part of the pods that all functions share. */
export interface BudgetShare {
  readonly pods: number;
  readonly share: number;
  readonly needed: number;
  readonly neededByAll: number;
  readonly weight: number;
  readonly weightOfAll: number;
  /** How many functions need at least one pod; absent in what older versions have stored. */
  readonly functionsInNeed?: number;
  /** With a share of none: how long it has waited for its turn. */
  readonly waitedMs?: number;
}

/** How long a pod takes to start, before a first start was measured. */
export const startGuessMs = 3_000;

export interface Band {
  /** Pods are needed for arrivals to keep them this busy, no more; what is above that goes. */
  readonly target: number;
  /** A step up for arrivals leaves room to grow: after it they are this busy. */
  readonly room: number;
  /** Busier than this by the last minute asks for more. */
  readonly upper: number;
  /** The part of `maxAge` that events may be expected to wait before that is called a breach. */
  readonly ageShare: number;
  /** The part of `maxAge` within which what waits by then is to be handled, once a breach is expected. */
  readonly drainShare: number;
}

export const bands: Readonly<Record<Preference, Band>> = {
  cost: { target: 0.97, room: 0.95, upper: 1.1, ageShare: 0.9, drainShare: 0.7 },
  balanced: { target: 0.93, room: 0.9, upper: 1.05, ageShare: 0.85, drainShare: 0.65 },
  latency: { target: 0.65, room: 0.55, upper: 0.8, ageShare: 0.2, drainShare: 0.15 },
};
