import { type TProperties, Type } from '@sinclair/typebox';
import type { ContextSpec, FunctionSpec, JsonSchema } from '../manifest/spec.ts';

/**
 * The JSON form of a checked manifest (controller/manifest/spec.ts), as a deployment sends it: the form alone, bounds are those of the manifest
 * (check-spec.ts). Members that are undefined there are absent here. test/api/spec-schema.test.ts holds the two together, by type and by example.
 */
const strict = <P extends TProperties>(properties: P) => Type.Object(properties, { additionalProperties: false });

const words = <const W extends readonly string[]>(...values: W) => Type.Unsafe<W[number]>({ type: 'string', enum: values });

export const identifierPattern = '^[a-z][a-z0-9-]{0,39}$';
const identifier = Type.String({ pattern: identifierPattern });
const unit = Type.String({ pattern: '^[a-z][a-z0-9-]{0,39}\\.[a-z][a-z0-9-]{0,39}$' });
/** Kafka's alphabet and length of topic names. */
const topic = Type.String({ pattern: '^[A-Za-z0-9._-]{1,249}$' });
const text = Type.String({ maxLength: 4_096 });
const milliseconds = Type.Integer({ minimum: 0 });
const count = Type.Integer({ minimum: 0 });
const jsonSchema = Type.Unsafe<JsonSchema>({ anyOf: [{ type: 'object', additionalProperties: true }, { type: 'boolean' }] });

const streamRef = strict({ name: text, context: identifier, stream: identifier });

const streamTrigger = strict({
  kind: Type.Literal('stream'),
  streams: Type.Array(streamRef, { minItems: 1, maxItems: 100 }),
  from: Type.Union([words('earliest', 'latest'), strict({ timeMs: milliseconds })]),
  order: words('partition', 'key', 'none'),
  batch: strict({ size: Type.Integer({ minimum: 1 }), windowMs: milliseconds }),
  filter: Type.Optional(
    strict({
      key: Type.Optional(text),
      headers: Type.Record(Type.String(), text),
      data: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()])),
    }),
  ),
});

const webhookTrigger = strict({
  kind: Type.Literal('webhook'),
  path: Type.String({ pattern: '^/', maxLength: 1_024 }),
  verify: Type.Union([
    strict({ scheme: words('github', 'stripe', 'slack', 'standard', 'none') }),
    strict({
      scheme: Type.Literal('hmac'),
      header: text,
      algorithm: words('sha1', 'sha256', 'sha512'),
      encoding: words('hex', 'base64'),
      prefix: text,
    }),
  ]),
  secret: Type.Optional(text),
  key: Type.Optional(
    Type.Union([
      strict({ from: Type.Literal('header'), name: text }),
      strict({ from: Type.Literal('path'), param: text }),
      strict({ from: Type.Literal('json'), pointer: text }),
    ]),
  ),
  respond: words('accepted', 'result'),
});

const scheduleTrigger = strict({
  kind: Type.Literal('schedule'),
  name: text,
  when: Type.Union([strict({ cron: text }), strict({ everyMs: Type.Integer({ minimum: 1 }) }), strict({ atMs: Type.Integer() })]),
  timezone: text,
  missed: words('latest', 'all', 'skip'),
  overlap: words('forbid', 'allow'),
});

const resourceTrigger = strict({
  kind: Type.Literal('resource'),
  name: text,
  apiVersion: text,
  resourceKind: text,
  namespace: Type.Optional(text),
  selector: Type.Optional(text),
  fields: Type.Array(text, { maxItems: 100 }),
  events: Type.Array(words('added', 'modified', 'deleted')),
});

const lagBound = Type.Union([strict({ events: count }), strict({ ageMs: milliseconds })]);

const lagTrigger = strict({
  kind: Type.Literal('lag'),
  group: text,
  topics: Type.Array(topic),
  above: lagBound,
  below: lagBound,
  everyMs: Type.Integer({ minimum: 1 }),
});

const functionSpec = strict({
  name: identifier,
  handler: text,
  on: Type.Array(Type.Union([streamTrigger, webhookTrigger, scheduleTrigger, resourceTrigger, lagTrigger]), { maxItems: 100 }),
  retry: strict({
    attempts: Type.Integer({ minimum: 1 }),
    backoffMs: strict({ min: milliseconds, max: milliseconds }),
    maxCrashes: Type.Integer({ minimum: 1 }),
    onExhausted: words('dlq', 'park', 'block'),
  }),
  limits: strict({
    timeoutMs: Type.Integer({ minimum: 1 }),
    lifespanMs: milliseconds,
    memoryBytes: Type.Integer({ minimum: 1 }),
    cpuMillis: count,
    concurrency: Type.Integer({ minimum: 1 }),
  }),
  scale: strict({
    min: count,
    max: count,
    maxAgeMs: milliseconds,
    lagThreshold: Type.Optional(count),
    prefer: Type.Optional(words('cost', 'balanced', 'latency')),
    weight: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
    schedule: Type.Optional(Type.Array(strict({ cron: text, timezone: text, min: count, max: count }), { maxItems: 100 })),
  }),
  warm: strict({ keepMs: Type.Union([Type.Literal('auto'), milliseconds]), min: count }),
  emits: Type.Array(streamRef, { maxItems: 1_000 }),
  calls: Type.Array(unit, { maxItems: 1_000 }),
  env: Type.Record(Type.String(), Type.String()),
  durability: words('default', 'strict'),
});

const contextSpec = strict({
  context: identifier,
  owner: Type.Optional(text),
  streams: Type.Array(
    strict({
      name: identifier,
      topic,
      internal: Type.Boolean(),
      partitions: Type.Optional(Type.Integer({ minimum: 1 })),
      schema: Type.Optional(jsonSchema),
      retention: Type.Optional(strict({ ageMs: Type.Optional(milliseconds), bytes: Type.Optional(milliseconds) })),
    }),
    { maxItems: 1_000 },
  ),
  functions: Type.Array(functionSpec, { maxItems: 1_000 }),
});

/** What JSON makes of a spec: a member that may be undefined is absent. */
export type AsJson<T> = T extends readonly (infer E)[]
  ? readonly AsJson<E>[]
  : T extends object
    ? { readonly [K in keyof T as undefined extends T[K] ? never : K]: AsJson<T[K]> } & {
        readonly [K in keyof T as undefined extends T[K] ? K : never]?: AsJson<Exclude<T[K], undefined>>;
      }
    : T;

/** Kept under their own names for the test that compares them with spec.ts. */
export const specSchemas = { contextSpec, functionSpec };

export const ContextSpecSchema = Type.Unsafe<AsJson<ContextSpec>>(contextSpec);
export const FunctionSpecSchema = Type.Unsafe<AsJson<FunctionSpec>>(functionSpec);
