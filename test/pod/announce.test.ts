import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { announce } from '../../runtime/pod/announce.ts';
import { freePorts } from '../services/free-ports.ts';

let folder: string;
let server: Server | undefined;
let requests: unknown[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'faas-announce-'));
  requests = [];
});
afterEach(async () => {
  server?.close();
  server = undefined;
  await rm(folder, { recursive: true });
});

/** Answers with these statuses, one after the other, and the last of them from then on. */
async function listen(port: number, statuses: readonly number[]): Promise<void> {
  server = createServer((request, response) => {
    let body = '';
    request.on('data', piece => {
      body += piece;
    });
    request.on('end', () => {
      const { method, url, headers } = request;
      const status = statuses[Math.min(requests.length, statuses.length - 1)] ?? 500;
      requests.push([method, url, headers.authorization, headers['content-type'], body]);
      response.writeHead(status).end();
    });
  });
  await new Promise<void>(resolve => server?.listen(port, '127.0.0.1', resolve));
}

async function announcement() {
  const [port = 0] = await freePorts(1);
  const tokenFile = join(folder, 'token');
  await writeFile(tokenFile, 'of the cluster\n');
  return { port, tokenFile, whole: { url: `http://127.0.0.1:${port}/internal/v1/announce`, tokenFile, bootId: 'boot', ip: 'fd00::7' } };
}

const never = () => false;

test('says where the pod is, with the token of the pod, and once', async () => {
  const { port, whole } = await announcement();
  await listen(port, [204]);
  await announce(whole, never);
  const body = '{"bootId":"boot","ip":"fd00::7"}';
  expect(requests).toEqual([['POST', '/internal/v1/announce', 'Bearer of the cluster', 'application/json', body]]);
});

test('tries again while nobody listens there', async () => {
  const { port, whole } = await announcement();
  let looks = 0;
  let listening: Promise<void> | undefined;
  await announce(whole, () => {
    looks += 1;
    if (looks === 3) listening = listen(port, [204]);
    return false;
  });
  await listening;
  expect([looks >= 3, requests.length]).toEqual([true, 1]);
});

test.each([
  ['cannot verify it yet', [401, 401, 204], 3],
  ['breaks', [500, 204], 2],
  ['does not wait for this pod', [404], 1],
])('a server that %s', async (_, statuses, tries) => {
  const { port, whole } = await announcement();
  await listen(port, statuses);
  await announce(whole, never);
  expect(requests).toHaveLength(tries);
});

test('ends when a parent is there, whatever the server answers', async () => {
  const { port, whole } = await announcement();
  await listen(port, [401]);
  await announce(whole, () => requests.length === 2);
  expect(requests).toHaveLength(2);
});

test('without a token it waits for one, and says nothing', async () => {
  const { port, tokenFile, whole } = await announcement();
  await listen(port, [204]);
  await rm(tokenFile);
  let looks = 0;
  await announce(whole, () => {
    looks += 1;
    return looks === 3;
  });
  expect(requests).toEqual([]);
});
