import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { childrenOf, eventually, freePort, residentMib, startChild } from '../child.ts';
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

/** A pod with a function: as it waits for its first event, and after a thousand events. */
async function podMib(): Promise<Waiting> {
  const server = await startFaas({ 'pods-pool': '0' });
  try {
    await server.deploy(manifest('{ min: 1, max: 1 }', 16, 'stateless.ts'));
    const pod = await eventually('there is one pod', () => onlyChildOf(server.pid));
    await sleep(restMs);
    const fresh = residentMib(pod);
    await server.emit('bench.orders', orders(used));
    await eventually('the events are handled', async () => ((await server.metric('faas_events_total')) >= used ? true : undefined));
    await sleep(restMs);
    return { fresh, used: residentMib(pod) };
  } finally {
    await server.stop();
  }
}

/** The one that a deploy tries a revision on may still be there. */
function onlyChildOf(pid: number): number | undefined {
  const [pod, ...others] = childrenOf(pid);
  return others.length === 0 ? pod : undefined;
}

/** The same of the least that a pod could be: after its start, and after a thousand requests. */
async function bareMib(): Promise<Waiting> {
  const port = await freePort();
  const child = startChild(process.execPath, [join(peersFolder, 'bare-pod.mjs'), String(port)]);
  try {
    await sleep(restMs);
    const fresh = residentMib(child.pid);
    for (const { data } of orders(used)) {
      const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: JSON.stringify(data) });
      await answer.text();
    }
    await sleep(restMs);
    return { fresh, used: residentMib(child.pid) };
  } finally {
    await child.stop();
  }
}

const used = 1_000;

interface Waiting {
  readonly fresh: number;
  readonly used: number;
}

export const memory: Row = {
  name: 'memory',
  async measure() {
    const server = await serverAtRest();
    const pod = await podMib();
    const bare = await bareMib();
    return [
      boundRow('RSS of the server without pods', 'MiB', server, 130, 0),
      besideBare('RSS of a pod that waits for its first event', pod.fresh, bare.fresh),
      besideBare(`RSS of a pod after ${used} events`, pod.used, bare.used),
    ];
  },
};

function besideBare(measure: string, ours: number, bare: number): RowResult {
  const other = { name: 'of http server and empty worker', value: bare };
  const wanted = { relation: 'at most', value: 12, of: 'MiB more' } as const;
  return { measure, unit: 'MiB', ours, other, figure: ours - bare, wanted, pods: 1 };
}

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
