import fc from 'fast-check';
import type { ContextSpec, FunctionSpec, StreamRef, StreamSpec, TriggerSpec, VerifySpec } from '../../controller/manifest/spec.ts';

/** Any spec that a manifest can describe. Text holds what YAML is tricky about. */
const day = 86_400_000;
const identifier = fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/).filter(name => !['faas', 'constructor', 'prototype'].includes(name));
const text = fc.oneof(
  fc.constantFrom(
    'null',
    'true',
    '~',
    '1e3',
    '0x10',
    '- a',
    'a: b',
    '#c',
    `\${X}`,
    `$\${X}`,
    '"',
    "'",
    '*',
    '&a',
    '!t',
    '2026-01-01',
    'a\nb',
    ' a ',
    '\t',
    '%',
    '@',
    '<<',
  ),
  fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }),
);
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const ms = (min: number, max: number) =>
  fc.oneof(
    fc.integer({ min, max }),
    fc.constantFrom(1000, 60_000, 3_600_000, day).filter(one => one >= min && one <= max),
  );
const safeKey = (pattern: RegExp) => fc.stringMatching(pattern).filter(key => !['__proto__', 'constructor', 'prototype'].includes(key));

const jsonSchema = fc.oneof(
  fc.boolean(),
  fc.record(
    {
      type: fc.constantFrom('object', 'string', 'number'),
      properties: fc.dictionary(
        safeKey(/^[a-z$_ .-]{1,8}$/),
        fc.record({ type: fc.constantFrom('string', 'integer'), description: text }),
        { maxKeys: 3, noNullPrototype: true },
      ),
      required: fc.uniqueArray(fc.string({ maxLength: 4 }), { maxLength: 2 }),
      const: fc.oneof(text, fc.integer(), fc.constant(null)),
    },
    { requiredKeys: [], noNullPrototype: true },
  ),
);

const stream = (context: string, name: string): fc.Arbitrary<StreamSpec> =>
  fc
    .record({
      internal: fc.boolean(),
      topic: fc.constantFrom(`${name}`, `${context}.${name}`, `x_${name}`),
      partitions: maybe(fc.integer({ min: 1, max: 1024 })),
      schema: maybe(jsonSchema),
      retention: maybe(fc.record({ ageMs: maybe(ms(1000, 3650 * day)), bytes: maybe(fc.integer({ min: 1024, max: 2 ** 45 })) })),
    })
    .map(made => ({ name, ...made, topic: made.internal ? `${context}.int.${name}` : made.topic }));

const verify: fc.Arbitrary<VerifySpec> = fc.oneof(
  fc.record({ scheme: fc.constantFrom('github' as const, 'stripe' as const, 'slack' as const, 'standard' as const) }),
  fc.record({
    scheme: fc.constant('hmac' as const),
    header: fc.constantFrom('x-sig', 'x-hub-signature'),
    algorithm: fc.constantFrom('sha1' as const, 'sha256' as const, 'sha512' as const),
    encoding: fc.constantFrom('hex' as const, 'base64' as const),
    prefix: fc.oneof(fc.constant(''), text),
  }),
);

const filter = fc.record({
  key: maybe(text),
  headers: fc.dictionary(fc.constantFrom('x-a', 'ce-type'), text, { noNullPrototype: true }),
  data: fc.dictionary(
    fc.constantFrom('/a', '/a~1b', '/'),
    fc.oneof(
      text,
      fc.double({ noNaN: true, noDefaultInfinity: true }).filter(n => !Object.is(n, -0)),
      fc.boolean(),
      fc.constant(null),
    ),
    {
      noNullPrototype: true,
    },
  ),
});

const bounds = fc.oneof(
  fc.tuple(fc.nat(1000), fc.nat(1000)).map(([a, b]) => ({ above: { events: Math.max(a, b) }, below: { events: Math.min(a, b) } })),
  fc.tuple(fc.nat(day), fc.nat(day)).map(([a, b]) => ({ above: { ageMs: Math.max(a, b) }, below: { ageMs: Math.min(a, b) } })),
);

/** `index` makes webhook paths and schedule names different. */
const trigger = (own: readonly StreamRef[], index: number): fc.Arbitrary<TriggerSpec> =>
  fc.oneof(
    ...(own.length === 0 || index > 0
      ? []
      : [
          fc.record({
            kind: fc.constant('stream' as const),
            streams: fc.subarray([...own], { minLength: 1 }),
            from: fc.oneof(
              fc.constantFrom('earliest' as const, 'latest' as const),
              fc.record({ timeMs: fc.integer({ min: 0, max: 4_000_000_000_000 }) }),
            ),
            order: fc.constant('key' as const),
            batch: fc.record({ size: fc.integer({ min: 1, max: 10_000 }), windowMs: ms(0, 300_000) }),
            filter: maybe(filter),
          }),
        ]),
    fc.record({
      kind: fc.constant('webhook' as const),
      path: fc.constantFrom(`/p${index}`, `/p${index}/:id`),
      verify,
      secret: identifier,
      key: maybe(
        fc.oneof(
          fc.constant({ from: 'header' as const, name: 'x-id' }),
          fc.constantFrom('', '/a', '/a~1b/0').map(pointer => ({ from: 'json' as const, pointer })),
        ),
      ),
      respond: fc.constantFrom('accepted' as const, 'result' as const),
    }),
    fc.record({
      kind: fc.constant('schedule' as const),
      name: identifier.map(name => `${name}-${index}`),
      when: fc.oneof(
        fc.record({ cron: fc.constantFrom('0 6 * * *', '*/5 * * * * *', '0 0 1 * MON') }),
        fc.record({ everyMs: ms(100, 366 * day) }),
        fc.record({ atMs: fc.integer({ min: 0, max: 4_000_000_000_000 }) }),
      ),
      timezone: fc.constantFrom('UTC', 'Europe/Kyiv', 'Asia/Kathmandu'),
      missed: fc.constantFrom('latest' as const, 'all' as const, 'skip' as const),
      overlap: fc.constantFrom('forbid' as const, 'allow' as const),
    }),
    fc.record({
      kind: fc.constant('resource' as const),
      name: fc.constant(`watch-${index}`),
      apiVersion: fc.constantFrom('v1', 'apps/v1'),
      resourceKind: fc.constant('ConfigMap'),
      namespace: maybe(fc.constant('prod')),
      selector: maybe(text),
      fields: fc.subarray(['/spec', '/status/phase']),
      events: fc.subarray(['added' as const, 'modified' as const, 'deleted' as const], { minLength: 1 }),
    }),
    fc
      .record({
        kind: fc.constant('lag' as const),
        group: text,
        topics: fc.array(fc.constantFrom('a', 'b.c'), { minLength: 1, maxLength: 3 }),
        bounds,
        everyMs: ms(1000, day),
      })
      .map(({ bounds: both, ...lag }) => ({ ...lag, ...both })),
  );

const scheduledBounds = fc
  .record({
    cron: fc.constantFrom('0 8 * * 1-5', '30 20 * * *'),
    timezone: fc.constantFrom('UTC', 'Europe/Kyiv'),
    min: fc.nat(20),
    more: fc.integer({ min: 1, max: 20 }),
  })
  .map(({ more, ...rest }) => ({ ...rest, max: rest.min + more }));

const fn = (context: string, name: string, streams: readonly string[], functions: readonly string[]): fc.Arbitrary<FunctionSpec> => {
  const own = streams.map(stream => ({ name: stream, context, stream }));
  const foreign = [{ name: 'other.things', context: 'other', stream: 'things' }];
  return fc
    .record({
      on: fc.nat(3).chain(count => fc.tuple(...Array.from({ length: count }, (_, index) => trigger([...own, ...foreign], index)))),
      handler: fc.constantFrom('src/a.ts', 'b.mjs', 'deep/er/c.js'),
      retry: fc.record({
        attempts: fc.integer({ min: 1, max: 1000 }),
        backoffMs: fc.tuple(ms(0, day), ms(0, day)).map(([a, b]) => ({ min: Math.min(a, b), max: Math.max(a, b) })),
        maxCrashes: fc.integer({ min: 1, max: 100 }),
        onExhausted: fc.constantFrom('dlq' as const, 'park' as const, 'block' as const),
      }),
      limits: fc.record({
        timeoutMs: ms(1, day),
        lifespanMs: ms(1000, 30 * day),
        memoryBytes: fc.integer({ min: 32 * 2 ** 20, max: 2 ** 36 }),
        cpuMillis: fc.integer({ min: 1, max: 999_000 }),
        concurrency: fc.integer({ min: 1, max: 10_000 }),
      }),
      scale: fc
        .record({
          a: fc.nat(10_000),
          b: fc.integer({ min: 1, max: 10_000 }),
          maxAgeMs: ms(100, 30 * day),
          lagThreshold: maybe(fc.integer({ min: 1 })),
          prefer: maybe(fc.constantFrom('cost' as const, 'balanced' as const, 'latency' as const)),
          weight: maybe(fc.integer({ min: 1, max: 100 })),
          schedule: maybe(fc.array(scheduledBounds, { minLength: 1, maxLength: 3 })),
        })
        .map(({ a, b, ...rest }) => ({ min: Math.min(a, b), max: Math.max(a, b), ...rest })),
      warm: fc.record({ keepMs: fc.oneof(fc.constant('auto' as const), ms(0, 30 * day)), min: fc.nat(1000) }),
      emits: fc.subarray([...own, ...foreign]),
      calls: fc.subarray([...functions.map(other => `${context}.${other}`), 'other.thing']),
      env: fc.dictionary(safeKey(/^[A-Za-z_][A-Za-z0-9_]{0,6}$/), fc.oneof(fc.constant(''), text), { maxKeys: 3, noNullPrototype: true }),
      durability: fc.constantFrom('default' as const, 'strict' as const),
    })
    .map(made => ({ name, ...made }));
};

export const anySpec: fc.Arbitrary<ContextSpec> = fc
  .record({
    context: identifier.filter(name => name !== 'other'),
    streams: fc.uniqueArray(identifier, { maxLength: 3 }),
    functions: fc.uniqueArray(identifier, { maxLength: 3 }),
  })
  .chain(({ context, streams, functions }) =>
    fc.record({
      context: fc.constant(context),
      owner: maybe(text),
      streams: fc.tuple(...streams.map(name => stream(context, name))),
      functions: fc.tuple(...functions.map(name => fn(context, name, streams, functions))).map(made => made.map(withOwnPaths)),
    }),
  );

/** Paths are unique in a context. */
function withOwnPaths(spec: FunctionSpec, index: number): FunctionSpec {
  return { ...spec, on: spec.on.map(one => (one.kind === 'webhook' ? { ...one, path: `/f${index}${one.path}` } : one)) };
}
