import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { eventually, freePort, startChild } from '../child.ts';
import { scratchFolder } from '../paths.ts';
import { PeerMissing } from '../row.ts';

/** A redis-server of our own, as BullMQ recommends it: append-only file, synced every second. */
export async function startRedis(): Promise<{ readonly port: number; stop(): Promise<void> }> {
  if (spawnSync('redis-server', ['--version']).status !== 0) {
    throw new PeerMissing('BullMQ needs a redis-server on the PATH: apt-get install redis-server, brew install redis');
  }
  const port = await freePort();
  const folder = mkdtempSync(join(scratchFolder, 'redis-'));
  const settings = { port: String(port), bind: '127.0.0.1', dir: folder, appendonly: 'yes', appendfsync: 'everysec', save: '' };
  const child = startChild(
    'redis-server',
    Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
  );
  await Promise.race([eventually('redis answers', () => canConnect(port)), child.ended]);
  return { port, stop: () => child.stop() };
}

function canConnect(port: number): Promise<true | undefined> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(undefined));
    socket.once('connect', () => socket.destroy());
  });
}
