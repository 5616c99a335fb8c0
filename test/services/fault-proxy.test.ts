import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FaultProxy, holds, kafkaFrame, respFrame, startFaultProxy } from './fault-proxy.ts';

/** A server that answers each line `x` with `<x>`, and remembers what reached it. */
let server: Server;
let received: string;
let ended: string[];
let proxy: FaultProxy;
const clients: Client[] = [];

beforeEach(async () => {
  received = '';
  ended = [];
  server = createServer(socket => {
    let partial = '';
    socket.on('data', bytes => {
      received += bytes.toString();
      const lines = (partial + bytes.toString()).split('\r\n');
      partial = lines.pop() ?? '';
      for (const line of lines) socket.write(`<${line}>`);
    });
    socket.on('error', error => ended.push('code' in error ? String(error.code) : error.message)).on('end', () => ended.push('end'));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  proxy = await startFaultProxy({ target: { port: address.port }, frameEnd: respFrame });
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.destroy();
  await proxy.close();
  await new Promise(resolve => server.close(resolve));
});

describe('fault proxy', () => {
  test('passes everything both ways, and ends with its ends', async () => {
    const client = await dial();
    client.send('a', 'b');
    await client.got('<a><b>');
    expect(proxy).toMatchObject({ open: 1, requests: 2, held: 0 });
    client.socket.end();
    await until(() => ended.length > 0 && proxy.open === 0);
  });

  test('latency: each way takes longer', async () => {
    const client = await dial();
    proxy.latency(60);
    const startedMs = performance.now();
    client.send('a');
    await client.got('<a>');
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(115);
  });

  test('blackhole: nothing passes, nothing ends, and all arrives afterwards', async () => {
    const client = await dial();
    proxy.blackhole();
    const late = await dial();
    client.send('a');
    late.send('b');
    await sleep(50);
    expect([received, client.text, late.text, client.over, late.over]).toEqual(['', '', '', undefined, undefined]);
    proxy.heal();
    await client.got('<a>');
    await late.got('<b>');
  });

  test('half-open: the server has gone and the client is not told; new connections pass', async () => {
    const client = await dial();
    client.send('a');
    await client.got('<a>');
    proxy.halfOpen();
    await until(() => ended.length > 0);
    client.send('b');
    const fresh = await dial();
    fresh.send('c');
    await fresh.got('<c>');
    expect([received, client.text, client.over]).toEqual(['a\r\nc\r\n', '<a>', undefined]);
  });

  test('reset: both ends of every connection', async () => {
    const [one, two] = [await dial(), await dial()];
    one.send('a');
    two.send('a');
    await one.got('<a>');
    await two.got('<a>');
    proxy.reset();
    await until(() => one.over !== undefined && two.over !== undefined && ended.length === 2);
    expect([one.over, two.over, ...ended]).toEqual(['ECONNRESET', 'ECONNRESET', 'ECONNRESET', 'ECONNRESET']);
  });

  test('swallowed reply: the chosen request takes effect and the client never learns it', async () => {
    proxy.swallowReply(holds('b'));
    const client = await dial();
    client.send('a');
    await client.got('<a>');
    client.send('b');
    await until(() => client.over !== undefined);
    expect([received, client.text, client.over]).toEqual(['a\r\nb\r\n', '<a>', 'ECONNRESET']);
    const again = await dial();
    again.send('b');
    await again.got('<b>');
  });

  test('swallowed reply, then silence: the connection stays open', async () => {
    proxy.swallowReply(holds('b'), { afterwards: 'silence', times: 2 });
    const [one, two] = [await dial(), await dial()];
    one.send('b');
    two.send('b');
    await until(() => received === 'b\r\nb\r\n');
    one.send('c');
    await until(() => received.endsWith('c\r\n'));
    await sleep(20);
    expect([one.text, two.text, one.over, two.over]).toEqual(['', '', undefined, undefined]);
  });

  test('hold: chosen requests and those behind them wait, and arrive although the client has gone', async () => {
    proxy.hold(holds('b'));
    const [one, two] = [await dial(), await dial()];
    one.send('a', 'b', 'c');
    await one.got('<a>');
    two.send('d');
    await two.got('<d>');
    expect(proxy.held).toBe(2);
    one.socket.resetAndDestroy();
    await sleep(20);
    expect(received).toBe('a\r\nd\r\n');
    await proxy.release();
    await until(() => received === 'a\r\nd\r\nb\r\nc\r\n');
    expect(proxy.held).toBe(0);
    two.send('b');
    await two.got('<d><b>');
  });

  test.each([0, 1, 3] as const)('cut in a request after %i bytes', async bytes => {
    proxy.cut(holds('hello'), { of: 'request', bytes });
    const client = await dial();
    client.send('hello');
    await until(() => client.over !== undefined);
    await sleep(10);
    expect('hello'.slice(0, bytes).startsWith(received)).toBe(true);
    expect(client.text).toBe('');
  });

  test('cut in a reply: the client sees its beginning', async () => {
    proxy.cut(holds('hello'), { of: 'reply', bytes: 3 });
    const client = await dial();
    client.send('hello');
    await until(() => client.over !== undefined);
    expect('<he'.startsWith(client.text)).toBe(true);
    expect(received).toBe('hello\r\n');
  });

  test('refuse and accept: as a server that is down and comes back', async () => {
    const client = await dial();
    await proxy.refuse();
    await until(() => client.over !== undefined);
    const refused = connect(proxy.port, '127.0.0.1');
    const [error] = await once(refused, 'error');
    expect(error.code).toBe('ECONNREFUSED');
    await proxy.accept();
    const again = await dial();
    again.send('a');
    await again.got('<a>');
  });
});

test.each([
  ['nothing', '', undefined],
  ['half a line', 'PING\r', undefined],
  ['a line', 'PING\r\nX', 6],
  ['an array', '*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1', 20],
  ['an array with line ends in it', '*1\r\n$4\r\na\r\nb\r\n', 14],
  ['an array that is not all there', '*2\r\n$3\r\nGET\r\n$1\r\nk\r', undefined],
  ['an array without its second length', '*2\r\n$3\r\nGET\r\n$1', undefined],
  ['an empty array', '*0\r\n*', 4],
])('a Redis request: %s', (_, text, end) => {
  expect(respFrame(Buffer.from(text))).toBe(end);
});

test.each([
  ['no length', [0, 0, 0], undefined],
  ['not all of it', [0, 0, 0, 2, 9], undefined],
  ['all of it', [0, 0, 0, 2, 9, 9], 6],
  ['more than it', [0, 0, 0, 1, 9, 0, 0], 5],
])('a Kafka request: %s', (_, bytes, end) => {
  expect(kafkaFrame(Buffer.from(bytes))).toBe(end);
});

interface Client {
  readonly socket: Socket;
  text: string;
  over: string | undefined;
  send(...lines: string[]): void;
  got(text: string): Promise<void>;
}

async function dial(): Promise<Client> {
  const socket = connect(proxy.port, '127.0.0.1');
  const client: Client = {
    socket,
    text: '',
    over: undefined,
    send: (...lines) => socket.write(lines.map(line => `${line}\r\n`).join('')),
    got: text => until(() => client.text === text),
  };
  socket.on('data', bytes => {
    client.text += bytes.toString();
  });
  socket.on('error', error => {
    client.over = 'code' in error ? String(error.code) : error.message;
  });
  socket.on('close', () => {
    client.over ??= 'closed';
  });
  clients.push(client);
  await once(socket, 'connect');
  return client;
}

async function until(holdsNow: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1000; turn += 1) {
    if (holdsNow()) return;
    await sleep(5);
  }
  throw new Error(`not within 5 s; received ${JSON.stringify(received)}`);
}
