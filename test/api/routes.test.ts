import { Ajv } from 'ajv';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PathName, paths, pathTo } from '../../controller/api/paths.ts';
import { deadLetterEmit } from '../../controller/dispatch/dead-letter.ts';
import { partitionOf } from '../../controller/ports/partition-of.ts';
import type { StreamRecord } from '../../controller/ports/streams.ts';
import { headerNames } from '../../runtime/protocol/headers.ts';
import { idleRoutes, openApiDocument } from '../../scripts/openapi.ts';
import { partitionReport, unitReport } from '../support/unit-report.ts';
import { bundle, bundleHash, shopManifest, startAdmin } from './start-admin.ts';

const utf8 = new TextEncoder();
const text = new TextDecoder();
const ajv = new Ajv({ strict: false, allErrors: true });

type Admin = Awaited<ReturnType<typeof startAdmin>>;
let admin: Admin;
beforeAll(async () => {
  admin = await startAdmin();
  await admin.deploy();
});
afterAll(() => admin.close());

/** Sends, and holds every answer to the contract's schema of its route. */
async function ask(method: string, path: string, body?: unknown): Promise<unknown> {
  const { status, answer } = await admin.json(method, path, body);
  expect({ status, answer }).toMatchObject({ status: 200 });
  const route = routes.find(one => one.method === method && matches(paths[one.path], path.split('?')[0] ?? ''));
  const validate = ajv.compile(route?.answer ?? false);
  validate(answer);
  expect(validate.errors ?? []).toStrictEqual([]);
  return answer;
}

const routes = idleRoutes();
const matches = (pattern: string, path: string) => new RegExp(`^${pattern.replace(/:[a-z]+/g, '[^/]+')}$`).test(path);

async function recordsOf(topic: string): Promise<readonly StreamRecord[]> {
  const bounds = await admin.streams.bounds(topic);
  const reads = await Promise.all(
    bounds.map(({ partition }) => admin.streams.read(topic, partition, 0, { records: 1_000, bytes: 2 ** 20 })),
  );
  return reads.flatMap(read => read.records);
}

const headersOf = (record: StreamRecord | undefined) =>
  Object.fromEntries((record?.headers ?? []).map(([name, value]) => [name, text.decode(value)]));

describe('paths', () => {
  test.each([
    [pathTo('function', { context: 'shop', function: 'tax' }), '/v1/functions/shop/tax'],
    [pathTo('deadLetter', { context: 'shop', function: 'tax', id: '0-1' }), '/v1/functions/shop/tax/dead-letters/0-1'],
    [
      pathTo('stateEntry', { context: 'shop', function: 'tax' }, { key: '../a b&c' }),
      '/v1/functions/shop/tax/state/entry?key=..%2Fa+b%26c',
    ],
    [pathTo('logs', {}, { follow: true, unit: undefined }), '/v1/logs?follow=true'],
    [pathTo('context', { context: 'a/b' }), '/v1/contexts/a%2Fb'],
  ])('%s is %s', (path, expected) => expect(path).toBe(expected));

  test('every path under /v1 has a route, and every route its path', () => {
    const served = new Set([...routes.map(route => route.path), 'openapi']);
    expect(Object.keys(paths).filter(name => paths[name as PathName].startsWith('/v1/') && !served.has(name))).toStrictEqual([]);
  });

  test('the document that the server answers is the one that is published', async () => {
    expect((await admin.json('GET', '/v1/openapi.json')).answer).toStrictEqual(await openApiDocument());
  });
});

describe('contexts and deployments', () => {
  test('a context is answered with its whole specification, which deploys as it is', async () => {
    const { spec } = Object(await ask('GET', '/v1/contexts/shop'));
    expect(await ask('POST', '/v1/deployments', { spec, bundles: { 'customer-totals': bundleHash, tax: bundleHash } })).toMatchObject({
      functions: [{ change: 'unchanged' }, { change: 'unchanged' }],
    });
    expect(await ask('GET', '/v1/contexts')).toMatchObject({
      contexts: [
        {
          context: 'shop',
          owner: 'team-shop',
          functions: ['customer-totals', 'tax'],
          streams: [
            { name: 'orders', internal: false, schema: true },
            { name: 'vips', internal: true },
          ],
        },
      ],
    });
  });

  test('a deployment without its bundle is refused with every reason, and what was live stays live', async () => {
    const { spec } = Object(await ask('GET', '/v1/contexts/shop'));
    const { status, answer } = await admin.json('POST', '/v1/deployments', { spec, bundles: { tax: '0'.repeat(64) } });
    expect(status).toBe(422);
    expect(answer).toMatchObject({ code: 'FAAS_DEPLOY_REFUSED', problems: [{ at: 'shop.customer-totals' }, { at: 'shop.tax' }] });
    expect(await ask('GET', '/v1/functions')).toMatchObject({ functions: [{ unit: 'shop.customer-totals' }, { unit: 'shop.tax' }] });
  });

  test('a specification that no manifest could give is refused, though its form is right', async () => {
    const { spec } = Object(await ask('GET', '/v1/contexts/shop'));
    spec.functions[1].limits.timeoutMs = Number.MAX_SAFE_INTEGER;
    expect(await admin.json('POST', '/v1/deployments', { spec, bundles: {} })).toMatchObject({
      status: 422,
      answer: { code: 'FAAS_DEPLOY_REFUSED', problems: [{ at: 'shop', code: expect.stringMatching(/^FAAS_MANIFEST_/) }] },
    });
  });

  test('a source map belongs to a bundle that is there', async () => {
    expect(await ask('PUT', `/v1/bundles/${bundleHash}`, bundle)).toStrictEqual({ hash: bundleHash, bytes: bundle.length });
    expect(await ask('PUT', `/v1/bundles/${bundleHash}/source-map`, utf8.encode('{}'))).toStrictEqual({ hash: bundleHash, bytes: 2 });
    await ask('PUT', `/v1/bundles/${bundleHash}`, bundle);
    expect(text.decode((await admin.registry.bundle(bundleHash))?.sourceMap)).toBe('{}');
    expect(await admin.json('PUT', `/v1/bundles/${'0'.repeat(64)}/source-map`, utf8.encode('{}'))).toMatchObject({
      status: 409,
      answer: { code: 'FAAS_BUNDLE_UNKNOWN' },
    });
  });

  test('rolling back to a revision that is not there is refused; removing what is not there is a 404 with the nearest name', async () => {
    expect(await admin.json('POST', '/v1/functions/shop/tax/rollback', { revision: 'r9-00000000' })).toMatchObject({ status: 422 });
    expect(await admin.json('DELETE', '/v1/functions/shop/taxx')).toMatchObject({
      status: 404,
      answer: { hint: 'Did you mean "shop.tax"?' },
    });
    expect(await admin.json('DELETE', '/v1/contexts/shops')).toMatchObject({
      status: 404,
      answer: { code: 'FAAS_CONTEXT_UNKNOWN', hint: 'Did you mean "shop"?' },
    });
  });

  test('a removed context is gone, with its functions', async () => {
    await admin.deploy(shopManifest.replace('context: shop', 'context: brief').replaceAll('topic: orders', 'topic: brief-orders'));
    expect(await ask('DELETE', '/v1/functions/brief/tax?state=true')).toStrictEqual({ removed: ['brief.tax'] });
    expect(await ask('DELETE', '/v1/contexts/brief')).toStrictEqual({ removed: ['brief.customer-totals'] });
    expect(await ask('GET', '/v1/contexts')).toMatchObject({ contexts: [{ context: 'shop' }] });
  });
});

describe('streams', () => {
  test('an event becomes a CloudEvent in the partition of its key', async () => {
    const answer = await ask('POST', '/v1/streams/shop/orders/events', {
      events: [{ key: 'k1', data: { total: 1 }, id: 'e1', headers: { 'X-Tenant': 'a' } }],
    });
    const partition = partitionOf(utf8.encode('k1'), 'e1', 2);
    expect(answer).toStrictEqual({ topic: 'orders', events: [{ id: 'e1', partition, offset: 0 }] });
    const [record] = (await admin.streams.read('orders', partition, 0, { records: 1, bytes: 1 })).records;
    expect(text.decode(record?.value ?? undefined)).toBe('{"total":1}');
    expect(headersOf(record)).toMatchObject({
      [headerNames.id]: 'e1',
      [headerNames.type]: 'shop.orders',
      [headerNames.source]: '/api',
      [headerNames.contentType]: 'application/json',
      [headerNames.correlationId]: 'e1',
      [headerNames.hop]: '0',
      'x-tenant': 'a',
    });
  });

  test('the trace of the request goes on in the event', async () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const response = await admin.request(
      'POST',
      '/v1/streams/shop/vips/events',
      { events: [{ data: 1, id: 't' }] },
      { traceparent: `00-${trace}-00f067aa0ba902b7-01` },
    );
    expect(response.status).toBe(200);
    const [record] = await recordsOf('shop.int.vips');
    expect(headersOf(record)[headerNames.traceparent]).toMatch(new RegExp(`^00-${trace}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`));
  });

  test.each([
    [
      'the second one breaks the schema',
      { events: [{ data: { total: 1 } }, { data: { total: 'x' } }] },
      422,
      { code: 'FAAS_EVENT_SCHEMA', problems: [{ at: '/events/1/data/total', message: 'must be number' }] },
    ],
    [
      'a header that is the runtime’s own',
      { events: [{ data: { total: 1 }, headers: { ce_id: 'x' } }] },
      400,
      { code: 'FAAS_API_REQUEST' },
    ],
    ['a header of dead letters', { events: [{ data: { total: 1 }, headers: { 'faas-replay': 'x' } }] }, 400, { code: 'FAAS_API_REQUEST' }],
    ['none', { events: [] }, 400, { code: 'FAAS_API_REQUEST' }],
    ['1001', { events: Array.from({ length: 1_001 }, () => ({ data: { total: 1 } })) }, 400, { code: 'FAAS_API_REQUEST' }],
    [
      'one of more than 1 MiB',
      { events: [{ data: { total: 1 } }, { data: { total: 1, note: 'x'.repeat(2 ** 20) } }] },
      413,
      { code: 'FAAS_EVENT_TOO_LARGE' },
    ],
  ])('events are appended all or none: %s', async (_, body, status, answer) => {
    const before = (await recordsOf('orders')).length;
    expect(await admin.json('POST', '/v1/streams/shop/orders/events', body)).toMatchObject({ status, answer });
    expect((await recordsOf('orders')).length).toBe(before);
  });

  test('an unknown stream is a 404 that names the known ones', async () => {
    expect(await admin.json('POST', '/v1/streams/shop/order/events', { events: [{ data: 1 }] })).toMatchObject({
      status: 404,
      answer: { hint: 'Did you mean "orders"?' },
    });
    expect(await admin.json('POST', '/v1/streams/shop/xyz/events', { events: [{ data: 1 }] })).toMatchObject({
      status: 404,
      answer: { hint: 'shop has: orders, vips.' },
    });
  });

  test('streams are listed with what they hold', async () => {
    expect(await ask('GET', '/v1/streams')).toMatchObject({
      streams: [
        { context: 'shop', name: 'orders', topic: 'orders', internal: false, schema: true, partitions: 2, retainedEvents: 1 },
        { context: 'shop', name: 'vips', topic: 'shop.int.vips', internal: true, schema: false, partitions: 2, retainedEvents: 1 },
      ],
    });
  });
});

describe('backlog', () => {
  test('what is in the log and not done waits, with the age that the dispatcher reports', async () => {
    const partition = partitionOf(utf8.encode('k1'), 'e1', 2);
    expect(await ask('GET', '/v1/functions/shop/customer-totals')).toMatchObject({
      backlogEvents: 1,
      deadLetters: 0,
      state: { keys: 0 },
      revisions: [{ live: true }],
    });
    const waiting = partitionReport('orders', partition, {
      endOffset: 1,
      nextOffset: 1,
      openEvents: 1,
      oldestAppendedAtMs: Date.now() - 5_000,
    });
    admin.world.reports.push(unitReport('shop.customer-totals', { waiting: 1, usablePods: 1, partitions: [waiting] }));
    const lag = Object(await ask('GET', '/v1/lag')).functions[0];
    expect(lag).toMatchObject({ unit: 'shop.customer-totals', backlogEvents: 1, waiting: 1, inFlight: 0 });
    expect(lag.oldestAgeMs).toBeGreaterThanOrEqual(5_000);
    expect(lag.partitions.filter((one: { backlogEvents: number }) => one.backlogEvents > 0)).toMatchObject([
      { topic: 'orders', partition, endOffset: 1, backlogEvents: 1 },
    ]);
    await admin.state.resetProgress({ unit: 'shop.customer-totals', name: `orders.${partition}` }, 1);
    expect(Object(await ask('GET', '/v1/lag')).functions[0]).toMatchObject({ backlogEvents: 0 });
  });
});

describe('invoke', () => {
  test.each([
    [{ kind: 'ok', answer: utf8.encode('{"tax":3}'), repeated: false }, 200, { answer: { tax: 3 }, repeated: false }],
    [{ kind: 'ok', answer: undefined, repeated: true }, 200, { repeated: true }],
    [
      { kind: 'failed', reason: 'error', error: { code: 'FAAS_HANDLER_ERROR', name: 'TypeError', message: 'boom', stack: undefined } },
      502,
      { code: 'FAAS_CALL_FAILED' },
    ],
    [{ kind: 'conflict', keys: ['a'] }, 409, { code: 'FAAS_CALL_CONFLICT' }],
    [{ kind: 'timeout' }, 504, { code: 'FAAS_CALL_TIMEOUT' }],
    [{ kind: 'unavailable', retryAfterMs: 1_500 }, 503, { code: 'FAAS_CALL_UNAVAILABLE' }],
  ] as const)('%j → %i', async (given, status, expected) => {
    admin.world.answer = given;
    const response = await admin.request('POST', '/v1/functions/shop/tax/invoke', {
      key: 'k',
      data: { a: 1 },
      timeoutMs: 500,
      idempotencyKey: 'i',
    });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject(expected);
    if (status === 503) expect(response.headers.get('retry-after')).toBe('2');
    expect(admin.calls.at(-1)).toMatchObject({
      unit: 'shop.tax',
      key: 'k',
      data: utf8.encode('{"a":1}'),
      timeoutMs: 500,
      idempotencyKey: 'i',
      depth: 0,
    });
  });
});

describe('state', () => {
  beforeAll(async () => {
    const source = { unit: 'shop.tax', name: 'faas.shop.tax.inbox.0' };
    await admin.state.claim(source, { ownerToken: 'o', brokerGeneration: 0, nowMs: 1, committedOffset: 0 });
    const keys = ['', '.', '..', 'a', 'a/b', 'b', 'ключ'];
    const writes = keys.map(key => ({ key, value: utf8.encode(JSON.stringify({ key })) }));
    const result = await admin.state.commit(source, {
      ownerToken: 'o',
      ordinal: 1,
      id: 'c1',
      stream: 's',
      highSeqOffset: 0,
      highSeqs: [],
      done: [],
      clearAttempts: [],
      ids: [],
      knownIds: [],
      reads: [],
      writes,
      emits: [],
    });
    expect(result.kind).toBe('ok');
  });

  test('is listed in pages, by key', async () => {
    const seen: string[] = [];
    for (let next: string | undefined; ; ) {
      const page = Object(await ask('GET', pathTo('state', { context: 'shop', function: 'tax' }, { limit: 2, after: next })));
      seen.push(...page.entries.map((entry: { key: string }) => entry.key));
      next = page.next;
      if (next === undefined) break;
    }
    expect(seen).toStrictEqual(['', '.', '..', 'a', 'a/b', 'b', 'ключ']);
    expect(Object(await ask('GET', '/v1/functions/shop/tax/state?prefix=a')).entries).toHaveLength(2);
  });

  test.each(['', '.', '..', 'a/b', 'ключ'])('of the key %j is found', async key => {
    expect(await ask('GET', pathTo('stateEntry', { context: 'shop', function: 'tax' }, { key }))).toMatchObject({ key, value: { key } });
  });

  test('of a store that was put back is accepted', async () => {
    expect(await ask('POST', pathTo('acceptRollback', { context: 'shop', function: 'tax' }), {})).toEqual({
      acceptedAtMs: expect.any(Number),
    });
  });

  test('of a key that has none is a 404', async () => {
    expect(await admin.json('GET', '/v1/functions/shop/tax/state/entry?key=nobody')).toMatchObject({
      status: 404,
      answer: { code: 'FAAS_STATE_UNKNOWN' },
    });
  });
});

describe('dead letters', () => {
  const list = '/v1/functions/shop/customer-totals/dead-letters';
  const topic = 'faas.shop.customer-totals.dlq';
  const inbox = 'faas.shop.customer-totals.inbox';

  async function fail(id: string, key: string | null, value: Uint8Array): Promise<void> {
    const letter = {
      unit: 'shop.customer-totals',
      revision: 'r1-0a0b0c0d',
      reason: 'error',
      error: { code: 'FAAS_HANDLER_ERROR', name: 'TypeError', message: 'boom', stack: 'TypeError: boom\n at x' },
      attempts: 5,
      crashes: 0,
      failedAtMs: 1_700_000_000_000,
      origin: { topic: 'orders', partition: 1, offset: 7, stream: 'orders' },
      key: key === null ? null : utf8.encode(key),
      value,
      headers: [
        [headerNames.id, utf8.encode(id)],
        ['x-tenant', utf8.encode('a')],
      ] as const,
    };
    await admin.streams.append(topic, [deadLetterEmit(letter, topic, 2)]);
  }

  test('are empty at first, and replaying nothing does nothing', async () => {
    expect(await ask('GET', list)).toStrictEqual({ deadLetters: [], total: 0 });
    expect(await ask('POST', `${list}/replay`, { all: true })).toStrictEqual({ replayed: [], known: [], missing: [] });
  });

  test('are listed in pages with reason, error and origin; one is shown with payload and headers', async () => {
    for (let i = 0; i < 6; i += 1) await fail(`e${i}`, `k${i % 3}`, utf8.encode(`{"n":${i}}`));
    await fail('binary', null, Uint8Array.of(0xff, 0xfe));
    const seen: string[] = [];
    for (let next: string | undefined; ; ) {
      const page = Object(await ask('GET', `${list}?limit=2${next === undefined ? '' : `&after=${next}`}`));
      expect(page.total).toBe(7);
      seen.push(...page.deadLetters.map((one: { eventId: string }) => one.eventId));
      next = page.next;
      if (next === undefined) break;
    }
    expect([...seen].sort()).toStrictEqual(['binary', 'e0', 'e1', 'e2', 'e3', 'e4', 'e5']);
    const all = Object(await ask('GET', list)).deadLetters;
    const e4 = all.find((one: { eventId: string }) => one.eventId === 'e4');
    expect(await ask('GET', `${list}/${e4.id}`)).toMatchObject({
      eventId: 'e4',
      key: 'k1',
      reason: 'error',
      attempts: 5,
      replayed: false,
      value: '{"n":4}',
      origin: { topic: 'orders', partition: 1, offset: 7 },
      error: { name: 'TypeError', message: 'boom', stack: 'TypeError: boom\n at x' },
      headers: [
        { name: headerNames.id, value: 'e4' },
        { name: 'x-tenant', value: 'a' },
      ],
    });
    const odd = all.find((one: { eventId: string }) => one.eventId === 'binary');
    expect(await ask('GET', `${list}/${odd.id}`)).toMatchObject({ key: null, valueBase64: '//4=' });
    expect(await admin.json('GET', `${list}/0-999`)).toMatchObject({ status: 404, answer: { code: 'FAAS_DEAD_LETTER_UNKNOWN' } });
    expect(await admin.json('GET', `${list}/77-0`)).toMatchObject({ status: 404 });
  });

  test('a replay puts the chosen ones back in the order of their keys, whatever the order of the request, and names what is not there', async () => {
    const all: { id: string; eventId: string; key: string }[] = Object(await ask('GET', list)).deadLetters;
    const ofK1 = all.filter(one => one.key === 'k1').map(one => one.id);
    expect(await ask('POST', `${list}/replay`, { ids: [...ofK1].reverse().concat('0-999') })).toStrictEqual({
      replayed: ofK1,
      known: [],
      missing: ['0-999'],
    });
    const back = await recordsOf(inbox);
    expect(
      back.map(record => [text.decode(record.value ?? undefined), text.decode(record.key ?? undefined), headersOf(record)['x-tenant']]),
    ).toStrictEqual([
      ['{"n":1}', 'k1', 'a'],
      ['{"n":4}', 'k1', 'a'],
    ]);
    expect(headersOf(back[0])).toMatchObject({ [headerNames.id]: 'e1', 'faas-replay': `${topic}/${ofK1[0]?.replace('-', '/')}` });
  });

  test('what a replay has handled is known, and is not sent again', async () => {
    const all: { id: string; eventId: string }[] = Object(await ask('GET', list)).deadLetters;
    const [first, ...others] = all;
    const source = { unit: 'shop.customer-totals', name: `${inbox}.0` };
    await admin.state.claim(source, { ownerToken: 'o', brokerGeneration: 0, nowMs: 1, committedOffset: 0 });
    await admin.state.commit(source, {
      ownerToken: 'o',
      ordinal: 1,
      id: 'c1',
      stream: 's',
      highSeqOffset: 0,
      highSeqs: [],
      done: [],
      clearAttempts: [],
      ids: [{ id: `${first?.eventId}#${topic}/${first?.id.replace('-', '/')}`, expiresAtMs: Number.MAX_SAFE_INTEGER }],
      knownIds: [],
      reads: [],
      writes: [],
      emits: [],
    });
    expect(await ask('GET', `${list}/${first?.id}`)).toMatchObject({ replayed: true });
    expect(await ask('POST', `${list}/replay`, { all: true })).toStrictEqual({
      replayed: others.map(one => one.id),
      known: [first?.id],
      missing: [],
    });
  });

  test('what a filter names is listed and dropped; a dropped one is never replayed, and a broken filter is refused with its column', async () => {
    await fail('drop-me', 'dropped', utf8.encode('{}'));
    const where = 'key=dropped, state=open';
    const found: { id: string }[] = Object(await ask('GET', `${list}?where=${encodeURIComponent(where)}`)).deadLetters;
    expect(found).toMatchObject([{ eventId: 'drop-me', replayed: false, dropped: false }]);
    const ids = found.map(one => one.id);
    expect(await ask('POST', `${list}/drop`, { where })).toStrictEqual({ dropped: ids, known: [], missing: [] });
    expect(await ask('POST', `${list}/drop`, { ids: [...ids, '0-999'] })).toStrictEqual({ dropped: [], known: ids, missing: ['0-999'] });
    expect(await ask('GET', `${list}/${ids[0]}`)).toMatchObject({ replayed: false, dropped: true });
    expect(await ask('POST', `${list}/replay`, { ids })).toStrictEqual({ replayed: [], known: ids, missing: [] });
    expect(await admin.json('GET', `${list}?where=reasn%3Dx`)).toMatchObject({
      status: 400,
      answer: { code: 'FAAS_LETTER_FILTER', detail: 'column 1: there is no field "reasn"' },
    });
  });

  test.each([{}, { ids: [] }, { ids: ['x'] }, { all: false }, { ids: ['0-0'], all: true }])('a replay of %j says nothing', async body => {
    expect(await admin.json('POST', `${list}/replay`, body)).toMatchObject({ status: 400, answer: { code: 'FAAS_API_REQUEST' } });
  });
});

describe('history', () => {
  const write = (kind: 'log' | 'decision' | 'webhook', unit: string, n: number) =>
    admin.history.write({ kind, atMs: 1_000 + n, unit, data: { n } });
  const numbers = (answer: unknown) => Object(answer).entries.map((entry: { data: { n: number } }) => entry.data.n);

  test('is read by kind, unit, time and id, the last ones when there are more', async () => {
    for (let n = 0; n < 5; n += 1) write('log', n % 2 === 0 ? 'shop.tax' : 'shop.other', n);
    write('decision', 'shop.tax', 10);
    write('webhook', 'shop.tax', 20);
    expect(numbers(await ask('GET', '/v1/logs'))).toStrictEqual([0, 1, 2, 3, 4]);
    expect(numbers(await ask('GET', '/v1/logs?unit=shop.tax'))).toStrictEqual([0, 2, 4]);
    expect(numbers(await ask('GET', '/v1/logs?limit=2'))).toStrictEqual([3, 4]);
    expect(numbers(await ask('GET', '/v1/logs?sinceMs=1003'))).toStrictEqual([3, 4]);
    expect(numbers(await ask('GET', '/v1/logs?after=1&limit=2'))).toStrictEqual([1, 2]);
    expect(numbers(await ask('GET', '/v1/decisions'))).toStrictEqual([10]);
    expect(numbers(await ask('GET', '/v1/webhooks?unit=shop.tax'))).toStrictEqual([20]);
  });

  /** Reads server-sent events until `count` have come. */
  async function follow(
    path: string,
    count: number,
    headers: Record<string, string> = {},
    afterConnect = () => {},
  ): Promise<readonly number[]> {
    const response = await admin.request('GET', path, undefined, headers);
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const seen: number[] = [];
    let buffer = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      if (buffer === '') afterConnect();
      buffer += decoder.decode(chunk, { stream: true });
      seen.splice(0, seen.length, ...[...buffer.matchAll(/^data: (.*)$/gm)].map(match => JSON.parse(match[1] ?? '').data.n));
      if (seen.length >= count) break;
    }
    return seen;
  }

  test('followed, it begins with what is there and goes on with what comes', async () => {
    const comes = () => {
      write('log', 'shop.tax', 6);
      write('log', 'shop.other', 7);
      write('log', 'shop.tax', 8);
    };
    expect(await follow('/v1/logs?follow=true&unit=shop.tax&limit=2', 4, {}, comes)).toStrictEqual([2, 4, 6, 8]);
  });

  test('a reader that comes back goes on after the last id that it has', async () => {
    expect(await follow('/v1/logs?follow=true&limit=1', 5, { 'last-event-id': '3' })).toStrictEqual([3, 4, 6, 7, 8]);
  });

  test('a stopping server ends those who follow', async () => {
    const other = await startAdmin();
    const response = await other.request('GET', '/v1/logs?follow=true');
    await other.close();
    expect(await response.text()).toBe(': connected\n\n');
  });
});

describe('the server', () => {
  test('settings come with their origin', async () => {
    const { settings } = Object(await ask('GET', '/v1/settings'));
    expect(settings.find((one: { key: string }) => one.key === 'admin.port')).toMatchObject({
      value: 0,
      text: '0',
      origin: 'flag',
      flag: '--admin-port',
      env: 'FAAS_ADMIN_PORT',
    });
    expect(settings.find((one: { key: string }) => one.key === 'pods.drain')).toMatchObject({
      value: 30_000,
      text: '30s',
      origin: 'default',
    });
  });

  test('secrets are answered by name, never by value', async () => {
    expect(await ask('GET', '/v1/secrets')).toStrictEqual({
      secrets: [{ name: 'stripe-key', usedBy: ['shop.customer-totals'], values: 0, env: 'FAAS_SECRET_STRIPE_KEY' }],
    });
    admin.world.secretsEnv.FAAS_SECRET_STRIPE_KEY = 'whsec_hush';
    const answer = await ask('GET', '/v1/secrets');
    expect(answer).toMatchObject({ secrets: [{ source: 'FAAS_SECRET_STRIPE_KEY', values: 1 }] });
    expect(JSON.stringify(answer)).not.toContain('hush');
  });

  test('metrics are Prometheus text', async () => {
    const response = await admin.request('GET', '/metrics');
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await response.text()).toBe('faas_up 1\n');
  });

  test.each([
    ['all answer', [async () => true], 200, true],
    ['one says no', [async () => true, async () => false], 503, false],
    ['one throws', [async () => Promise.reject(new Error('the store is gone'))], 503, false],
    ['one never answers', [() => new Promise<boolean>(() => {})], 503, false],
  ])('ready when all checks answer: %s', async (_, checks, status, ready) => {
    const other = await startAdmin({ readyChecks: checks.map((check, index) => ({ name: `check-${index}`, check })) });
    const response = await fetch(`${other.url}/readyz`);
    const answer = await response.text();
    expect(response.status).toBe(status);
    expect(JSON.parse(answer)).toMatchObject({ ready });
    expect(answer).not.toContain('gone');
    await other.close();
  });

  test.each(['/internal/v1/state', '/internal/v1/call'])(
    '%s is for running batches: neither no token nor the admin token opens it',
    async path => {
      for (const authorization of ['Bearer nonsense', `Bearer ${admin.token}`]) {
        const headers = { 'content-type': 'application/json', authorization };
        const response = await fetch(`${admin.url}${path}`, { method: 'POST', headers, body: '{"keys":[]}' });
        expect(response.status).toBe(401);
      }
    },
  );

  test('a running batch reads the state of its own function, through the same door', async () => {
    admin.tokens.grant('b'.repeat(32), { unit: 'shop.tax', podId: 'p', calls: new Set(), depth: 0 });
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${'b'.repeat(32)}` };
    const response = await fetch(`${admin.url}/internal/v1/state`, { method: 'POST', headers, body: '{"keys":["a","x"]}' });
    expect(await response.json()).toMatchObject({
      entries: [
        { key: 'a', value: '{"key":"a"}' },
        { key: 'x', version: null, value: null },
      ],
    });
  });
});
