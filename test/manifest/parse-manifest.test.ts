import { describe, expect, test } from 'vitest';
import { parseManifest } from '../../controller/manifest/parse-manifest.ts';

const surroundings = { file: 'faas.yaml', env: {}, fileExists: () => true, readFile: () => '{ "type": "object" }' };

function specOf(text: string) {
  const parsed = parseManifest(text, surroundings);
  if (parsed.kind === 'problems') throw new Error(JSON.stringify(parsed.problems));
  return parsed.spec;
}

const everything = `# yaml-language-server: $schema=./node_modules/faas/docs/reference/manifest.schema.json
version: 1
context: shop
owner: team-shop
streams:
  orders: { topic: orders, schema: schemas/order.json }
  vips:   { internal: true, partitions: 12, retention: { age: 7d, size: 1Gi } }
functions:
  customer-totals:
    handler: ./src/customer-totals.ts
    on:
      - stream: { streams: [orders, sales.leads], from: earliest, order: partition, batch: { size: 500, window: 20ms }, filter: { key: "a*", headers: { X-Kind: b }, data: { /total: 5 } } }
      - webhook: { path: /stripe/:shop, verify: stripe, secret: stripe-key, key: "json:/data/object/customer", respond: result }
      - webhook: { path: /own, verify: { hmac: { header: X-Sig, encoding: base64 } }, secret: own, key: "header:X-Shop" }
      - schedule: { cron: "0  6 * * *", timezone: Europe/Kyiv, missed: all, overlap: allow }
      - schedule: { name: once, at: 2026-01-31T06:00:00+02:00 }
      - resource: { apiVersion: v1, kind: ConfigMap, selector: "app=prices", events: [deleted, added] }
      - lag: { group: faas.sales.x, topics: [leads], above: 5m }
    retry: { attempts: 7, backoff: 1s, maxCrashes: 2, onExhausted: block }
    limits: { timeout: 5s, lifespan: 1h, memory: 1Gi, cpu: 2, concurrency: 4 }
    scale: { min: 1, max: 50, maxAge: 10s, prefer: latency, schedule: [{ cron: "0 8 * * 1-5", timezone: Europe/Kyiv, min: 5, max: 50 }], lagThreshold: 100 }
    warm: { keep: 5m, min: 2 }
    emits: [vips, sales.leads]
    calls: [tax, billing.pay]
    env: { REGION: eu, LEVEL: 3, DEBUG: true }
    durability: strict
  tax: { handler: src/tax.mjs }
`;

describe('a manifest becomes a spec', () => {
  test('with every key given', () => expect(specOf(everything)).toMatchSnapshot());

  test('with all defaults', () => {
    expect(
      specOf(
        'version: 1\ncontext: shop\nstreams: { orders: {} }\nfunctions:\n  tax: { handler: tax.ts, on: [{ stream: { streams: [orders] } }] }',
      ),
    ).toEqual({
      context: 'shop',
      owner: undefined,
      streams: [{ name: 'orders', topic: 'shop.orders', internal: false, partitions: undefined, schema: undefined, retention: undefined }],
      functions: [
        {
          name: 'tax',
          handler: 'tax.ts',
          on: [
            {
              kind: 'stream',
              streams: [{ name: 'orders', context: 'shop', stream: 'orders' }],
              from: 'latest',
              order: 'key',
              batch: { size: 100, windowMs: 0 },
              filter: undefined,
            },
          ],
          retry: { attempts: 5, backoffMs: { min: 200, max: 30_000 }, maxCrashes: 3, onExhausted: 'dlq' },
          limits: { timeoutMs: 30_000, lifespanMs: 600_000, memoryBytes: 268_435_456, cpuMillis: 500, concurrency: 16 },
          scale: { min: 0, max: 10, maxAgeMs: 30_000, lagThreshold: undefined },
          warm: { keepMs: 'auto', min: 0 },
          emits: [],
          calls: [],
          env: {},
          durability: 'default',
        },
      ],
    });
  });

  test('a context with nothing in it is one', () =>
    expect(specOf('version: 1\ncontext: shop')).toEqual({ context: 'shop', owner: undefined, streams: [], functions: [] }));

  test.each([
    ['anchors and aliases', 'version: 1\ncontext: shop\nstreams:\n  a: &s { partitions: 3 }\n  b: *s'],
    ['JSON', '{"version": 1, "context": "shop", "streams": {"a": {"partitions": 3}, "b": {"partitions": 3}}}'],
    ['Windows line ends', 'version: 1\r\ncontext: shop\r\nstreams:\r\n  a: { partitions: 3 }\r\n  b: { partitions: 3 }\r\n'],
    [
      'document markers, comments',
      '# a\n---\nversion: 1 # b\ncontext: shop\nstreams: { a: { partitions: 3 }, b: { partitions: 3 } }\n...\n',
    ],
  ])('%s', (_, text) => expect(specOf(text).streams.map(stream => stream.partitions)).toEqual([3, 3]));

  test('min above the default of max raises max', () => {
    expect(specOf('version: 1\ncontext: shop\nfunctions: { f: { handler: f.ts, scale: { min: 20 } } }').functions[0]?.scale).toMatchObject({
      min: 20,
      max: 20,
    });
  });

  test('a schema may use constructor as the name of a property', () => {
    const schema = { properties: { constructor: { type: 'string' } } };
    expect(
      specOf('version: 1\ncontext: shop\nstreams: { a: { schema: { properties: { constructor: { type: string } } } } }').streams[0]?.schema,
    ).toEqual(schema);
  });

  test.each([
    ['http://json-schema.org/draft-07/schema#'],
    ['https://json-schema.org/draft/2019-09/schema'],
    ['https://json-schema.org/draft/2020-12/schema'],
  ])('a schema in the dialect %s', dialect => {
    const schema = {
      $schema: dialect,
      type: 'object',
      properties: { id: { $ref: '#/definitions/id' } },
      definitions: { id: { type: 'string', format: 'uuid' } },
    };
    const parsed = parseManifest('version: 1\ncontext: shop\nstreams: { a: { schema: a.json } }', {
      ...surroundings,
      readFile: () => JSON.stringify(schema),
    });
    expect(parsed).toMatchObject({ kind: 'ok', spec: { streams: [{ schema }] } });
  });

  test('files are asked for by their shortest path', () => {
    const asked: string[] = [];
    const note = (path: string) => asked.push(path) > 0;
    parseManifest('version: 1\ncontext: shop\nstreams: { a: { schema: ./x/../s.json } }\nfunctions: { f: { handler: .//src/./f.ts } }', {
      ...surroundings,
      fileExists: note,
      readFile: path => (note(path) ? 'true' : undefined),
    });
    expect(asked).toEqual(['s.json', 'src/f.ts']);
  });
});
