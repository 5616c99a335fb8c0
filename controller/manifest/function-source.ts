import { Type } from '@sinclair/typebox';
import { most } from './most.ts';
import { duration, oneOf, reference, size, strict, text, whole } from './source-parts.ts';
import { triggerSource } from './trigger-source.ts';
import { cpuPattern, durationPattern, durationRangePattern } from './units.ts';

const triggersMax = 32;

const scheduledBounds = Type.Object(
  {
    cron: text(200, { title: 'a cron pattern such as "0 8 * * 1-5"', description: 'From when these bounds hold.' }),
    timezone: Type.Optional(
      text(64, { title: 'a time zone such as Europe/Kyiv', default: 'UTC', description: 'Zone of the cron pattern.' }),
    ),
    min: whole(0, most['scale.max'], { description: 'Pods at least.' }),
    max: whole(1, most['scale.max'], { description: 'Pods at most.' }),
  },
  { ...strict, title: 'a mapping with cron, min and max' },
);

/** An entry of `functions`. */
export const functionSource = Type.Object(
  {
    handler: Type.String({
      minLength: 1,
      maxLength: 500,
      title: 'the path of a .ts, .mts, .js or .mjs file',
      description: 'File with the handler, relative to the manifest and inside its folder.',
      examples: ['src/customer-totals.ts'],
    }),
    on: Type.Optional(
      Type.Array(triggerSource, {
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
        {
          ...strict,
          title: 'a mapping with attempts, backoff, maxCrashes and onExhausted',
          description: 'What happens to an event whose handling fails.',
        },
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
                Type.Number({ exclusiveMinimum: 0, maximum: 999, title: 'processor time such as 500m or 2' }),
              ],
              {
                title: 'processor time such as 500m or 2',
                default: '500m',
                description: 'Per pod, in cores or thousandths of one.',
              },
            ),
          ),
          concurrency: Type.Optional(
            whole(1, most['limits.concurrency'], { default: 16, description: 'Events (or batch calls) in flight per pod.' }),
          ),
        },
        {
          ...strict,
          title: 'a mapping with timeout, lifespan, memory, cpu and concurrency',
          description: 'What one event and one pod may use.',
        },
      ),
    ),
    scale: Type.Optional(
      Type.Object(
        {
          min: Type.Optional(whole(0, most['scale.max'], { default: 0, description: 'Pods at least.' })),
          max: Type.Optional(whole(1, most['scale.max'], { default: 10, description: 'Pods at most.' })),
          maxAge: Type.Optional(
            duration({ default: '30s', description: 'How old an event may get before it is handled. At least 100ms.' }),
          ),
          prefer: Type.Optional(
            oneOf(['cost', 'balanced', 'latency'], {
              default: 'balanced',
              description: 'How full pods may be, and how much of `maxAge` may be used before more of them come.',
            }),
          ),
          schedule: Type.Optional(
            Type.Array(scheduledBounds, {
              maxItems: 32,
              default: [],
              title: 'a list of cron, min and max',
              description:
                'Bounds in place of `min` and `max`, each from its due time until that of another; before the first one `min` and `max` hold.',
            }),
          ),
          weight: Type.Optional(
            whole(1, 100, {
              description: 'Its part where functions need more pods than `scale.budget` has: twice the weight, twice the pods. Usually 1.',
            }),
          ),
          lagThreshold: Type.Optional(whole(1, Number.MAX_SAFE_INTEGER, { description: 'Expert override: waiting events per pod.' })),
        },
        {
          ...strict,
          title: 'a mapping with min, max, maxAge, prefer, schedule, weight and lagThreshold',
          description: 'The service level, and the bounds within which it is kept.',
        },
      ),
    ),
    warm: Type.Optional(
      Type.Object(
        {
          keep: Type.Optional(
            Type.String({
              pattern: `^(auto|never)$|${durationPattern}`,
              title: 'auto, never, or a duration such as 5m',
              default: 'auto',
              description:
                'How long an idle pod is kept. `auto`: as its own idle times make it cheapest, called back ahead of the next event, a due time or a caller.',
            }),
          ),
          min: Type.Optional(whole(0, 1000, { default: 0, description: 'Pods that are kept warm in any case.' })),
        },
        { ...strict, title: 'a mapping with keep and min', description: 'How idle pods are kept for the next event.' },
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
