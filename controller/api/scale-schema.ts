import { type Static, type TProperties, Type } from '@sinclair/typebox';

/**
 * Scaling over the API. A figure says itself how far it can be trusted; rates are events per second; times are milliseconds. A decision is stored as its
 * inputs alone: its number, its reason and its words are computed from them when they are asked for (controller/scale/explain.ts).
 */
const strict = <P extends TProperties>(properties: P) => Type.Object(properties, { additionalProperties: false });
const optional = Type.Optional;
const text = Type.String();
const number = Type.Number();
const natural = Type.Integer({ minimum: 0 });
const lines = Type.Array(text);
/** Literals rather than `Unsafe`: stored inputs are checked by TypeBox itself, which knows no schema without a kind. */
const words = <T extends string>(...all: readonly T[]) => Type.Union(all.map(one => Type.Literal(one)));

export const FigureAnswer = Type.Union([
  strict({ state: Type.Literal('known'), value: number }),
  strict({ state: Type.Literal('stale'), value: number, ageMs: number }),
  strict({ state: Type.Literal('unknown') }),
]);
export type FigureAnswer = Static<typeof FigureAnswer>;

const podCounts = strict({ ready: natural, starting: natural, draining: natural });

const observation = strict({
  atMs: number,
  steadyMs: number,
  backlogEvents: FigureAnswer,
  oldestAgeMs: FigureAnswer,
  arrivalRate: FigureAnswer,
  arrivalRateSlow: FigureAnswer,
  arrivalRateCalm: FigureAnswer,
  arrivalTrend: number,
  finishedRate: FigureAnswer,
  finishedRateCalm: optional(FigureAnswer),
  podRate: FigureAnswer,
  podRateBest: FigureAnswer,
  laneRate: FigureAnswer,
  laneRateBest: optional(FigureAnswer),
  startMs: FigureAnswer,
  inFlight: natural,
  openCalls: natural,
  askedPods: natural,
  pods: podCounts,
  idleMs: optional(number),
  stuckMs: optional(number),
  paused: Type.Boolean(),
  usefulPods: optional(natural),
  partitions: optional(Type.Array(Type.Tuple([number, number]))),
});

const preference = words('cost', 'balanced', 'latency');
const boundsFrom = words('manifest', 'schedule', 'override', 'budget', 'habit', 'due', 'caller');
const policy = strict({
  maxAgeMs: number,
  min: natural,
  max: natural,
  boundsFrom,
  budget: optional(
    strict({
      pods: natural,
      share: natural,
      needed: natural,
      neededByAll: natural,
      weight: number,
      weightOfAll: number,
      functionsInNeed: optional(natural),
      waitedMs: optional(number),
    }),
  ),
  prefer: preference,
  lagThreshold: optional(natural),
  concurrency: natural,
  order: words('partition', 'key', 'none'),
  keepMs: number,
});

/** What a decision rests on, and all that is stored of it. */
export const ScaleInputsAnswer = strict({
  observation,
  policy,
  replicas: natural,
  memory: strict({
    recommended: Type.Array(Type.Tuple([number, natural])),
    step: optional(strict({ atMs: number, from: natural, to: natural, finishedRate: number })),
    block: optional(
      strict({
        pods: natural,
        untilMs: number,
        waitMs: number,
        sinceMs: optional(number),
        finishedRate: optional(number),
        podRate: optional(number),
        isRisen: optional(Type.Literal(true)),
      }),
    ),
    trial: optional(strict({ sinceMs: number, atMs: number, from: natural, to: natural, finishedRate: number, enough: optional(natural) })),
    rest: optional(strict({ untilMs: number, waitMs: number, podRate: optional(number) })),
    slowSinceMs: optional(number),
    lastUpMs: optional(number),
    lower: optional(strict({ sinceMs: number, pods: natural, levelMs: number })),
    sinceMs: optional(number),
  }),
});
export type ScaleInputsAnswer = Static<typeof ScaleInputsAnswer>;

const condition = strict({
  type: words('PartitionBound', 'DownstreamBound', 'Stuck', 'MetricsStale', 'AtMax', 'BudgetBound', 'Failing'),
  message: text,
  advice: text,
});

/** One line per function: how it does, and what its scaling says to it. */
const scaleSummary = strict({
  unit: text,
  atMs: number,
  maxAgeMs: number,
  backlogEvents: FigureAnswer,
  oldestAgeMs: FigureAnswer,
  arrivalRate: FigureAnswer,
  finishedRate: FigureAnswer,
  /** What the ready pods could finish. */
  capacityRate: FigureAnswer,
  /** Until nothing waits, if all stays as it is; absent: never, or not known. */
  drainMs: optional(number),
  inFlight: natural,
  replicas: natural,
  min: natural,
  max: natural,
  pods: podCounts,
  reason: text,
  because: text,
  conditions: Type.Array(condition),
});
export type ScaleSummary = Static<typeof scaleSummary>;
export const ScalesAnswer = strict({ functions: Type.Array(scaleSummary) });
export type ScalesAnswer = Static<typeof ScalesAnswer>;

export const ScaleQuery = strict({
  atMs: optional(
    Type.Integer({
      minimum: 0,
      maximum: 8_640_000_000_000_000,
      description: 'The decision that held at this time; absent: now. Kept for a day at 10 s, changes for 30 days.',
    }),
  ),
});
export type ScaleQuery = Static<typeof ScaleQuery>;

const partition = strict({
  name: Type.String({ description: '<topic>.<partition>' }),
  backlogEvents: natural,
  oldestAgeMs: number,
  arrivalRate: number,
});

/** One decision, computed again from its inputs. */
export const ScaleAnswer = strict({
  summary: scaleSummary,
  from: natural,
  /** What was seen, the way from there to the number, and what would have changed it: a sentence each. */
  inputs: lines,
  arithmetic: lines,
  otherwise: lines,
  /** What is asked for and cannot be had, such as a maxAge below the measured start of a pod. */
  warnings: lines,
  stored: ScaleInputsAnswer,
  /** Of now; absent for a decision of the past. */
  partitions: optional(Type.Array(partition)),
  override: optional(strict({ min: natural, max: natural, untilMs: number })),
});
export type ScaleAnswer = Static<typeof ScaleAnswer>;

export const ObservationsQuery = strict({
  sinceMs: optional(Type.Integer()),
  limit: optional(Type.Integer({ minimum: 1, maximum: 10_000, default: 360 })),
});
export type ObservationsQuery = Static<typeof ObservationsQuery>;
/** Oldest first, one about every 10 s while something happens and every minute else; a member that was not known is absent. */
export const ObservationsAnswer = strict({
  observations: Type.Array(
    strict({
      atMs: number,
      arrivalRate: optional(number),
      finishedRate: optional(number),
      backlogEvents: optional(number),
      oldestAgeMs: optional(number),
      podRate: optional(number),
      startMs: optional(number),
      replicas: natural,
      pods: podCounts,
      reason: text,
    }),
  ),
});
export type ObservationsAnswer = Static<typeof ObservationsAnswer>;

/** Until then these bounds hold in place of the manifest's; the decision within them stays the scaler's. */
export const ScaleOverrideRequest = strict({
  min: natural,
  max: Type.Integer({ minimum: 0, maximum: 10_000 }),
  forMs: Type.Integer({ minimum: 1_000, maximum: 30 * 86_400_000 }),
});
export type ScaleOverrideRequest = Static<typeof ScaleOverrideRequest>;
export const ScaleOverrideAnswer = strict({ min: natural, max: natural, untilMs: number });
export type ScaleOverrideAnswer = Static<typeof ScaleOverrideAnswer>;
