/** What is cheap, what is quick: how full pods may be, and how much of the age may be used before more pods come. */
export type Preference = 'cost' | 'balanced' | 'latency';

/** The manifest's wishes, resolved for this moment: schedule, manual override and quota are in `min` and `max` already, and named by `boundsFrom`. */
export interface ScalePolicy {
  readonly maxAgeMs: number;
  readonly min: number;
  readonly max: number;
  readonly boundsFrom: 'manifest' | 'schedule' | 'override' | 'budget';
  readonly prefer: Preference;
  /** Expert override: one pod per so many waiting events, and nothing else. */
  readonly lagThreshold?: number;
  /** Events in flight per pod. */
  readonly concurrency: number;
  readonly order: 'partition' | 'key' | 'none';
  /** An idle function keeps its pods for so long. */
  readonly keepMs: number;
}

export interface Band {
  /** Pods are sized so that arrivals keep them this busy. */
  readonly target: number;
  /** Busier than this for a minute asks for more. */
  readonly upper: number;
  /** The part of `maxAge` that events may be expected to wait before that is called a breach. */
  readonly ageShare: number;
}

export const bands: Readonly<Record<Preference, Band>> = {
  cost: { target: 0.9, upper: 1, ageShare: 0.65 },
  balanced: { target: 0.8, upper: 0.95, ageShare: 0.5 },
  latency: { target: 0.6, upper: 0.75, ageShare: 0.15 },
};
