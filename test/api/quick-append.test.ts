import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAdmin } from './start-admin.ts';

let admin: Awaited<ReturnType<typeof startAdmin>>;
beforeAll(async () => {
  admin = await startAdmin();
  await admin.deploy();
});
afterAll(() => admin.close());

interface Answer {
  readonly status: number;
  readonly type: string | null;
  /** With the policy that pages get: the framework has answered. */
  readonly isFull: boolean;
  readonly body: unknown;
}

async function append(
  body: string | Uint8Array<ArrayBuffer>,
  headers: Readonly<Record<string, string>> = {},
  stream = 'orders',
): Promise<Answer> {
  const answer = await fetch(`http://127.0.0.1:${admin.port}/v1/streams/shop/${stream}/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${admin.token}`, 'content-type': 'application/json', ...headers },
    body,
  });
  return {
    status: answer.status,
    type: answer.headers.get('content-type'),
    isFull: answer.headers.has('content-security-policy'),
    body: await answer.json(),
  };
}

/** A cookie that is nobody's: such a request goes the full way, and is let in by its token. */
const full = { cookie: 'a=b' };
const order = { key: 'a', data: { total: 1 } };

const same: readonly (readonly [what: string, body: string | Uint8Array<ArrayBuffer>, stream: string])[] = [
  ['no JSON', '{', 'orders'],
  ['no UTF-8', Uint8Array.of(0x22, 0xff, 0x22), 'orders'],
  ['no body', '', 'orders'],
  ['a list', '[]', 'orders'],
  ['without events', '{}', 'orders'],
  ['no event', '{"events":[]}', 'orders'],
  ['an unknown member', JSON.stringify({ events: [{ ...order, colour: 'red' }] }), 'orders'],
  ['a number for a key', JSON.stringify({ events: [{ ...order, key: 1 }] }), 'orders'],
  ['a member __proto__', '{"events":[{"data":{"__proto__":1}}]}', 'orders'],
  ['data that the stream refuses', JSON.stringify({ events: [{ key: 'a', data: { total: 'many' } }] }), 'orders'],
  ['an event that is too large', JSON.stringify({ events: [{ key: 'a', data: { total: 1, text: 'x'.repeat(2 ** 20) } }] }), 'orders'],
  ['a header of the runtime', JSON.stringify({ events: [{ ...order, headers: { ce_id: '1' } }] }), 'orders'],
  [
    'too many headers',
    JSON.stringify({ events: [{ ...order, headers: Object.fromEntries(Array.from({ length: 1_001 }, (_, i) => [`h${i}`, ''])) }] }),
    'orders',
  ],
  ['an unknown stream', JSON.stringify({ events: [order] }), 'nowhere'],
];

test.each(same)('%s is refused in the same words on the short way', async (_, body, stream) => {
  const quick = await append(body, {}, stream);
  const slow = await append(body, full, stream);
  expect(quick.isFull).toBe(false);
  expect(slow.isFull).toBe(true);
  expect(quick.status).toBeGreaterThanOrEqual(400);
  expect({ ...quick, isFull: true }).toEqual(slow);
});

test('what is appended on the short way is as on the full one, after it in the log', async () => {
  const body = JSON.stringify({ events: [{ ...order, id: 'one' }] });
  const slow = await append(body, full);
  const quick = await append(body);
  expect(slow).toMatchObject({ status: 200, isFull: true });
  expect(quick).toMatchObject({ status: 200, isFull: false, type: slow.type });
  const { events } = slow.body as { readonly events: readonly { readonly offset: number }[] };
  const next = events.map(event => ({ ...event, offset: event.offset + 1 }));
  expect(quick.body).toEqual({ topic: 'orders', events: next });
});

test.each([
  ['a wrong token', { authorization: 'Bearer x' }, 401, 'FAAS_API_UNAUTHORIZED'],
  ['a page of another origin', { origin: 'http://evil.example' }, 403, 'FAAS_API_ORIGIN'],
  ['another content type', { 'content-type': 'text/plain' }, 415, 'FAAS_API_MEDIA_TYPE'],
  ['a content type that begins alike', { 'content-type': 'application/json-patch+json' }, 415, 'FAAS_API_MEDIA_TYPE'],
])('%s goes the full way, which refuses it', async (_, headers, status, code) => {
  const answer = await append(JSON.stringify({ events: [order] }), headers);
  expect(answer).toMatchObject({ status, isFull: true, body: { code } });
});
