import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createMemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { systemClock } from '../../controller/clock.ts';
import { noFaults } from '../../controller/fault-points.ts';
import type { DirectAnswer, DirectCall } from '../../controller/gateway/direct-calls.ts';
import { createGatewayServer, type GatewayServer, type GatewayServerOptions } from '../../controller/gateway/gateway-server.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { noMetrics } from '../../controller/telemetry/metrics.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { liveFunction } from './live-functions.ts';

let gateway: GatewayServer | undefined;
afterEach(() => gateway?.close(10_000));

const open = {
  kind: 'webhook',
  path: '/open',
  verify: { scheme: 'none' },
  secret: undefined,
  key: undefined,
  respond: 'accepted',
} as const;

async function listen(
  settings: Partial<GatewayServerOptions['settings']>,
  answer: DirectAnswer | 'none' = { kind: 'timeout' },
  limits: NonNullable<GatewayServerOptions['limits']> = {},
) {
  const calls: DirectCall[] = [];
  let giveUp = (_: DirectAnswer): void => {};
  const gaveUp = new Promise<DirectAnswer>(resolve => {
    giveUp = resolve;
  });
  const adapters = createMemoryAdapters({ clock: systemClock, random: seededRandom(1) });
  const live = liveFunction('shop.orders', [open]);
  await adapters.streams.ensureTopic(live.inboxTopic, { partitions: 1 });
  gateway = await createGatewayServer({
    ...adapters,
    settings: {
      'gateway.host': '127.0.0.1',
      'gateway.port': 0,
      'gateway.bodyMax': 1_000,
      'gateway.ratePerSecond': 0,
      'gateway.allowUnverified': false,
      hosts: [],
      ...settings,
    },
    token: 'token',
    calls: {
      async call(request) {
        calls.push(request);
        return answer === 'none' ? gaveUp : answer;
      },
      giveUp: () => giveUp({ kind: 'stopped', retryAfterMs: 1_000 }),
      stop: async () => {},
    },
    dispatcher: { resultOf: async () => ({ kind: 'timeout' }) },
    secrets: { valuesOf: async () => [] },
    clock: systemClock,
    random: seededRandom(2),
    faults: noFaults,
    log: silentLog,
    metrics: noMetrics,
    limits,
  });
  gateway.update([live]);
  const { port } = await gateway.listen();
  return { url: `http://127.0.0.1:${port}`, port, calls };
}

const post = (url: string, headers: Record<string, string> = {}, body = '{}') => fetch(url, { method: 'POST', headers, body });
const call = (url: string, headers: Record<string, string> = {}, query = '') =>
  post(`${url}/call/shop/orders${query}`, { authorization: 'Bearer token', 'content-type': 'application/json', ...headers });

test.each([
  ['127.0.0.1', false, 202],
  ['0.0.0.0', false, 403],
  ['0.0.0.0', true, 202],
])('an unverified webhook on %s, allowed: %s', async (host, allowed, status) => {
  const { url } = await listen({ 'gateway.host': host, 'gateway.allowUnverified': allowed });
  expect((await post(`${url}/hooks/shop/open`)).status).toBe(status);
});

test('more requests per second than the setting allows get 429 with Retry-After', async () => {
  const { url } = await listen({ 'gateway.ratePerSecond': 3 });
  const answers = await Promise.all(Array.from({ length: 10 }, () => post(`${url}/hooks/shop/open`)));
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThanOrEqual(4);
  expect(refused[0]?.headers.get('retry-after')).toBe('1');
  expect(await refused[0]?.json()).toMatchObject({ code: 'FAAS_RATE_LIMITED' });
});

test('a port in use is an error with a way out', async () => {
  const { port } = await listen({});
  const first = gateway;
  const second = listen({ 'gateway.port': port });
  await expect(second).rejects.toMatchObject({ code: 'FAAS_PORT_IN_USE', hint: expect.stringContaining('--gateway-port') });
  await first?.close(10_000);
});

test('calls that are not answered within the grace of a stop are told so, and hold nobody up', async () => {
  const { url, calls } = await listen({}, 'none');
  const answered = call(url);
  await expect.poll(() => calls.length).toBe(1);
  await gateway?.close(20);
  const answer = await answered;
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
  expect(await answer.json()).toMatchObject({
    code: 'FAAS_CALL_UNAVAILABLE',
    detail: 'the server stopped before the function had answered',
  });
});

test('a body whose announced length is too large is refused before it is sent', async () => {
  const { port } = await listen({});
  const head = 'POST /hooks/shop/open HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 5000000\r\n\r\n';
  expect(await firstLine(port, head)).toContain('413');
});

test.each([
  ['its headers', 'POST /hooks/shop/open HTTP/1.1\r\nHost: localhost\r\n'],
  ['its body', 'POST /hooks/shop/open HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nslow'],
])('a client that never finishes %s loses its connection', async (_, start) => {
  const { port } = await listen({}, { kind: 'timeout' }, { headersMs: 100, requestMs: 200, checkIntervalMs: 50 });
  expect(await firstLine(port, start)).toContain('408');
});

test('a request that is no HTTP is refused, and the next one is served', async () => {
  const { url, port } = await listen({});
  expect(await firstLine(port, 'HELLO\r\n\r\n')).toContain('400');
  expect((await post(`${url}/hooks/shop/open`)).status).toBe(202);
});

test.each(['/hooks/shop/open', '/call/shop/orders'])('a request to %s without a Host is refused, and reaches nobody', async path => {
  const { port, calls } = await listen({});
  const head = `POST ${path} HTTP/1.1\r\nAuthorization: Bearer token\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`;
  expect(await firstLine(port, head)).toContain('421');
  expect(calls).toEqual([]);
});

function firstLine(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    socket.once('data', data => {
      resolve(data.toString().split('\r\n', 1)[0] ?? '');
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

test.each<readonly [string, Record<string, string>, string, Partial<DirectCall>]>([
  ['nothing said', {}, '', { key: null, timeoutMs: 30_000, idempotencyKey: undefined, depth: 0, traceparent: undefined }],
  ['a key in a header', { 'x-faas-key': 'a' }, '?key=b', { key: 'a' }],
  ['a key in the query', {}, '?key=%C3%BC', { key: 'ü' }],
  ['an empty key is a key', {}, '?key=', { key: '' }],
  ['a deadline with a unit', { 'x-faas-timeout': '1500ms' }, '', { timeoutMs: 1_500 }],
  ['a deadline in the standard’s words', { prefer: 'respond-async, wait=10' }, '', { timeoutMs: 10_000 }],
  ['both: the one with a unit', { prefer: 'wait=10', 'x-faas-timeout': '2s' }, '', { timeoutMs: 2_000 }],
  ['an idempotency key', { 'idempotency-key': 'i' }, '', { idempotencyKey: 'i' }],
  ['a trace', { traceparent: '00-1-2-01' }, '', { traceparent: '00-1-2-01' }],
])('a call with %s', async (_, headers, query, expected) => {
  const { url, calls } = await listen({});
  await call(url, headers, query);
  expect(calls).toMatchObject([{ unit: 'shop.orders', contentType: 'application/json', ...expected }]);
});

test.each([
  ['x-faas-timeout', '0ms'],
  ['x-faas-timeout', '2h'],
  ['x-faas-timeout', 'soon'],
  ['prefer', 'wait=0'],
  ['idempotency-key', 'x'.repeat(201)],
])('a call with %s: %s is refused', async (name, value) => {
  const { url, calls } = await listen({});
  expect((await call(url, { [name]: value })).status).toBe(400);
  expect(calls).toEqual([]);
});

const error = { code: 'E', name: 'Error', message: 'no', stack: 'at secret.ts' };

test.each<readonly [DirectAnswer, number, unknown]>([
  [{ kind: 'ok', answer: Buffer.from('{"a":1}'), repeated: false }, 200, { a: 1 }],
  [{ kind: 'ok', answer: Buffer.from(JSON.stringify('ü'.repeat(20_000))), repeated: false }, 200, 'ü'.repeat(20_000)],
  [{ kind: 'ok', answer: undefined, repeated: true }, 204, undefined],
  [{ kind: 'failed', reason: 'error', error }, 502, expect.objectContaining({ code: 'FAAS_CALL_FAILED', reason: 'error' })],
  [{ kind: 'conflict', keys: ['k'] }, 409, expect.objectContaining({ code: 'FAAS_CALL_CONFLICT' })],
  [{ kind: 'unknown-function' }, 404, expect.objectContaining({ code: 'FAAS_FUNCTION_UNKNOWN' })],
  [{ kind: 'too-deep' }, 508, expect.objectContaining({ code: 'FAAS_CALL_TOO_DEEP' })],
  [{ kind: 'timeout' }, 504, expect.objectContaining({ code: 'FAAS_CALL_TIMEOUT' })],
  [{ kind: 'unavailable', retryAfterMs: 1_500 }, 503, expect.objectContaining({ code: 'FAAS_CALL_UNAVAILABLE' })],
])('%o is answered with %d', async (answer, status, expected) => {
  const { url } = await listen({}, answer);
  const response = await call(url);
  const text = await response.text();
  expect([response.status, text === '' ? undefined : JSON.parse(text)]).toEqual([status, expected]);
  expect(response.headers.get('idempotent-replayed')).toBe(answer.kind === 'ok' && answer.repeated ? 'true' : null);
  expect(response.headers.get('retry-after')).toBe(answer.kind === 'unavailable' ? '2' : null);
});

test.each<readonly [string, DirectAnswer]>([
  ['an answer', { kind: 'ok', answer: Buffer.from('{"a":"ü"}'), repeated: false }],
  ['a long answer', { kind: 'ok', answer: Buffer.from(JSON.stringify('ü'.repeat(20_000))), repeated: false }],
  ['a repeated answer', { kind: 'ok', answer: Buffer.from('1'), repeated: true }],
  ['no answer', { kind: 'ok', answer: undefined, repeated: false }],
  ['a failure', { kind: 'failed', reason: 'error', error }],
  ['an unavailable function', { kind: 'unavailable', retryAfterMs: 1_500 }],
])('%s is the same on the quick way and on the full one', async (_, answer) => {
  const { url, calls } = await listen({}, answer);
  const [quick, full] = [await call(url, { 'x-faas-key': 'k' }), await call(url, { 'x-faas-key': 'k' }, '?')];
  const headersOf = ({ headers }: Response) => [...headers].filter(([name]) => name !== 'date').sort();
  expect([quick.status, headersOf(quick), await quick.text()]).toEqual([full.status, headersOf(full), await full.text()]);
  expect(calls[0]).toEqual(calls[1]);
});

test.each<readonly [string, RequestInit & { duplex?: 'half' }, number]>([
  ['a body in pieces of unknown length', { body: new Blob(['{"a":1}']).stream(), duplex: 'half' }, 504],
  ['a type that says more', { headers: { 'content-type': 'application/json; profile="x"' }, body: '{}' }, 504],
  ['a type that is none', { headers: { 'content-type': 'json' }, body: '{}' }, 400],
  ['a body that is too large', { body: 'x'.repeat(1_001) }, 413],
  ['the wrong token', { headers: { authorization: 'Bearer tokem' }, body: '{}' }, 401],
  ['a longer token', { headers: { authorization: 'Bearer tokens' }, body: '{}' }, 401],
  ['another method', { method: 'PUT', body: '{}' }, 405],
])('a call with %s goes the full way', async (_, { headers, ...init }, status) => {
  const { url } = await listen({});
  const response = await fetch(`${url}/call/shop/orders`, {
    method: 'POST',
    headers: { authorization: 'Bearer token', ...headers },
    ...init,
  });
  expect(response.status).toBe(status);
});

test('a call whose body comes in pieces is whole', async () => {
  const { port, calls } = await listen({});
  const head = 'POST /call/shop/orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer token\r\nContent-Length: 7\r\n\r\n';
  await new Promise<void>((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${head}{"a`, () => setImmediate(() => socket.end('":1}'))));
    socket.once('error', reject).once('data', () => resolve());
  });
  expect(Buffer.from(calls[0]?.data ?? []).toString()).toBe('{"a":1}');
});

test('a call without a body has null as its data', async () => {
  const { url, calls } = await listen({});
  await fetch(`${url}/call/shop/orders`, { method: 'POST', headers: { authorization: 'Bearer token' } });
  expect(Buffer.from(calls[0]?.data ?? []).toString()).toBe('null');
});
