import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadToken, readGivenToken } from '../../controller/api/token-file.ts';
import { systemRandom } from '../../controller/random.ts';
import { bundle, bundleHash, startAdmin } from './start-admin.ts';

let admin: Awaited<ReturnType<typeof startAdmin>>;
beforeAll(async () => {
  admin = await startAdmin({ limits: { headersMs: 300, requestMs: 600, checkIntervalMs: 50 } });
  await admin.deploy();
});
afterAll(() => admin.close());

interface RawAnswer {
  readonly status: number;
  readonly headers: string;
  readonly body: string;
}

/** Sends bytes as they are over a socket of its own and reads until the server closes. */
function raw(text: string, keepOpen = false): Promise<RawAnswer & { readonly tookMs: number }> {
  return new Promise((resolve, reject) => {
    const startedAt = Date.now();
    const socket = connect(admin.port, '127.0.0.1', () => (keepOpen ? socket.write(text, 'latin1') : socket.end(text, 'latin1')));
    let received = '';
    socket.on('data', chunk => {
      received += chunk.toString('latin1');
    });
    socket.on('error', reject);
    socket.on('close', () => {
      const [headers = '', body = ''] = received.split('\r\n\r\n', 2);
      resolve({
        status: Number(/^HTTP\/1\.1 (\d+)/.exec(headers)?.[1] ?? 0),
        headers: headers.toLowerCase(),
        body,
        tookMs: Date.now() - startedAt,
      });
    });
  });
}

const get = (path: string, headers: readonly string[]) =>
  raw([`GET ${path} HTTP/1.1`, ...headers, 'connection: close', '', ''].join('\r\n'));
const host = () => `host: 127.0.0.1:${admin.port}`;
const bearer = () => `authorization: Bearer ${admin.token}`;
const codeOf = (answer: RawAnswer): unknown => JSON.parse(answer.body).code;

describe('the door', () => {
  test.each([
    ['the right token', () => [host(), bearer()], 200, undefined],
    ['the scheme in lower case', () => [host(), `authorization: bearer ${admin.token}`], 200, undefined],
    ['no token', () => [host()], 401, 'FAAS_API_UNAUTHORIZED'],
    [
      'a wrong token of the same length',
      () => [host(), `authorization: Bearer ${'0'.repeat(admin.token.length)}`],
      401,
      'FAAS_API_UNAUTHORIZED',
    ],
    ['a token that is cut off', () => [host(), `authorization: Bearer ${admin.token.slice(0, -1)}`], 401, 'FAAS_API_UNAUTHORIZED'],
    ['a token with more behind it', () => [host(), `authorization: Bearer ${admin.token}x`], 401, 'FAAS_API_UNAUTHORIZED'],
    ['an empty token', () => [host(), 'authorization: Bearer '], 401, 'FAAS_API_UNAUTHORIZED'],
    [
      'basic authentication',
      () => [host(), `authorization: Basic ${Buffer.from(`x:${admin.token}`).toString('base64')}`],
      401,
      'FAAS_API_UNAUTHORIZED',
    ],
    ['the name localhost', () => [`host: localhost:${admin.port}`, bearer()], 200, undefined],
    ['a rebound name', () => [`host: evil.example:${admin.port}`, bearer()], 421, 'FAAS_API_HOST'],
    ['a rebound name without a token', () => ['host: evil.example'], 421, 'FAAS_API_HOST'],
    ['a name that begins like ours', () => [`host: localhost.evil.example:${admin.port}`, bearer()], 421, 'FAAS_API_HOST'],
    ['an address that is not ours', () => ['host: 10.0.0.1', bearer()], 421, 'FAAS_API_HOST'],
    ['a host that is none', () => ['host: a b', bearer()], 421, 'FAAS_API_HOST'],
    ['its own origin', () => [host(), bearer(), `origin: http://127.0.0.1:${admin.port}`], 200, undefined],
    ['a foreign origin', () => [host(), bearer(), 'origin: http://evil.example'], 403, 'FAAS_API_ORIGIN'],
    ['the origin of a sandboxed page', () => [host(), bearer(), 'origin: null'], 403, 'FAAS_API_ORIGIN'],
    ['the origin of another port', () => [host(), bearer(), 'origin: http://127.0.0.1:1'], 403, 'FAAS_API_ORIGIN'],
  ] as const)('%s', async (_, headers, status, code) => {
    const answer = await get('/v1/version', headers());
    expect(answer.status).toBe(status);
    if (code !== undefined) {
      expect(answer.headers).toContain('content-type: application/problem+json');
      expect(codeOf(answer)).toBe(code);
    }
  });

  test('two Host headers are refused', async () => {
    expect((await get('/v1/version', [host(), 'host: evil.example', bearer()])).status).toBe(421);
  });

  test.each([
    '/v1/functions',
    '/v1/settings',
    '/v1/logs',
    '/v1/openapi.json',
    '/metrics',
    '/v1/live',
    '/v1/graph',
    '/nowhere',
    '/healthz/..%2fv1/version',
  ])('without a token %s tells nothing, not even whether it exists', async path => {
    const answer = await get(path, [host()]);
    expect([answer.status, codeOf(answer)]).toStrictEqual([401, 'FAAS_API_UNAUTHORIZED']);
    expect(answer.headers).toContain('www-authenticate: bearer realm="faas"');
  });

  test.each(['/healthz', '/readyz'])('%s needs no token, but the right host', async path => {
    expect((await get(path, [host()])).status).toBe(200);
    expect((await get(path, ['host: evil.example'])).status).toBe(421);
  });

  test('every answer forbids sniffing, framing and caching, and no answer invites other origins', async () => {
    for (const headers of [[host(), bearer()], [host()], [host(), bearer(), 'origin: http://evil.example']]) {
      const answer = await get('/v1/version', headers);
      expect(answer.headers).toContain('x-content-type-options: nosniff');
      expect(answer.headers).toContain("content-security-policy: default-src 'self';frame-ancestors 'none'");
      expect(answer.headers).toContain('cache-control: no-store');
      expect(answer.headers).not.toContain('access-control-allow');
      expect(answer.headers).not.toContain('x-powered-by');
    }
  });

  test('a preflight is answered like any other request that may not come in', async () => {
    const answer = await raw(
      `OPTIONS /v1/deployments HTTP/1.1\r\n${host()}\r\norigin: http://evil.example\r\naccess-control-request-method: POST\r\nconnection: close\r\n\r\n`,
    );
    expect(answer.status).toBe(403);
  });
});

describe('bodies', () => {
  const post = (path: string, type: string | undefined, body: string, headers: readonly string[] = []) =>
    raw(
      [
        `POST ${path} HTTP/1.1`,
        host(),
        bearer(),
        ...(type === undefined ? [] : [`content-type: ${type}`]),
        `content-length: ${Buffer.byteLength(body, 'latin1')}`,
        ...headers,
        'connection: close',
        '',
        body,
      ].join('\r\n'),
    );
  const events = '/v1/streams/shop/vips/events';
  const nested = `{"events":[{"data":${'['.repeat(400)}${']'.repeat(400)}}]}`;

  test.each([
    ['text/plain, as a form without preflight sends', 'text/plain', '{"events":[{"data":1}]}', 415, 'FAAS_API_MEDIA_TYPE'],
    ['a form', 'application/x-www-form-urlencoded', 'a=b', 415, 'FAAS_API_MEDIA_TYPE'],
    ['several parts', 'multipart/form-data; boundary=x', '--x--', 415, 'FAAS_API_MEDIA_TYPE'],
    ['no type', undefined, '{"events":[{"data":1}]}', 415, 'FAAS_API_MEDIA_TYPE'],
    ['neither type nor body', undefined, '', 415, 'FAAS_API_MEDIA_TYPE'],
    ['JSON that hides in the parameters of another type', 'text/plain; application/json', '{}', 415, 'FAAS_API_MEDIA_TYPE'],
    ['JSON with a charset', 'application/json; charset=utf-8', '{"events":[{"data":1}]}', 200, undefined],
    ['malformed JSON', 'application/json', '{"events":[', 400, 'FAAS_API_BODY'],
    ['nothing', 'application/json', '', 400, 'FAAS_API_BODY'],
    ['bytes that are not UTF-8', 'application/json', '{"events":[{"data":"\xff"}]}', 400, 'FAAS_API_BODY'],
    ['400 levels', 'application/json', nested, 400, 'FAAS_API_BODY'],
    ['100 000 levels', 'application/json', '['.repeat(100_000), 400, 'FAAS_API_BODY'],
    ['__proto__ as a member', 'application/json', '{"events":[{"data":{"__proto__":{"admin":true}}}]}', 400, 'FAAS_API_BODY'],
    ['__proto__ in disguise', 'application/json', '{"events":[{"data":{"\\u005f_proto__":1}}]}', 400, 'FAAS_API_BODY'],
    ['a member that nobody knows', 'application/json', '{"events":[{"data":1}],"evnts":[]}', 400, 'FAAS_API_REQUEST'],
    ['a number where text belongs', 'application/json', '{"events":[{"data":1,"key":1}]}', 400, 'FAAS_API_REQUEST'],
    ['bytes where JSON belongs', 'application/octet-stream', '{"events":[{"data":1}]}', 400, 'FAAS_API_REQUEST'],
  ])('%s', async (_, type, body, status, code) => {
    const answer = await post(events, type, body);
    expect(answer.status).toBe(status);
    if (code !== undefined) expect(codeOf(answer)).toBe(code);
  });

  test('a body over the limit of its path is refused by its announced length, before it is sent', async () => {
    const answer = await raw(
      `POST /v1/functions/shop/tax/invoke HTTP/1.1\r\n${host()}\r\n${bearer()}\r\ncontent-type: application/json\r\ncontent-length: 2000000\r\nconnection: close\r\n\r\n`,
      true,
    );
    expect([answer.status, codeOf(answer)]).toStrictEqual([413, 'FAAS_API_BODY_TOO_LARGE']);
  });

  test('and while it is read, where no length was announced', async () => {
    const chunk = `${(65_536).toString(16)}\r\n${'x'.repeat(65_536)}\r\n`;
    const answer = await raw(
      `POST /v1/functions/shop/tax/invoke HTTP/1.1\r\n${host()}\r\n${bearer()}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n${chunk.repeat(20)}`,
      true,
    );
    expect([answer.status, codeOf(answer)]).toStrictEqual([413, 'FAAS_API_BODY_TOO_LARGE']);
  });

  test('a bundle may be larger than other bodies, and is refused when it does not match its hash', async () => {
    const large = Buffer.alloc(3 * 2 ** 20, 'a');
    const response = await admin.request('PUT', `/v1/bundles/${bundleHash}`, large);
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ code: 'FAAS_BUNDLE_HASH' });
    expect((await admin.request('PUT', `/v1/bundles/${bundleHash}`, bundle)).status).toBe(200);
  });
});

describe('slow clients', () => {
  test('one that never finishes its headers is cut off', async () => {
    const answer = await raw(`GET /v1/version HTTP/1.1\r\n${host()}\r\nx-slow: `, true);
    expect([answer.status, codeOf(answer)]).toStrictEqual([408, 'FAAS_API_TIMEOUT']);
    expect(answer.tookMs).toBeLessThan(3_000);
  });

  test('one that never finishes its body is cut off', async () => {
    const answer = await raw(
      `POST /v1/deployments HTTP/1.1\r\n${host()}\r\n${bearer()}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"spec":`,
      true,
    );
    expect([answer.status, codeOf(answer)]).toStrictEqual([408, 'FAAS_API_TIMEOUT']);
    expect(answer.tookMs).toBeLessThan(3_000);
  });
});

describe('what is no HTTP', () => {
  test.each([
    ['nonsense', 'hello\r\n\r\n', 400, 'FAAS_API_REQUEST'],
    ['HTTP/1.1 without a Host', 'GET /v1/version HTTP/1.1\r\nconnection: close\r\n\r\n', 421, 'FAAS_API_HOST'],
    ['two lengths', `POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n`, 400, 'FAAS_API_REQUEST'],
    [
      'a length and chunks',
      `POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n`,
      400,
      'FAAS_API_REQUEST',
    ],
    ['headers of 100 KB', `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'x'.repeat(100_000)}\r\n\r\n`, 431, 'FAAS_API_HEADERS'],
  ])('%s is answered with a problem and closed', async (_, text, status, code) => {
    const answer = await raw(text, true);
    expect([answer.status, codeOf(answer)]).toStrictEqual([status, code]);
  });
});

describe('names', () => {
  test.each([
    '/v1/functions/__proto__/constructor',
    '/v1/functions/shop/__proto__',
    '/v1/functions/shop/..%2F..%2Fetc%2Fpasswd',
    '/v1/functions/shop/%2e%2e',
    '/v1/functions/Shop/tax',
    '/v1/functions/shop/tax%00',
    `/v1/functions/shop/${'a'.repeat(500)}`,
    '/v1/contexts/constructor%2f',
    '/v1/functions/shop/tax/dead-letters/0-1;drop',
    '/v1/functions/shop/tax/dead-letters/-1--1',
    '/v1/functions/shop/tax/state?limit=0',
    '/v1/functions/shop/tax/state?limit=1e9',
    '/v1/functions/shop/tax/state?unknown=1',
    '/v1/functions/shop/tax/state/entry',
    '/v1/logs?after=-1',
    '/v1/functions/%ff/tax',
  ])('%s is a problem of the request', async path => {
    const answer = await get(path, [host(), bearer()]);
    expect([400, 404]).toContain(answer.status);
    expect(answer.headers).toContain('content-type: application/problem+json');
    expect(codeOf(answer)).toMatch(/^FAAS_(API_REQUEST|API_ROUTE_UNKNOWN)$/);
  });

  test.each(['constructor', 'tostring'])('the names of built-in members are names like any other: %s', async name => {
    const answer = await get(`/v1/functions/shop/${name}`, [host(), bearer()]);
    expect([answer.status, codeOf(answer)]).toStrictEqual([404, 'FAAS_FUNCTION_UNKNOWN']);
  });
});

describe('the token file', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'faas-token-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test('is made once, for the owner alone, and is the same at the next start', async () => {
    const token = await loadToken(folder, systemRandom);
    expect(token).toMatch(/^[0-9a-f]{64}$/);
    expect((await stat(join(folder, 'token'))).mode & 0o777).toBe(0o600);
    expect(await loadToken(folder, systemRandom)).toBe(token);
    expect(await readdir(folder)).toStrictEqual(['token']);
  });

  test('a given file is read, and what is no token is refused with the name of the setting', async () => {
    const file = join(folder, 'token');
    await expect(readGivenToken(file)).rejects.toThrow(`admin.tokenFile: ${file} cannot be read: ENOENT`);
    await writeFile(file, 'short\n');
    await expect(readGivenToken(file)).rejects.toThrow(`admin.tokenFile: the first line of ${file} is no token`);
    await writeFile(file, `${'a'.repeat(32)}\r\nmore`);
    expect(await readGivenToken(file)).toBe('a'.repeat(32));
  });

  test('two first starts at once agree on one token', async () => {
    const deeper = join(folder, 'deeper');
    const tokens = await Promise.all(Array.from({ length: 8 }, () => loadToken(deeper, systemRandom)));
    expect(new Set(tokens).size).toBe(1);
    expect((await readFile(join(deeper, 'token'), 'utf8')).trim()).toBe(tokens[0]);
  });

  test('that others may read is closed before it is used', async () => {
    await writeFile(join(folder, 'token'), 'a'.repeat(40), { mode: 0o644 });
    expect(await loadToken(folder, systemRandom)).toBe('a'.repeat(40));
    expect((await stat(join(folder, 'token'))).mode & 0o777).toBe(0o600);
  });

  test.each(['', 'short', 'with blanks '.repeat(5)])(
    'that holds no token (%j) is an error with a way out, never an open door',
    async text => {
      await writeFile(join(folder, 'token'), text);
      await expect(loadToken(folder, systemRandom)).rejects.toMatchObject({
        code: 'FAAS_TOKEN_FILE',
        hint: expect.stringContaining('Remove'),
      });
    },
  );
});

test('a defect answers an id and nothing else; its cause is in the log, the token is nowhere', async () => {
  const broken = await startAdmin({
    dispatcher: {
      report() {
        throw new Error('the password of the database is hunter2');
      },
    },
  });
  await broken.deploy();
  const response = await broken.request('GET', '/v1/lag');
  const text = await response.text();
  expect(response.status).toBe(500);
  expect(text).not.toContain('hunter2');
  expect(JSON.parse(text)).toMatchObject({ code: 'FAAS_INTERNAL', detail: expect.stringMatching(/^Request [0-9a-f]{16} failed\.$/) });
  expect(broken.lines).toMatchObject([
    {
      level: 'error',
      message: 'request failed',
      fields: { route: '/v1/lag', error: { message: 'the password of the database is hunter2' } },
    },
  ]);
  for (const path of ['/v1/settings', '/v1/version', '/v1/secrets', '/v1/openapi.json', '/v1/nowhere']) {
    expect(await (await broken.request('GET', path)).text()).not.toContain(broken.token);
  }
  expect(JSON.stringify(broken.lines)).not.toContain(broken.token);
  await broken.close();
});

test('a port that is taken is a clear error with a way out', async () => {
  const { settings, origins } = await import('../../controller/settings-source.ts').then(({ loadSettings }) =>
    loadSettings({ flags: { 'admin-port': String(admin.port) }, env: {} }),
  );
  await expect(startAdmin({ settings, origins })).rejects.toMatchObject({
    code: 'FAAS_PORT_IN_USE',
    hint: expect.stringContaining('--admin-port'),
  });
});
