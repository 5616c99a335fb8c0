import { createHmac } from 'node:crypto';
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createMemoryAdapters, type MemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { systemClock } from '../../controller/clock.ts';
import type { SettledResult } from '../../controller/dispatch/dispatcher.ts';
import type { GatewayServer } from '../../controller/gateway/gateway-server.ts';
import type { WebhookTrigger } from '../../controller/manifest/spec.ts';
import type { StreamRecord } from '../../controller/ports/streams.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { liveFunction } from './live-functions.ts';
import { webhookGateway } from './webhook-gateway.ts';

const secret = 'a github secret';
const hook = (path: string, more: Partial<WebhookTrigger> = {}): WebhookTrigger => ({
  kind: 'webhook',
  path,
  verify: { scheme: 'github' },
  secret: 'github-hook',
  key: undefined,
  respond: 'accepted',
  ...more,
});

const functions = [
  liveFunction('shop.orders', [
    hook('/github', { key: { from: 'json', pointer: '/repository/full_name' } }),
    hook('/shops/:shop/orders', { key: { from: 'path', param: 'shop' }, verify: { scheme: 'none' }, secret: undefined }),
    hook('/shops/main/orders', { key: { from: 'header', name: 'X-Order' }, verify: { scheme: 'none' }, secret: undefined }),
    hook('/result', { respond: 'result', verify: { scheme: 'none' }, secret: undefined }),
    hook('/no-secret', { secret: 'never-set' }),
  ]),
];

let adapters: MemoryAdapters;
let gateway: GatewayServer;
let url: string;
let result: SettledResult;

beforeEach(async () => {
  adapters = createMemoryAdapters({ clock: systemClock, random: seededRandom(1) });
  result = { kind: 'timeout' };
  for (const { inboxTopic } of functions) await adapters.streams.ensureTopic(inboxTopic, { partitions: 4 });
  gateway = await webhookGateway(adapters, { resultOf: async () => result, secrets: { FAAS_SECRET_GITHUB_HOOK: secret } });
  gateway.update(functions);
  ({ url } = await gateway.listen());
});

afterEach(() => gateway.close(10_000));

const sign = (body: string) => `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;

async function post(path: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) {
  const response = await fetch(url + path, { method: 'POST', body, headers });
  const text = await response.text();
  const json: unknown = text === '' ? undefined : JSON.parse(text);
  return { status: response.status, json, headers: response.headers };
}

const postGithub = (body: string, delivery: string, signature = sign(body)) =>
  post('/hooks/shop/github', body, {
    'content-type': 'application/json',
    'x-github-delivery': delivery,
    'x-github-event': 'push',
    ...(signature === '' ? {} : { 'x-hub-signature-256': signature }),
  });

async function inbox(): Promise<readonly StreamRecord[]> {
  const records: StreamRecord[] = [];
  for (let partition = 0; partition < 4; partition += 1) {
    records.push(...(await adapters.streams.read('faas.shop.orders.inbox', partition, 0, { records: 1_000, bytes: 1e9 })).records);
  }
  return records;
}

const text = (bytes: Uint8Array | null | undefined) => (bytes ? Buffer.from(bytes).toString() : null);
const header = (record: StreamRecord | undefined, name: string) => text(record?.headers.findLast(([key]) => key === name)?.[1]);

test('a signed delivery is in the inbox, byte for byte, before the 202', async () => {
  const body = '{ "repository": {"full_name": "octo/repo"},\n "n": 1 }';
  const answer = await postGithub(body, 'd-1');
  expect(answer).toMatchObject({ status: 202, json: { id: 'd-1' } });
  const [record, ...others] = await inbox();
  expect(others).toEqual([]);
  expect(text(record?.value)).toBe(body);
  expect(text(record?.key)).toBe('octo/repo');
  expect(['ce_id', 'ce_type', 'ce_faastrigger', 'x-github-event', 'content-type', 'ce_hop'].map(name => header(record, name))).toEqual([
    'd-1',
    'com.github.push',
    'webhook',
    'push',
    'application/json',
    '0',
  ]);
});

test.each([
  ['no signature', ''],
  ['a wrong one', sign('another body')],
  ['a truncated one', sign('{}').slice(0, -2)],
  ['a doubled one', `${sign('{}')}, ${sign('{}')}`],
  ['one without its prefix', sign('{}').slice(7)],
])('%s: 401 without detail, nothing stored, and the history knows', async (_, signature) => {
  const answer = await postGithub('{}', 'd-1', signature);
  expect(answer.status).toBe(401);
  expect(JSON.stringify(answer.json)).not.toMatch(/mismatch|malformed|missing|hex|secret/i);
  expect(await inbox()).toEqual([]);
  const entries = await adapters.history.read({ kind: 'webhook', limit: 10 });
  expect(entries.map(({ data }) => data.outcome)).toEqual(['refused']);
});

test('a signature in two headers is refused', async () => {
  const { hostname, port } = new URL(url);
  const request = `POST /hooks/shop/github HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\nX-Hub-Signature-256: ${sign('{}')}\r\nX-Hub-Signature-256: ${sign('{}')}\r\n\r\n{}`;
  expect(await raw(hostname, Number(port), request)).toMatch(/^HTTP\/1.1 401 /);
  expect(await inbox()).toEqual([]);
});

function raw(host: string, port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, host, () => socket.write(request));
    socket.on('data', chunk => (answer += chunk.toString()));
    socket.on('end', () => resolve(answer));
    socket.on('error', reject);
  });
}

test('a delivery whose id was committed is answered as a duplicate and not stored again', async () => {
  const source = { unit: 'shop.orders', name: 'test.0' };
  const { frontier } = await adapters.state.claim(source, { ownerToken: 't', brokerGeneration: 0, nowMs: 0, committedOffset: 0 });
  await adapters.state.commit(source, {
    ownerToken: 't',
    ordinal: 1,
    id: 'c',
    stream: '',
    highSeqOffset: frontier,
    highSeqs: [],
    done: [],
    clearAttempts: [],
    ids: [{ id: 'd-1', expiresAtMs: Date.now() + 60_000 }],
    knownIds: [],
    reads: [],
    writes: [],
    emits: [],
  });
  expect(await postGithub('{}', 'd-1')).toMatchObject({ status: 202, json: { id: 'd-1', duplicate: true } });
  expect(await postGithub('{}', 'd-2')).toMatchObject({ status: 202, json: { id: 'd-2' } });
  expect((await inbox()).map(record => header(record, 'ce_id'))).toEqual(['d-2']);
});

test.each([
  ['a path parameter', '/hooks/shop/shops/a%2Fb%20c/orders', {}, 'a/b c'],
  ['a literal path before one with parameters', '/hooks/shop/shops/main/orders', { 'x-order': '17' }, '17'],
  ['a header that is absent', '/hooks/shop/shops/main/orders', {}, null],
])('the key comes from %s', async (_, path, headers, key) => {
  expect((await post(path, '{}', headers)).status).toBe(202);
  expect(text((await inbox())[0]?.key)).toBe(key);
});

test('headers of the runtime and credentials of the sender do not reach the record', async () => {
  const sent = { ce_faasseq: '9.9', ce_id: 'x', 'faas-replay': 'x', authorization: 'Bearer x', cookie: 'a=b', 'x-mine': 'yes' };
  expect((await post('/hooks/shop/shops/a/orders', '{}', sent)).status).toBe(202);
  const [record] = await inbox();
  expect(['ce_faasseq', 'faas-replay', 'authorization', 'cookie', 'x-mine'].map(name => header(record, name))).toEqual([
    null,
    null,
    null,
    null,
    'yes',
  ]);
  expect(record?.headers.filter(([name]) => name === 'ce_id').length).toBe(1);
});

test.each([
  ['an unknown path', 'POST', '/hooks/shop/nowhere', {}, 404, 'FAAS_HOOK_UNKNOWN'],
  ['an unknown context', 'POST', '/hooks/nobody/github', {}, 404, 'FAAS_HOOK_UNKNOWN'],
  ['a path that is no UTF-8', 'POST', '/hooks/shop/shops/%ff/orders', {}, 400, 'FAAS_API_REQUEST'],
  ['another method', 'PUT', '/hooks/shop/github', {}, 405, 'FAAS_HOOK_METHOD'],
  ['no such door', 'POST', '/admin', {}, 404, 'FAAS_API_ROUTE_UNKNOWN'],
  ['a secret that is not set', 'POST', '/hooks/shop/no-secret', {}, 503, 'FAAS_SECRET_MISSING'],
  ['a call without the token', 'POST', '/call/shop/orders', {}, 401, 'FAAS_API_UNAUTHORIZED'],
  [
    'a call of a function that is not there',
    'POST',
    '/call/shop/none',
    { authorization: 'Bearer admin-token' },
    404,
    'FAAS_FUNCTION_UNKNOWN',
  ],
])('%s: %s %s', async (_, method, path, headers, status, code) => {
  const response = await fetch(url + path, { method, headers, body: '{}' });
  expect([response.status, response.headers.get('content-type')]).toEqual([status, 'application/problem+json; charset=utf-8']);
  expect(await response.json()).toMatchObject({ status, code });
});

test('a host that nobody named gets 421, one of the setting does not', async () => {
  const { hostname, port } = new URL(url);
  const ask = (host: string) =>
    raw(hostname, Number(port), `POST /hooks/shop/nowhere HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  expect(await ask('evil.example.com')).toMatch(/^HTTP\/1.1 421 /);
  expect(await ask('hooks.example.com:7071')).toMatch(/^HTTP\/1.1 404 /);
});

test.each([
  [2_048, 202],
  [2_049, 413],
])('a body of %d bytes: %d, and 413 comes before the signature is looked at', async (bytes, status) => {
  expect((await post('/hooks/shop/shops/a/orders', 'x'.repeat(bytes))).status).toBe(status);
  expect((await postGithub('x'.repeat(bytes), 'd-1', 'sha256=bad')).status).toBe(status === 202 ? 401 : 413);
  expect((await inbox()).length).toBe(status === 202 ? 1 : 0);
});

test.each([
  ['empty', new Uint8Array()],
  ['not UTF-8', new Uint8Array([0xff, 0xfe, 0x7b])],
  ['nested 1 000 deep', Buffer.from('['.repeat(1_000))],
])('a body that is %s is stored as it is, without a key', async (_, body) => {
  const bytes = new Uint8Array(body);
  const signature = `sha256=${createHmac('sha256', secret).update(bytes).digest('hex')}`;
  expect((await post('/hooks/shop/github', bytes, { 'x-hub-signature-256': signature })).status).toBe(202);
  const [record] = await inbox();
  expect([...(record?.value ?? [])]).toEqual([...bytes]);
  expect(record?.key).toBeNull();
});

test('no 2xx without a durable append: 503 with Retry-After when the log refuses', async () => {
  await adapters.streams.deleteTopic('faas.shop.orders.inbox');
  const answer = await postGithub('{}', 'd-1');
  expect(answer).toMatchObject({ status: 503, json: { code: 'FAAS_APPEND_FAILED' } });
  expect(answer.headers.get('retry-after')).toBe('5');
});

test.each<readonly [string, SettledResult, number, unknown]>([
  ['the answer of the handler', { kind: 'ok', answer: Buffer.from('{"a":1}') }, 200, { a: 1 }],
  ['nothing', { kind: 'ok', answer: undefined }, 204, undefined],
  ['a time-out', { kind: 'timeout' }, 202, { id: 'e-1' }],
  [
    'a dead letter',
    { kind: 'dead-letter', reason: 'error', error: { code: 'E', name: 'Error', message: 'no', stack: 'secret stack' } },
    500,
    expect.objectContaining({ code: 'FAAS_HOOK_FAILED', reason: 'error', error: { code: 'E', name: 'Error', message: 'no' }, id: 'e-1' }),
  ],
])('respond: result answers %s', async (_, settled, status, json) => {
  result = settled;
  const answer = await post('/hooks/shop/result', '{}', { 'ce-id': 'e-1' });
  expect([answer.status, answer.json]).toEqual([status, json]);
  expect((await inbox()).length).toBe(1);
});
