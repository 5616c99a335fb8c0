import { type Static, type TProperties, Type } from '@sinclair/typebox';

/**
 * What the dashboard watches. One stream of server-sent events per page; each figure is that of the moment, rates are events per second, and an
 * absent member means "not known". They are the figures that scaling decides by.
 */
const strict = <P extends TProperties>(properties: P) => Type.Object(properties, { additionalProperties: false });
const optional = Type.Optional;
const text = Type.String();
const number = Type.Number();
const natural = Type.Integer({ minimum: 0 });
const milliseconds = Type.Integer();
const unit = Type.String({ description: '<context>.<function>' });

export const LiveQuery = strict({
  unit: optional(Type.String({ description: 'Also partitions, decisions and errors of this function.' })),
  webhooks: optional(Type.Boolean({ default: false, description: 'Also webhook deliveries.' })),
});
export type LiveQuery = Static<typeof LiveQuery>;

const liveCondition = strict({ type: text, reason: text, message: text, sinceMs: optional(milliseconds) });
export const LiveFunction = strict({
  unit,
  context: text,
  name: text,
  revision: text,
  triggers: Type.Array(text),
  pods: strict({ ready: natural, starting: natural, draining: natural }),
  minPods: natural,
  maxPods: natural,
  maxAgeMs: natural,
  oldestAgeMs: optional(number),
  backlogEvents: optional(number),
  inFlight: optional(natural),
  arrivalRate: optional(number),
  finishedRate: optional(number),
  /** What the ready pods could finish. */
  capacityRate: optional(number),
  /** Neither replayed nor dropped yet. */
  deadLetters: optional(natural),
  conditions: Type.Array(liveCondition),
});
export type LiveFunction = Static<typeof LiveFunction>;

export const LivePartition = strict({
  topic: text,
  partition: natural,
  /** Who reads it; absent: nobody at the moment. */
  owner: optional(text),
  backlogEvents: optional(natural),
  oldestAgeMs: optional(natural),
  inFlight: natural,
});
export type LivePartition = Static<typeof LivePartition>;

/** The data of an `event: snapshot`. */
export const LiveSnapshot = strict({
  atMs: milliseconds,
  functions: Type.Array(LiveFunction),
  /** Appended per second, by topic. */
  topics: Type.Record(Type.String(), number),
  partitions: optional(Type.Array(LivePartition)),
});
export type LiveSnapshot = Static<typeof LiveSnapshot>;

const points = Type.Array(Type.Union([number, Type.Null()]));
/** Oldest first, one point each `stepMs`, the last one at `atMs`; null: not known. */
export const SeriesAnswer = strict({
  atMs: milliseconds,
  stepMs: natural,
  arrivalRate: points,
  finishedRate: points,
  capacityRate: points,
  oldestAgeMs: points,
  backlogEvents: points,
  ready: points,
  starting: points,
  draining: points,
});
export type SeriesAnswer = Static<typeof SeriesAnswer>;
export type SeriesName = Exclude<keyof SeriesAnswer, 'atMs' | 'stepMs'>;

/** The data of the first event, `event: history`: finished per second of each function, for sparklines. */
export interface LiveHistory {
  readonly stepMs: number;
  readonly finishedRate: Readonly<Record<string, readonly (number | null)[]>>;
}

export const GraphAnswer = strict({
  nodes: Type.Array(
    strict({
      id: text,
      kind: Type.Union([Type.Literal('function'), Type.Literal('stream'), Type.Literal('webhook'), Type.Literal('schedule')]),
      label: text,
      context: text,
      /** Of a function. */
      unit: optional(unit),
      /** Of a stream. */
      topic: optional(text),
    }),
  ),
  edges: Type.Array(
    strict({
      from: text,
      to: text,
      kind: Type.Union([Type.Literal('reads'), Type.Literal('emits'), Type.Literal('calls'), Type.Literal('triggers')]),
    }),
  ),
});
export type GraphAnswer = Static<typeof GraphAnswer>;

export const SchedulesAnswer = strict({
  schedules: Type.Array(
    strict({
      unit,
      name: text,
      when: text,
      timezone: text,
      missed: text,
      overlap: text,
      /** Absent: never again. */
      nextMs: optional(milliseconds),
      /** The due time of its last event; absent: there was none. */
      lastMs: optional(milliseconds),
      /** Absent where there was no last event, or its function does not say. */
      lastDone: optional(Type.Boolean()),
    }),
  ),
});
export type SchedulesAnswer = Static<typeof SchedulesAnswer>;

export const WebhookEndpointsAnswer = strict({
  /** The counts below are those of the last so many deliveries, and not older than `sinceMs`. */
  deliveriesMax: natural,
  sinceMs: milliseconds,
  endpoints: Type.Array(
    strict({
      unit,
      path: text,
      url: Type.String({ description: 'Path at the gateway.' }),
      verify: text,
      accepted: natural,
      duplicates: natural,
      refused: natural,
      failed: natural,
      lastMs: optional(milliseconds),
    }),
  ),
});
export type WebhookEndpointsAnswer = Static<typeof WebhookEndpointsAnswer>;

export const LoginLinkRequest = strict({});
export const LoginLinkAnswer = strict({
  path: Type.String({
    description: 'To be opened in a browser within two minutes, once. The code is in its fragment, which no server or proxy sees.',
  }),
  expiresAtMs: milliseconds,
});
export type LoginLinkAnswer = Static<typeof LoginLinkAnswer>;

export const SignInRequest = strict({ code: Type.String({ pattern: '^[0-9a-f]{32}$' }) });
export type SignInRequest = Static<typeof SignInRequest>;
export const SessionAnswer = strict({
  csrf: optional(Type.String({ description: 'The header `x-faas-csrf` of changes; absent for a client with a token, which needs none.' })),
  expiresAtMs: optional(milliseconds),
});
export type SessionAnswer = Static<typeof SessionAnswer>;
