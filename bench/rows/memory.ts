import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { childrenOf, eventually, residentMib, startChild } from '../child.ts';
import { startFaas } from '../faas-server.ts';
import { peersFolder } from '../paths.ts';
import { orders } from '../payload.ts';
import { boundRow, type Row, type RowResult } from '../row.ts';

/** So long after the last work that what was garbage had its chance. */
const restMs = 5_000;

const manifest = (scale: string, concurrency: number, handler: string) => `version: 1
context: bench
streams:
  orders: { partitions: 8 }
functions:
  work:
    handler: ${handler}
    on:
      - stream: { streams: [orders], batch: { size: 100 } }
    limits: { concurrency: ${concurrency} }
    scale: ${scale}
`;

async function serverAtRest(): Promise<number> {
  const server = await startFaas({ 'pods-pool': '0' });
  try {
    await sleep(restMs);
    return residentMib(server.pid);
  } finally {
    await server.stop();
  }
}

/** A pod that has loaded a function and handled a thousand events. */
async function podAtRest(): Promise<number> {
  const server = await startFaas({ 'pods-pool': '0' });
  try {
    await server.deploy(manifest('{ min: 1, max: 1 }', 16, 'stateless.ts'));
    await server.emit('bench.orders', orders(1_000));
    await eventually('the events are handled', async () => ((await server.metric('faas_events_total')) >= 1_000 ? true : undefined));
    await sleep(restMs);
    const [pod] = childrenOf(server.pid);
    if (pod === undefined) throw new Error('there is no pod');
    return residentMib(pod);
  } finally {
    await server.stop();
  }
}

async function barePod(): Promise<number> {
  const child = startChild(process.execPath, [join(peersFolder, 'bare-pod.mjs')]);
  try {
    await sleep(restMs);
    return residentMib(child.pid);
  } finally {
    await child.stop();
  }
}

export const memory: Row = {
  name: 'memory',
  async measure() {
    const server = await serverAtRest();
    const pod = await podAtRest();
    const bare = await barePod();
    const beside: RowResult = {
      measure: 'RSS of a pod at rest, above a bare one',
      unit: 'MiB',
      ours: pod,
      other: { name: 'of http server and empty worker', value: bare },
      figure: pod - bare,
      wanted: { relation: 'at most', value: 12, of: 'MiB more' },
      pods: 1,
    };
    return [boundRow('RSS of the server without pods', 'MiB', server, 130, 0), beside];
  },
};

/** The handler takes 20 ms, two at a time: 100 events/s. A hundred times as many arrive. */
const arrivalsPerSecond = 10_000;
const chunk = 1_000;
const concurrency = 2;

export const overload: Row = {
  name: 'overload',
  async measure({ overloadMs }) {
    const server = await startFaas({ 'pods-pool': '0' });
    try {
      await server.deploy(manifest('{ min: 1, max: 1 }', concurrency, 'slow.ts'));
      const samples = await underLoad(overloadMs, server);
      const early = Math.max(...samples.slice(0, Math.ceil(samples.length / 3)));
      const late = Math.max(...samples.slice(-Math.ceil(samples.length / 3)));
      const done = await server.metric('faas_events_total');
      const note = `${overloadMs / 1000} s, ${Math.round(done)} handled, ${early.toFixed(0)} MiB in the first third`;
      return [
        {
          ...boundRow('100-fold overload: RSS of server and pod, last third', 'MiB', late, 512, 1, note),
          other: { name: 'of the first third', value: early },
        },
      ];
    } finally {
      await server.stop();
    }
  },
};

async function underLoad(durationMs: number, server: Awaited<ReturnType<typeof startFaas>>): Promise<readonly number[]> {
  const startedMs = performance.now();
  const events = orders(chunk);
  const samples: number[] = [];
  let sent = 0;
  let sampledMs = 0;
  while (performance.now() - startedMs < durationMs) {
    const due = ((performance.now() - startedMs) * arrivalsPerSecond) / 1000;
    if (sent < due) {
      await server.emit('bench.orders', events);
      sent += chunk;
    } else await sleep(5);
    if (performance.now() - sampledMs < 500) continue;
    sampledMs = performance.now();
    samples.push([server.pid, ...childrenOf(server.pid)].reduce((sum, pid) => sum + residentMib(pid), 0));
  }
  return samples;
}
