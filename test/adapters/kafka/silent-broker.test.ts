import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openStreams } from '../../services/kafka/open-kafka.ts';

/** Takes connections, and speaks no Kafka. */
let listener: Server;
const sockets = new Set<Socket>();
/** Its answer to whatever is sent. */
let says: Buffer;

beforeEach(async () => {
  says = Buffer.alloc(0);
  listener = createServer(socket => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', () => socket.write(says));
  });
  await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise(resolve => listener.close(resolve));
});

test.each([
  ['that says nothing', ''],
  ['that speaks something else', '-ERR unknown command\r\n'],
])('an address %s is no broker: refused within seconds, the setting is named, and nothing stays connected', async (_, answer) => {
  says = Buffer.from(answer);
  const askedAtMs = performance.now();
  await expect(openStreams([addressOf(listener)])).rejects.toMatchObject({
    code: 'FAAS_KAFKA_UNREACHABLE',
    message: expect.stringContaining(addressOf(listener)),
    hint: expect.stringContaining('setting streams'),
  });
  expect(performance.now() - askedAtMs).toBeLessThan(10_000);
  while (sockets.size > 0) await new Promise(resolve => setImmediate(resolve));
});

function addressOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it does not listen');
  return `127.0.0.1:${address.port}`;
}
