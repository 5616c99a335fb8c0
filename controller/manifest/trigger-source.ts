import { Type } from '@sinclair/typebox';
import { most } from './most.ts';
import { duration, headerNamePattern, identifier, oneOf, reference, strict, text, whole } from './source-parts.ts';

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
          size: Type.Optional(whole(1, most['batch.size'], { default: 100, description: 'Events per batch, at most.' })),
          window: Type.Optional(duration({ default: '0ms', description: 'How long to wait for a fuller batch; at most 5m.' })),
        },
        { ...strict, title: 'a mapping with size and window', description: 'How many events a pod is given at once.' },
      ),
    ),
    filter: Type.Optional(filter),
  },
  { ...strict, title: 'a mapping with streams, from, order, batch and filter', description: 'Runs for each event of streams.' },
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
      { ...strict, title: 'a mapping with header, algorithm, encoding and prefix', description: 'A keyed hash of the raw body.' },
    ),
  },
  { ...strict, title: 'a mapping with hmac', description: 'A scheme that has no name of its own.' },
);

const verifyTitle = 'github, stripe, slack, standard, none, or a mapping with hmac';

const webhookTrigger = Type.Object(
  {
    path: Type.String({
      pattern: '^(/(:[A-Za-z][A-Za-z0-9_]{0,39}|[A-Za-z0-9_~-][A-Za-z0-9._~-]*))+$',
      maxLength: 200,
      title: 'a path such as /stripe or /shops/:shop/orders',
      description: 'Path below `/hooks/<context>`; unique in the context.',
    }),
    verify: Type.Union([oneOf(['github', 'stripe', 'slack', 'standard', 'none'], { title: verifyTitle }), hmac], {
      title: verifyTitle,
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
  { ...strict, title: 'a mapping with path, verify, secret, key and respond', description: 'Runs for each request to an HTTP path.' },
);

const scheduleTrigger = Type.Object(
  {
    name: Type.Optional(
      identifier({
        description: 'Key of the events, unless they may overlap; unique within the function. Default: `schedule-<n>`.',
      }),
    ),
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
        description:
          '`forbid`: a due time is skipped while the event of the one before is not done. `allow`: events run side by side, and have no key.',
      }),
    ),
  },
  { ...strict, title: 'a mapping with cron, every or at', description: 'Runs at due times.' },
);

const resourceTrigger = Type.Object(
  {
    name: Type.Optional(
      identifier({ description: 'What was delivered is remembered under it; unique within the function. Default: `resource-<n>`.' }),
    ),
    apiVersion: Type.String({
      pattern: '^([a-z0-9.-]{1,200}/)?v[a-z0-9]{1,40}$',
      title: 'an API version such as v1 or apps/v1',
      description: 'Group and version of the kind.',
    }),
    kind: Type.String({
      pattern: '^[A-Z][A-Za-z0-9]{0,99}$',
      title: 'a kind such as ConfigMap',
      description: 'Built in, or of a custom resource.',
    }),
    namespace: Type.Optional(
      Type.String({
        pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$',
        title: 'the name of a namespace',
        description: 'Default: all namespaces, which needs a ClusterRole.',
      }),
    ),
    selector: Type.Optional(
      text(1000, { title: 'a label selector such as app=prices', description: 'An object that leaves the selection counts as deleted.' }),
    ),
    fields: Type.Optional(
      Type.Array(Type.String({ pattern: '^(/[^/]+)+$', maxLength: 500, title: 'a JSON pointer such as /status/phase' }), {
        minItems: 1,
        maxItems: 32,
        title: 'a list of JSON pointers',
        description:
          '`modified` is a change of one of these. Default: a new generation, or for kinds without one a change of anything but `status`.',
      }),
    ),
    events: Type.Optional(
      Type.Array(oneOf(['added', 'modified', 'deleted'], {}), {
        minItems: 1,
        title: 'a list of added, modified, deleted',
        description: 'Which changes run the function.',
        default: ['added', 'modified', 'deleted'],
      }),
    ),
  },
  { ...strict, title: 'a mapping with apiVersion and kind', description: 'Runs for each change of a Kubernetes resource.' },
);

const lagBound = (description: string) =>
  Type.Union([whole(0, Number.MAX_SAFE_INTEGER, {}), duration({})], {
    title: 'events such as 10000, or an age such as 5m',
    description,
  });

const lagTrigger = Type.Object(
  {
    group: text(200, { title: 'the name of a consumer group', description: 'A group, ours or a foreign one.' }),
    topics: Type.Array(Type.String({ pattern: '^[A-Za-z0-9._-]{1,249}$', title: 'a topic' }), {
      minItems: 1,
      maxItems: 64,
      title: 'a list of topics',
    }),
    above: lagBound('The event is sent when the lag rises above this: so many events, or the oldest one so old.'),
    below: Type.Optional(lagBound('Over, which is another event, when the lag is at this or less. Default: half of `above`.')),
    every: Type.Optional(
      duration({ default: '10s', description: 'How often to look; at least 1s. A group of others is asked every 10s at most.' }),
    ),
  },
  {
    ...strict,
    title: 'a mapping with group, topics and above',
    description: 'Runs when a consumer group falls behind, and when it has caught up.',
  },
);

/** An entry of `on`. */
export const triggerSource = Type.Object(
  {
    stream: Type.Optional(streamTrigger),
    webhook: Type.Optional(webhookTrigger),
    schedule: Type.Optional(scheduleTrigger),
    resource: Type.Optional(resourceTrigger),
    lag: Type.Optional(lagTrigger),
  },
  { ...strict, minProperties: 1, maxProperties: 1, title: 'one of stream, webhook, schedule, resource, lag' },
);
