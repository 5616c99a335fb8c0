import { setTimeout as sleep } from 'node:timers/promises';
import type { FaasServer } from './faas-server.ts';

/** What handlers/entry.ts notes. */
export interface Entry {
  readonly atMs: number;
  readonly sinceSentMs: number;
  /** Since the append, whose time is in whole milliseconds: up to one more than it was. */
  readonly sinceAppendMs: number;
  readonly release: string;
  readonly pid: number;
}

export function entriesOf(server: FaasServer): readonly Entry[] {
  return server.lines().map(line => {
    const [atMs = '', sinceSentMs = '', sinceAppendMs = '', release = '', pid = ''] = line.split(' ');
    return { atMs: Number(atMs), sinceSentMs: Number(sinceSentMs), sinceAppendMs: Number(sinceAppendMs), release, pid: Number(pid) };
  });
}

export function entryManifest(scale: string): string {
  return `version: 1
context: bench
streams:
  orders: { partitions: 8 }
functions:
  entry:
    handler: entry.ts
    on:
      - stream: { streams: [orders] }
    scale: ${scale}
    env:
      OUT: \${OUT}
`;
}

export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** Sends at an even rate, whatever the answers take; resolves when all are durable. */
export async function sendEvenly(server: FaasServer, perSecond: number, durationMs: number): Promise<number> {
  const startedMs = performance.now();
  const requests: Promise<void>[] = [];
  let sent = 0;
  while (performance.now() - startedMs < durationMs) {
    const due = Math.floor(((performance.now() - startedMs) * perSecond) / 1000) - sent;
    if (due > 0) {
      const sentAtMs = nowMs();
      const events = Array.from({ length: due }, (_, index) => ({ key: `customer-${(sent + index) % 1000}`, data: { sentAtMs } }));
      requests.push(server.emit('bench.orders', events));
      sent += due;
    }
    await sleep(1);
  }
  await Promise.all(requests);
  return sent;
}
