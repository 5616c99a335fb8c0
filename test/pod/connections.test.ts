import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { Connections } from '../../runtime/pod/connections.ts';

const farewell = 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 3\r\n\r\nbye';
const request = 'GET / HTTP/1.1\r\nhost: pod\r\n\r\n';
const answer = /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nhello$/s;
const openings: Socket[] = [];

afterEach(() => {
  for (const socket of openings.splice(0)) socket.destroy();
});

async function serve() {
  const taken: ServerResponse[] = [];
  const server = createServer((request, response) => {
    if (connections.take(request, response)) taken.push(response);
  });
  const connections = new Connections(server, Buffer.from(farewell));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    connections,
    taken,
    async open(allowHalfOpen = false): Promise<Socket> {
      const accepted = once(server, 'connection');
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen });
      openings.push(socket);
      await Promise.all([accepted, once(socket, 'connect')]);
      return socket;
    },
    async take(): Promise<ServerResponse> {
      while (taken.length === 0) await turn();
      return taken.shift() as ServerResponse;
    },
  };
}

const patient = 60_000;
const endOf = (connections: Connections, withinMs = patient) => new Promise<void>(resolve => connections.end(withinMs, resolve));

test('a request that crosses the end of its connection has the farewell as its answer, and is not taken', async () => {
  const { connections, open, take, taken } = await serve();
  const client = await open();
  client.write(request);
  (await take()).end('hello');
  const [first] = await once(client, 'data');
  expect(String(first)).toMatch(answer);
  const over = endOf(connections);
  client.write(request);
  expect(await text(client)).toBe(farewell);
  await over;
  expect(taken).toEqual([]);
});

test('a request that is open is answered before', async () => {
  const { connections, open, take } = await serve();
  const client = await open();
  client.write(request);
  const response = await take();
  const over = endOf(connections);
  response.end('hello');
  const all = await text(client);
  expect(all.slice(-farewell.length)).toBe(farewell);
  expect(all.slice(0, -farewell.length)).toMatch(answer);
  await over;
});

test('one that connects while others are open is told at once', async () => {
  const { connections, open, take } = await serve();
  const busy = await open();
  busy.write(request);
  const response = await take();
  const over = endOf(connections);
  expect(await text(await open())).toBe(farewell);
  response.end('hello');
  await text(busy);
  await over;
});

test('who does not let go is let go', async () => {
  const { connections, open } = await serve();
  const client = await open(true);
  const closed = once(client.resume(), 'close');
  await endOf(connections, 20);
  client.end();
  await closed;
});

test('a server without connections ends at once', async () => {
  const { connections } = await serve();
  await endOf(connections);
});
