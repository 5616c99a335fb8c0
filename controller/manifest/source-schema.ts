import { type TSchema, Type } from '@sinclair/typebox';
import { cpuPattern, durationPattern, durationRangePattern, sizePattern } from './units.ts';

/**
 * The form of `faas.yaml` as it is written: the one table behind the published JSON Schema, the checks of the parser, and the reference page.
 * `title` is what a reader of an error is told was expected; `default` is what holds when the key is absent.
 */
export const identifierPattern = '^[a-z][a-z0-9-]{0,39}$';
const referencePattern = '^[a-z][a-z0-9-]{0,39}(\\.[a-z][a-z0-9-]{0,39})?$';
const headerNamePattern = "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$";

interface Notes {
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly title?: string;
}

const strict = { additionalProperties: false } as const;
const identifierTitle = 'a name of lower-case letters, digits and "-", at most 40 long, that starts with a letter';
const identifier = (notes: Notes) =>
  Type.String({
    pattern: identifierPattern,
    title: identifierTitle,
    ...notes,
  });
const duration = (notes: Notes) =>
  Type.String({ pattern: durationPattern, title: 'a duration such as 200ms, 30s, 10m, 6h or 7d', ...notes });
const size = (notes: Notes) => Type.String({ pattern: sizePattern, title: 'a size such as 64Ki, 256Mi or 1Gi', ...notes });
const text = (lengthMax: number, notes: Notes) => Type.String({ minLength: 1, maxLength: lengthMax, title: 'text', ...notes });
const oneOf = (values: readonly string[], notes: Notes) =>
  Type.Unsafe<string>({ type: 'string', enum: values, title: `one of ${values.join(', ')}`, ...notes });
const whole = (minimum: number, maximum: number, notes: Notes) =>
  Type.Integer({ minimum, maximum, title: `a whole number from ${minimum} to ${maximum}`, ...notes });
const reference = (title: string) => Type.String({ pattern: referencePattern, title });
const named = (value: TSchema, entriesMax: number, notes: Notes) =>
  Type.Unsafe<Record<string, unknown>>({
    type: 'object',
    propertyNames: { pattern: identifierPattern, title: identifierTitle },
    additionalProperties: value,
    maxProperties: entriesMax,
    title: 'a mapping from names',
    ...notes,
  });

/** Bounds of lists and mappings: far above any sane context, low enough that a bad file stays cheap. */
const streamsMax = 1000;
const functionsMax = 500;
const triggersMax = 32;

const stream = Type.Object(
  {
    topic: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9._-]{1,200}$',
        title: 'a topic name of letters, digits, ".", "_" and "-", at most 200 long',
        description: 'Topic of a public stream. Default: `<context>.<stream>`.',
      }),
    ),
    internal: Type.Optional(
      Type.Boolean({
        title: 'true or false',
        default: false,
        description: 'Only this context may read or write it; its topic is `<context>.int.<stream>`.',
      }),
    ),
    partitions: Type.Optional(
      whole(1, 1024, { description: "Partitions when the topic is created. Default: the server's setting `streams.partitions`." }),
    ),
    schema: Type.Optional(
      Type.Union(
        [
          Type.String({ minLength: 1, maxLength: 1000, title: 'the path of a JSON Schema file' }),
          Type.Unsafe<Record<string, unknown>>({ type: 'object', title: 'a JSON Schema' }),
          Type.Boolean({ title: 'true or false' }),
        ],
        {
          title: 'the path of a JSON Schema file, or a JSON Schema',
          description: 'JSON Schema of `data`, as a file beside the manifest or in place; checked at emit and on read.',
        },
      ),
    ),
    retention: Type.Optional(
      Type.Object(
        {
          age: Type.Optional(duration({ description: 'How long records are kept.' })),
          size: Type.Optional(size({ description: 'Bytes kept per partition.' })),
        },
        {
          ...strict,
          title: 'a mapping with age and size',
          description: "Default: the server's settings `streams.retention` and `streams.retentionBytes`.",
        },
      ),
    ),
  },
  { ...strict, title: 'a mapping with topic, internal, partitions, schema and retention' },
);

const filter = Type.Object(
  {
    key: Type.Optional(Type.String({ title: 'text', description: 'Exact key, or `prefix*`.' })),
    headers: Type.Optional(
      Type.Unsafe<Record<string, string>>({
        type: 'object',
        propertyNames: { pattern: headerNamePattern, title: 'a header name' },
        additionalProperties: { type: 'string', title: 'text' },
        maxProperties: 32,
        title: 'a mapping from header names to text',
        description: 'Header name → exact value, or `prefix*`.',
      }),
    ),
    data: Type.Optional(
      Type.Unsafe<Record<string, string | number | boolean | null>>({
        type: 'object',
        propertyNames: { pattern: '^(/[^/]*)+$', title: 'a JSON pointer such as /order/total' },
        additionalProperties: { type: ['string', 'number', 'boolean', 'null'], title: 'text, a number, true, false or null' },
        maxProperties: 32,
        title: 'a mapping from JSON pointers to values',
        description: 'JSON pointer into the payload → value; text may end in `*`. Decided in the pod.',
      }),
    ),
  },
  { ...strict, title: 'a mapping with key, headers and data', description: 'Events that do not meet all conditions are passed over.' },
);

const streamTrigger = Type.Object(
  {
    streams: Type.Array(reference('the name of a stream, or <context>.<stream>'), {
      minItems: 1,
      maxItems: 64,
      title: 'a list of streams',
      description: 'Streams of this context, or public ones of another as `<context>.<stream>`.',
    }),
    from: Type.Optional(
      Type.String({
        pattern: '^(earliest|latest|[0-9]{4}-.*)$',
        title: 'earliest, latest, or a time such as 2026-01-31T06:00:00Z',
        default: 'latest',
        description: 'Where a function that is deployed for the first time starts to read.',
      }),
    ),
    order: Type.Optional(
      oneOf(['partition', 'key', 'none'], {
        default: 'key',
        description: '`key`: each key in order, keys in parallel. `partition`: one batch of a partition at a time.',
      }),
    ),
    batch: Type.Optional(
      Type.Object(
        {
          size: Type.Optional(whole(1, 10_000, { default: 100, description: 'Events per batch, at most.' })),
          window: Type.Optional(duration({ default: '0ms', description: 'How long to wait for a fuller batch; at most 5m.' })),
        },
        { ...strict, title: 'a mapping with size and window' },
      ),
    ),
    filter: Type.Optional(filter),
  },
  { ...strict, title: 'a mapping with streams, from, order, batch and filter' },
);

const hmac = Type.Object(
  {
    hmac: Type.Object(
      {
        header: Type.String({
          pattern: headerNamePattern,
          title: 'a header name',
          description: 'Header that carries the signature of the raw body.',
        }),
        algorithm: Type.Optional(oneOf(['sha1', 'sha256', 'sha512'], { default: 'sha256' })),
        encoding: Type.Optional(oneOf(['hex', 'base64'], { default: 'hex' })),
        prefix: Type.Optional(
          Type.String({ maxLength: 64, title: 'text', default: '', description: 'What stands before the signature, such as `sha256=`.' }),
        ),
      },
      { ...strict, title: 'a mapping with header, algorithm, encoding and prefix' },
    ),
  },
  { ...strict, title: 'a mapping with hmac' },
);

const webhookTrigger = Type.Object(
  {
    path: Type.String({
      pattern: '^(/(:[A-Za-z][A-Za-z0-9_]{0,39}|[A-Za-z0-9_~-][A-Za-z0-9._~-]*))+$',
      maxLength: 200,
      title: 'a path such as /stripe or /shops/:shop/orders',
      description: 'Path below `/hooks/<context>`; unique in the context.',
    }),
    verify: Type.Union([oneOf(['github', 'stripe', 'slack', 'standard', 'none'], {}), hmac], {
      title: 'github, stripe, slack, standard, none, or a mapping with hmac',
      description: 'How the signature of a request is checked. `none` takes requests from everyone.',
    }),
    secret: Type.Optional(
      identifier({
        description:
          'Name of the secret, resolved on the server at run time. Required, but refused with `verify: none`; never interpolated.',
      }),
    ),
    key: Type.Optional(
      Type.String({
        pattern: '^(header:.+|path:.+|json:(/.*)?)$',
        maxLength: 500,
        title: 'header:<name>, path:<parameter> or json:</pointer>',
        description: 'Where the key of the event comes from. Without it the event has no key.',
      }),
    ),
    respond: Type.Optional(
      oneOf(['accepted', 'result'], {
        default: 'accepted',
        description: '`accepted`: 202 as soon as the event is durable. `result`: waits up to 30 s for what the handler returns.',
      }),
    ),
  },
  { ...strict, title: 'a mapping with path, verify, secret, key and respond' },
);

const scheduleTrigger = Type.Object(
  {
    name: Type.Optional(identifier({ description: 'Key of the events; unique within the function. Default: `schedule-<n>`.' })),
    cron: Type.Optional(text(200, { title: 'a cron pattern such as "0 6 * * *"', description: 'Five fields, or six with seconds first.' })),
    every: Type.Optional(duration({ description: 'A fixed distance, from 100ms to 366d. One of `cron`, `every` and `at` is required.' })),
    at: Type.Optional(text(40, { title: 'a time such as 2026-01-31T06:00:00Z', description: 'Once, at this time.' })),
    timezone: Type.Optional(
      text(64, { title: 'a time zone such as Europe/Kyiv', default: 'UTC', description: 'Zone of the cron pattern.' }),
    ),
    missed: Type.Optional(
      oneOf(['latest', 'all', 'skip'], {
        default: 'latest',
        description:
          'What to do about due times that passed while the server was down: an event for the latest, for each (at most 1000), none.',
      }),
    ),
    overlap: Type.Optional(
      oneOf(['forbid', 'allow'], {
        default: 'forbid',
        description: '`forbid`: a due time is skipped while the event of the one before is not done.',
      }),
    ),
  },
  { ...strict, title: 'a mapping with cron, every or at' },
);

const resourceTrigger = Type.Object(
  {
    apiVersion: Type.String({ pattern: '^([a-z0-9.-]{1,200}/)?v[a-z0-9]{1,40}$', title: 'an API version such as v1 or apps/v1' }),
    kind: Type.String({ pattern: '^[A-Z][A-Za-z0-9]{0,99}$', title: 'a kind such as ConfigMap' }),
    namespace: Type.Optional(
      Type.String({
        pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$',
        title: 'the name of a namespace',
        description: 'Default: all namespaces that the server may watch.',
      }),
    ),
    selector: Type.Optional(text(1000, { title: 'a label selector such as app=prices' })),
    events: Type.Optional(
      Type.Array(oneOf(['added', 'modified', 'deleted'], {}), {
        minItems: 1,
        title: 'a list of added, modified, deleted',
        default: ['added', 'modified', 'deleted'],
      }),
    ),
  },
  { ...strict, title: 'a mapping with apiVersion and kind' },
);

const lagBound = (description: string) =>
  Type.Object(
    {
      events: Type.Optional(whole(0, Number.MAX_SAFE_INTEGER, { description: 'In events.' })),
      age: Type.Optional(duration({ description: 'In time.' })),
    },
    { ...strict, minProperties: 1, maxProperties: 1, title: 'either events or age', description },
  );

const lagTrigger = Type.Object(
  {
    group: text(200, { title: 'the name of a consumer group', description: 'A group, ours or a foreign one.' }),
    topics: Type.Array(Type.String({ pattern: '^[A-Za-z0-9._-]{1,249}$', title: 'a topic' }), {
      minItems: 1,
      maxItems: 64,
      title: 'a list of topics',
    }),
    above: lagBound('The event is sent when the lag rises above this.'),
    below: Type.Optional(lagBound('And again only after it fell below this. Default: half of `above`.')),
    every: Type.Optional(duration({ default: '10s', description: 'How often to look; at least 1s.' })),
  },
  { ...strict, title: 'a mapping with group, topics and above' },
);

const trigger = Type.Object(
  {
    stream: Type.Optional(streamTrigger),
    webhook: Type.Optional(webhookTrigger),
    schedule: Type.Optional(scheduleTrigger),
    resource: Type.Optional(resourceTrigger),
    lag: Type.Optional(lagTrigger),
  },
  { ...strict, minProperties: 1, maxProperties: 1, title: 'one of stream, webhook, schedule, resource, lag' },
);

const functionSource = Type.Object(
  {
    handler: Type.String({
      minLength: 1,
      maxLength: 500,
      title: 'the path of a .ts, .mts, .js or .mjs file',
      description: 'File with the handler, relative to the manifest and inside its folder.',
      examples: ['src/customer-totals.ts'],
    }),
    on: Type.Optional(
      Type.Array(trigger, {
        maxItems: triggersMax,
        title: 'a list of triggers',
        default: [],
        description: 'What the function is run by. Without a trigger it can still be called and started.',
      }),
    ),
    retry: Type.Optional(
      Type.Object(
        {
          attempts: Type.Optional(whole(1, 1000, { default: 5, description: 'Attempts in all; a crash of the infrastructure is none.' })),
          backoff: Type.Optional(
            Type.String({
              pattern: durationRangePattern,
              title: 'a range such as 200ms..30s',
              default: '200ms..30s',
              description: 'Waiting time after the first attempt, doubled up to the second value.',
            }),
          ),
          maxCrashes: Type.Optional(
            whole(1, 100, { default: 3, description: 'Crashes of the pod while the event ran alone, until it is a dead letter.' }),
          ),
          onExhausted: Type.Optional(
            oneOf(['dlq', 'park', 'block'], {
              default: 'dlq',
              description: '`dlq`: dead letter. `park`: hold back this key only. `block`: retry for ever.',
            }),
          ),
        },
        { ...strict, title: 'a mapping with attempts, backoff, maxCrashes and onExhausted' },
      ),
    ),
    limits: Type.Optional(
      Type.Object(
        {
          timeout: Type.Optional(duration({ default: '30s', description: 'Per event; per batch for `batch` handlers. From 1ms to 24h.' })),
          lifespan: Type.Optional(
            duration({ default: '10m', description: 'After this time the function gets a new worker. From 1s to 30d.' }),
          ),
          memory: Type.Optional(size({ default: '256Mi', description: 'Per pod, from 32Mi to 64Gi.' })),
          cpu: Type.Optional(
            Type.Union(
              [
                Type.String({ pattern: cpuPattern, title: 'processor time such as 500m or 2' }),
                Type.Number({ exclusiveMinimum: 0, maximum: 999, title: 'a number of cores' }),
              ],
              {
                title: 'processor time such as 500m or 2',
                default: '500m',
                description: 'Per pod, in cores or thousandths of one.',
              },
            ),
          ),
          concurrency: Type.Optional(whole(1, 10_000, { default: 16, description: 'Events (or batch calls) in flight per pod.' })),
        },
        { ...strict, title: 'a mapping with timeout, lifespan, memory, cpu and concurrency' },
      ),
    ),
    scale: Type.Optional(
      Type.Object(
        {
          min: Type.Optional(whole(0, 10_000, { default: 0, description: 'Pods at least.' })),
          max: Type.Optional(whole(1, 10_000, { default: 10, description: 'Pods at most.' })),
          maxAge: Type.Optional(
            duration({ default: '30s', description: 'How old an event may get before it is handled. At least 100ms.' }),
          ),
          lagThreshold: Type.Optional(whole(1, Number.MAX_SAFE_INTEGER, { description: 'Expert override: waiting events per pod.' })),
        },
        { ...strict, title: 'a mapping with min, max, maxAge and lagThreshold' },
      ),
    ),
    warm: Type.Optional(
      Type.Object(
        {
          keep: Type.Optional(
            Type.String({
              pattern: `^auto$|${durationPattern}`,
              title: 'auto, or a duration such as 5m',
              default: 'auto',
              description: 'How long an idle pod is kept.',
            }),
          ),
          min: Type.Optional(whole(0, 1000, { default: 0, description: 'Pods that are kept warm in any case.' })),
        },
        { ...strict, title: 'a mapping with keep and min' },
      ),
    ),
    emits: Type.Optional(
      Type.Array(reference('the name of a stream, or <context>.<stream>'), {
        maxItems: 256,
        title: 'a list of streams',
        default: [],
        description: 'Streams that the function may emit to.',
      }),
    ),
    calls: Type.Optional(
      Type.Array(reference('the name of a function, or <context>.<function>'), {
        maxItems: 256,
        title: 'a list of functions',
        default: [],
        description: 'Functions that it may call or start.',
      }),
    ),
    env: Type.Optional(
      Type.Unsafe<Record<string, unknown>>({
        type: 'object',
        propertyNames: { pattern: '^[A-Za-z_][A-Za-z0-9_]{0,127}$', title: 'the name of an environment variable' },
        additionalProperties: { type: ['string', 'number', 'boolean'], title: 'text' },
        maxProperties: 256,
        default: {},
        title: 'a mapping from variable names to text',
        description: 'Environment variables of the handler. No secrets: they are stored and shown.',
      }),
    ),
    durability: Type.Optional(
      oneOf(['default', 'strict'], { default: 'default', description: '`strict`: publish only what the store has made durable.' }),
    ),
  },
  { ...strict, title: 'a function: a mapping with handler, on, retry, limits and so on' },
);

export const manifestVersion = 1;

export const manifestSource = Type.Object(
  {
    version: Type.Unsafe<number>({ const: manifestVersion, title: `version ${manifestVersion}`, description: 'Version of this format.' }),
    context: identifier({ description: 'Name of the bounded context; the first part of the name of everything in it.' }),
    owner: Type.Optional(text(200, { description: 'Who to ask; shown to other contexts.' })),
    streams: Type.Optional(named(stream, streamsMax, { default: {}, description: 'Streams that this context owns.' })),
    functions: Type.Optional(named(functionSource, functionsMax, { default: {}, description: 'Functions of this context.' })),
  },
  { ...strict, title: 'a mapping with version, context, streams and functions' },
);

/** The line that makes editors complete and check a manifest; the first line of what `faas init` writes. */
export const yamlLanguageServerLine = '# yaml-language-server: $schema=./node_modules/faas/docs/reference/manifest.schema.json';
