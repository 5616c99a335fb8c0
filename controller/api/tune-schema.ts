import { type Static, type TProperties, Type } from '@sinclair/typebox';

/** What was measured of a function, and limits that would fit it. Times are milliseconds, rates events per second. */
const strict = <P extends TProperties>(properties: P) => Type.Object(properties, { additionalProperties: false });
const optional = Type.Optional;
const natural = Type.Integer({ minimum: 0 });
const number = Type.Number();
const words = <T extends string>(...all: readonly T[]) => Type.Union(all.map(one => Type.Literal(one)));

export const TuneQuery = strict({
  sinceMs: optional(Type.Integer({ minimum: 0, description: 'Only what was recorded from then on; a day is kept.' })),
});
export type TuneQuery = Static<typeof TuneQuery>;

export const TuneAnswer = strict({
  unit: Type.String(),
  /** From the first to the last record; absent: there is none. */
  fromMs: optional(natural),
  untilMs: optional(natural),
  measured: strict({
    events: natural,
    /** Time in the handler per event, at most a fifth too much. */
    p50Ms: optional(number),
    p99Ms: optional(number),
    slowestMs: number,
    batches: natural,
    batchEventsMean: optional(number),
    largestBatch: natural,
    /** The most that a pod took. */
    memoryBytes: optional(natural),
    podRate: optional(number),
    laneRate: optional(number),
    startMs: optional(number),
    /** The highest level of arrivals that lasted a minute. */
    arrivalRateMost: optional(number),
  }),
  limits: strict({ timeoutMs: natural, memoryBytes: natural, concurrency: natural }),
  suggestions: Type.Array(
    strict({
      key: words('limits.timeout', 'limits.memory', 'limits.concurrency', 'scale.max', 'scale.maxAge', 'batch.size'),
      now: number,
      suggested: number,
      unit: words('ms', 'bytes', 'count'),
      because: Type.String(),
    }),
  ),
});
export type TuneAnswer = Static<typeof TuneAnswer>;
