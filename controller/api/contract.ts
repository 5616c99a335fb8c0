import { type Static, type TProperties, Type } from '@sinclair/typebox';
import { ContextSpecSchema, FunctionSpecSchema, identifierPattern } from './spec-schema.ts';

/**
 * Every request and answer of the HTTP API under /v1: the server checks requests with these schemas, and the OpenAPI document is made of
 * them. Clients import the types only (`import type`) and the paths from paths.ts: neither costs anything at run time.
 * An absent member means "not known" or "there is none", never zero. Times are milliseconds since the epoch.
 */
const strict = <P extends TProperties>(properties: P) => Type.Object(properties, { additionalProperties: false });
const optional = Type.Optional;
const text = Type.String();
const flag = Type.Boolean();
const milliseconds = Type.Integer();
const natural = Type.Integer({ minimum: 0 });

const identifier = Type.String({ pattern: identifierPattern });
const unit = Type.String({ description: '<context>.<function>' });
const sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });
/** Any JSON value. */
const json = Type.Unsafe<unknown>({});
const key = Type.Union([Type.String({ maxLength: 65_536 }), Type.Null()], { description: 'Null: the event has no key.' });
const limit = (max: number, usual: number) => Type.Integer({ minimum: 1, maximum: max, default: usual });

// Parameters in paths

export const ContextParams = strict({ context: identifier });
export type ContextParams = Static<typeof ContextParams>;
export const FunctionParams = strict({ context: identifier, function: identifier });
export type FunctionParams = Static<typeof FunctionParams>;
export const StreamParams = strict({ context: identifier, stream: identifier });
export type StreamParams = Static<typeof StreamParams>;
export const BundleParams = strict({ hash: sha256 });
export type BundleParams = Static<typeof BundleParams>;
export const DeadLetterParams = strict({
  context: identifier,
  function: identifier,
  id: Type.String({ pattern: '^[0-9]{1,9}-[0-9]{1,15}$', description: '<partition>-<offset> in the dead letter topic.' }),
});
export type DeadLetterParams = Static<typeof DeadLetterParams>;

// Errors: RFC 9457, application/problem+json

export const Problem = Type.Object(
  {
    type: Type.String({ description: '`urn:faas:error:<code>`' }),
    title: text,
    status: Type.Integer(),
    code: Type.String({ description: 'Stable; see docs/reference/errors.md.' }),
    detail: text,
    hint: optional(Type.String({ description: 'What to do next.' })),
    /** One entry per thing that is wrong, where there are several. */
    problems: optional(
      Type.Array(
        strict({
          at: optional(Type.String({ description: 'Which one: a JSON pointer into the request, or a unit.' })),
          code: optional(text),
          message: text,
          hint: optional(text),
          place: optional(Type.String({ description: "Where in the author's sources, `src/orders.ts:4:9`, when it is known." })),
          frames: optional(
            Type.Array(strict({ at: text, name: optional(text) }), {
              description: "How it came there, innermost first: the author's frames.",
            }),
          ),
        }),
      ),
    ),
  },
  { additionalProperties: true },
);
export type Problem = Static<typeof Problem>;

// Contexts and deployments

const streamInfo = {
  name: text,
  topic: text,
  internal: flag,
  schema: flag,
};
export const ContextAnswer = strict({
  context: text,
  owner: optional(text),
  deployedAtMs: milliseconds,
  functions: Type.Array(text),
  streams: Type.Array(strict(streamInfo)),
});
export type ContextAnswer = Static<typeof ContextAnswer>;
export const ContextsAnswer = strict({ contexts: Type.Array(ContextAnswer) });
export type ContextsAnswer = Static<typeof ContextsAnswer>;
export const ContextDetailAnswer = strict({ deployedAtMs: milliseconds, spec: ContextSpecSchema });
export type ContextDetailAnswer = Static<typeof ContextDetailAnswer>;

/** The body of PUT /v1/bundles/:hash and of its source map is the file itself, application/octet-stream. Bundle first, source map second. */
export const BundleAnswer = strict({ hash: sha256, bytes: natural });
export type BundleAnswer = Static<typeof BundleAnswer>;

export const DeployRequest = strict({
  spec: ContextSpecSchema,
  bundles: Type.Record(identifier, sha256, {
    description: 'Function → hash of its bundle, which was stored before.',
    additionalProperties: false,
  }),
});
export type DeployRequest = Static<typeof DeployRequest>;

const deployedFunction = strict({
  unit,
  revision: text,
  change: Type.Union([Type.Literal('created'), Type.Literal('updated'), Type.Literal('unchanged'), Type.Literal('removed')]),
});
/** A deployment that is refused is a problem 422 with the code FAAS_DEPLOY_REFUSED and one entry in `problems` per reason. */
export const DeployAnswer = strict({ functions: Type.Array(deployedFunction), warnings: Type.Array(text) });
export type DeployAnswer = Static<typeof DeployAnswer>;

export const RemoveQuery = strict({
  state: optional(Type.Boolean({ default: false, description: 'Also remove state, inbox and dead letters, for good.' })),
});
export type RemoveQuery = Static<typeof RemoveQuery>;
export const RemoveAnswer = strict({ removed: Type.Array(unit) });
export type RemoveAnswer = Static<typeof RemoveAnswer>;

export const RollbackRequest = strict({ revision: optional(Type.String({ description: 'Absent: the one that was live before.' })) });
export type RollbackRequest = Static<typeof RollbackRequest>;

// Functions

const condition = strict({ type: text, status: flag, reason: text, message: text, sinceMs: milliseconds });
export const FunctionAnswer = strict({
  unit,
  context: text,
  name: text,
  revision: text,
  triggers: Type.Array(Type.String({ description: 'In a few words: `stream orders`, `webhook /stripe`, `schedule 0 6 * * *`.' })),
  activatedAtMs: milliseconds,
  pods: strict({ ready: natural, draining: natural }),
  backlogEvents: optional(
    Type.Integer({ description: 'Events between what is done and the end of all its partitions; absent: not known.' }),
  ),
  oldestAgeMs: optional(Type.Integer({ description: 'Age of the oldest unfinished event that was read; absent: nothing waits.' })),
  conditions: Type.Array(condition),
});
export type FunctionAnswer = Static<typeof FunctionAnswer>;
export const FunctionsAnswer = strict({ functions: Type.Array(FunctionAnswer) });
export type FunctionsAnswer = Static<typeof FunctionsAnswer>;

const partitionLag = strict({
  topic: text,
  partition: natural,
  startOffset: natural,
  endOffset: natural,
  frontier: optional(Type.Integer({ description: 'Every offset below it is done; absent: nothing was ever read.' })),
  backlogEvents: natural,
});

export const FunctionDetailAnswer = Type.Composite(
  [
    FunctionAnswer,
    strict({
      spec: FunctionSpecSchema,
      group: text,
      inboxTopic: text,
      deadLetterTopic: text,
      previousRevision: optional(text),
      revisions: Type.Array(strict({ id: text, hash: text, bundleHash: text, createdAtMs: milliseconds, live: flag })),
      running: Type.Array(
        strict({
          id: text,
          state: Type.Union([Type.Literal('ready'), Type.Literal('draining')]),
          revision: text,
          pid: optional(natural),
          startedAtMs: milliseconds,
          inFlight: natural,
        }),
      ),
      state: strict({ keys: natural, valueBytes: natural, outboxEntries: natural }),
      /** Held back behind an event that is out of attempts. */
      parkedKeys: natural,
      /** Neither replayed nor dropped yet; absent: not known. */
      deadLetters: optional(natural),
      partitions: Type.Array(partitionLag),
      /** Since this server started; absent: its dispatcher does not know the function (yet). */
      totals: optional(
        strict({ finished: natural, failed: natural, deadLetters: natural, emits: natural, inFlight: natural, waiting: natural }),
      ),
    }),
  ],
  { additionalProperties: false },
);
export type FunctionDetailAnswer = Static<typeof FunctionDetailAnswer>;

export const InvokeRequest = strict({
  key: optional(key),
  data: json,
  timeoutMs: optional(Type.Integer({ minimum: 1, maximum: 900_000, default: 30_000 })),
  idempotencyKey: optional(Type.String({ minLength: 1, maxLength: 256 })),
});
export type InvokeRequest = Static<typeof InvokeRequest>;
/** A handler that fails is a problem 502 with the code FAAS_CALL_FAILED; `error` in it holds code, name, message and stack. */
export const InvokeAnswer = strict({
  /** What the handler returned; absent where it returned nothing. */
  answer: optional(json),
  /** The stored answer of an earlier call with the same idempotency key. */
  repeated: flag,
  tookMs: Type.Number(),
});
export type InvokeAnswer = Static<typeof InvokeAnswer>;

// Streams

export const StreamsAnswer = strict({
  streams: Type.Array(
    strict({
      ...streamInfo,
      context: text,
      /** Absent: the topic is not there yet. */
      partitions: optional(natural),
      retainedEvents: optional(natural),
    }),
  ),
});
export type StreamsAnswer = Static<typeof StreamsAnswer>;

/** At most this many events in one request. */
export const eventsMax = 1_000;
export const EmitRequest = strict({
  events: Type.Array(
    strict({
      key: optional(key),
      data: json,
      /** CloudEvents id; absent: the server makes one. A stream takes the same id twice: only functions' inboxes de-duplicate. */
      id: optional(Type.String({ minLength: 1, maxLength: 256 })),
      type: optional(Type.String({ minLength: 1, maxLength: 256 })),
      headers: optional(
        Type.Record(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$' }), Type.String({ maxLength: 8_192 }), {
          additionalProperties: false,
          maxProperties: 1_000,
        }),
      ),
    }),
    { minItems: 1, maxItems: eventsMax },
  ),
});
export type EmitRequest = Static<typeof EmitRequest>;
/** Durable when it is answered. All events of a request are appended, or none: one that breaks the stream's schema is a problem 422. */
export const EmitAnswer = strict({ topic: text, events: Type.Array(strict({ id: text, partition: natural, offset: natural })) });
export type EmitAnswer = Static<typeof EmitAnswer>;

// State

export const StateQuery = strict({
  prefix: optional(text),
  after: optional(Type.String({ description: 'The `next` of the page before.' })),
  limit: optional(limit(1_000, 100)),
});
export type StateQuery = Static<typeof StateQuery>;
export const StateEntryQuery = strict({ key: text });
export type StateEntryQuery = Static<typeof StateEntryQuery>;
export const StateEntryAnswer = strict({ key: text, value: json, version: text });
export type StateEntryAnswer = Static<typeof StateEntryAnswer>;
export const AcceptRollbackAnswer = strict({ acceptedAtMs: milliseconds });
export type AcceptRollbackAnswer = Static<typeof AcceptRollbackAnswer>;
/** Keys in ascending order of their UTF-8 bytes. */
export const StateAnswer = strict({ entries: Type.Array(StateEntryAnswer), next: optional(text) });
export type StateAnswer = Static<typeof StateAnswer>;

// Dead letters

const deadLetterError = strict({ code: text, name: text, message: text, stack: optional(text) });
const deadLetter = {
  id: text,
  atMs: milliseconds,
  eventId: text,
  key: optional(key),
  reason: text,
  error: deadLetterError,
  attempts: natural,
  revision: text,
  origin: strict({ topic: text, partition: natural, offset: Type.Integer() }),
  /** Whether a replay of it was handled; known for as long as ids are remembered (setting `dedupe.window`). */
  replayed: flag,
  /** Given up for good. */
  dropped: flag,
};
const where = Type.String({
  minLength: 1,
  maxLength: 2_000,
  description: 'Terms that must all hold: `reason=error, key=customer-*, age>1h`; see docs/retries.md.',
});
export const DeadLettersQuery = strict({
  after: optional(Type.String({ description: 'The `next` of the page before.' })),
  limit: optional(limit(1_000, 100)),
  where: optional(where),
});
export type DeadLettersQuery = Static<typeof DeadLettersQuery>;
export const DeadLetterSummary = strict(deadLetter);
export type DeadLetterSummary = Static<typeof DeadLetterSummary>;
/** By partition, then by offset: events of one key in their order. */
export const DeadLettersAnswer = strict({ deadLetters: Type.Array(DeadLetterSummary), total: natural, next: optional(text) });
export type DeadLettersAnswer = Static<typeof DeadLettersAnswer>;
export const DeadLetterAnswer = strict({
  ...deadLetter,
  /** The payload as UTF-8 text; absent where it is not UTF-8, or null. */
  value: optional(text),
  valueBase64: optional(text),
  headers: Type.Array(strict({ name: text, value: text })),
});
export type DeadLetterAnswer = Static<typeof DeadLetterAnswer>;

/** Which dead letters are meant. */
export const LetterSelection = Type.Union([
  strict({ ids: Type.Array(DeadLetterParams.properties.id, { minItems: 1, maxItems: 10_000 }) }),
  strict({ where }),
  strict({ all: Type.Literal(true) }),
]);
export type LetterSelection = Static<typeof LetterSelection>;
/** `replayed`: now in the inbox, in order. `known`: were handled by an earlier replay or dropped, left alone. `missing`: no such dead letter. */
export const ReplayAnswer = strict({ replayed: Type.Array(text), known: Type.Array(text), missing: Type.Array(text) });
export type ReplayAnswer = Static<typeof ReplayAnswer>;
/** `known`: were handled or dropped before. */
export const DropAnswer = strict({ dropped: Type.Array(text), known: Type.Array(text), missing: Type.Array(text) });
export type DropAnswer = Static<typeof DropAnswer>;

// Offsets and replays

const partitionMove = strict({
  topic: text,
  partition: natural,
  startOffset: natural,
  endOffset: natural,
  current: Type.Integer({ description: 'What is handled next.' }),
  target: Type.Integer({ description: 'What is handled next after the change.' }),
});
export const OffsetsAnswer = strict({
  partitions: Type.Array(partitionMove),
  goneTopics: Type.Array(text, { description: 'Topics of its streams that are not there.' }),
});
export type OffsetsAnswer = Static<typeof OffsetsAnswer>;
const place = Type.Union([
  Type.Literal('earliest'),
  Type.Literal('latest'),
  strict({ timeMs: natural }),
  strict({ offset: Type.Integer({ minimum: 0, description: 'The same in each partition, within what the log has.' }) }),
]);
/** More than 1 000 events are handled again only when `allowRewind` says so: FAAS_OFFSETS_REWIND says how many they are, and from when. */
export const MoveOffsetsRequest = strict({
  to: place,
  stream: optional(Type.String({ description: 'Absent: all streams that the function reads.' })),
  partition: optional(natural),
  allowRewind: optional(flag),
});
export type MoveOffsetsRequest = Static<typeof MoveOffsetsRequest>;
export const MoveOffsetsAnswer = strict({
  partitions: Type.Array(partitionMove),
  again: Type.Integer({ description: 'Events that were handled and are handled again.' }),
  skipped: Type.Integer({ description: 'Events that are never handled.' }),
  clamped: Type.Integer({ description: 'Partitions whose log has no such place, or whose time is to come: the nearest place was taken.' }),
  backMs: optional(natural),
});
export type MoveOffsetsAnswer = Static<typeof MoveOffsetsAnswer>;

export const ReplaysRequest = strict({
  from: place,
  to: optional(place),
  stream: optional(Type.String({ description: 'Absent: all streams that the function reads.' })),
  inbox: optional(Type.Boolean({ description: 'Also what came in by webhooks, schedules and durable calls.' })),
  ratePerSecond: optional(Type.Integer({ minimum: 1, maximum: 100_000, description: 'Absent: as fast as they are handled.' })),
});
export type ReplaysRequest = Static<typeof ReplaysRequest>;
export const ReplayProgress = strict({
  id: text,
  state: Type.Union([Type.Literal('running'), Type.Literal('done'), Type.Literal('cancelled')]),
  startedAtMs: milliseconds,
  /** Offsets in the ranges, and how many of them were looked at. */
  total: natural,
  passed: natural,
  /** Events that were put into the inbox again. The others are duplicates, filtered, or replays themselves. */
  events: natural,
});
export type ReplayProgress = Static<typeof ReplayProgress>;
export const ReplaysAnswer = strict({ replays: Type.Array(ReplayProgress) });
export type ReplaysAnswer = Static<typeof ReplaysAnswer>;
export const ReplayParams = strict({ context: identifier, function: identifier, id: Type.String({ pattern: '^[0-9a-f]{8}$' }) });
export type ReplayParams = Static<typeof ReplayParams>;
// Parked keys

export const ParkedAnswer = strict({
  /** By source, then by the bytes of the key. */
  keys: Type.Array(
    strict({
      source: Type.String({ description: '`<topic>.<partition>`' }),
      key: text,
      events: natural,
      /** Its events run again, one after the other. */
      replay: flag,
      /** The first one: what it is, why it is out of attempts, and since when it is held. */
      head: optional(strict({ offset: natural, reason: text, error: deadLetterError, heldAtMs: milliseconds, revision: text })),
    }),
  ),
});
export type ParkedAnswer = Static<typeof ParkedAnswer>;
export const ReplayParkedRequest = Type.Union([
  strict({ keys: Type.Array(Type.String({ maxLength: 65_536 }), { minItems: 1, maxItems: 10_000 }) }),
  strict({ all: Type.Literal(true) }),
]);
export type ReplayParkedRequest = Static<typeof ReplayParkedRequest>;
/** `asked`: run again, in order, soon. `missing`: not parked. */
export const ReplayParkedAnswer = strict({ asked: Type.Array(text), missing: Type.Array(text) });
export type ReplayParkedAnswer = Static<typeof ReplayParkedAnswer>;

// Lag

export const LagAnswer = strict({
  functions: Type.Array(
    strict({
      unit,
      backlogEvents: optional(natural),
      oldestAgeMs: optional(natural),
      waiting: optional(natural),
      inFlight: optional(natural),
      partitions: Type.Array(partitionLag),
    }),
  ),
});
export type LagAnswer = Static<typeof LagAnswer>;

// History: logs, decisions, webhooks

export const HistoryQuery = strict({
  unit: optional(Type.String({ description: '`<context>.<function>`; empty: the server itself; absent: all.' })),
  sinceMs: optional(milliseconds),
  after: optional(Type.Integer({ minimum: 0, description: 'Only entries with a larger id.' })),
  limit: optional(limit(10_000, 200)),
});
export type HistoryQuery = Static<typeof HistoryQuery>;
/**
 * With `follow` the answer is text/event-stream: first the entries that match, then each new one; `id:` is the entry's id (sent back as
 * Last-Event-ID it reads on), `data:` a HistoryItem. A comment line every 15 s keeps the connection.
 */
export const LogsQuery = strict({ ...HistoryQuery.properties, follow: optional(Type.Boolean({ default: false })) });
export type LogsQuery = Static<typeof LogsQuery>;
export const HistoryItem = strict({ id: natural, atMs: milliseconds, unit: text, data: Type.Record(Type.String(), Type.Unknown()) });
export type HistoryItem = Static<typeof HistoryItem>;
/** Oldest first: the last `limit` entries that match. */
export const HistoryAnswer = strict({ entries: Type.Array(HistoryItem) });
export type HistoryAnswer = Static<typeof HistoryAnswer>;

// Health

/** 200 when everything is ready, else 503. */
export const ReadyAnswer = strict({ ready: flag, checks: Type.Array(strict({ name: text, ok: flag, detail: optional(text) })) });
export type ReadyAnswer = Static<typeof ReadyAnswer>;
