import { setTimeout as sleep } from 'node:timers/promises';
import { childrenOf, eventually } from '../child.ts';
import { type Entry, entriesOf, entryManifest, nowMs, sendEvenly } from '../entries.ts';
import { type FaasServer, startFaas } from '../faas-server.ts';
import { boundRow, type Row, type RowResult } from '../row.ts';
import { median, percentile } from '../statistics.ts';

const starts = 20;

/** One event to a function without pods, again and again. */
async function startTimes(pool: number): Promise<readonly Entry[]> {
  const server = await startFaas({ 'pods-pool': String(pool), 'scale-idle': '200ms' });
  try {
    await server.deploy(entryManifest('{ min: 0, max: 1 }'));
    for (let turn = 1; turn <= starts; turn += 1) {
      await restore(server, pool);
      await server.emit('bench.orders', [{ key: `key-${turn}`, data: { sentAtMs: nowMs() } }]);
      await eventually('the event is handled', () => (server.lines().length >= turn ? true : undefined), 30_000, 5);
    }
    return entriesOf(server);
  } finally {
    await server.stop();
  }
}

/** Until no pod has a function, and `pool` generic ones wait. */
async function restore(server: FaasServer, pool: number): Promise<void> {
  const used = new Set(entriesOf(server).map(entry => entry.pid));
  await eventually('the pods of the function end', async () => {
    const pids = childrenOf(server.pid);
    const isTrialOver = pids.length === pool && !pids.some(pid => used.has(pid));
    return isTrialOver && (await server.metric('faas_pods', 'unit="bench.entry"')) === 0 ? true : undefined;
  });
  if (pool > 0)
    await eventually('a generic pod waits', async () => ((await server.metric('faas_pods', 'state="generic"')) >= pool ? true : undefined));
  // What was just started settles: a user's first event does not come in the same instant.
  await sleep(200);
}

export const fromZero: Row = {
  name: 'from-zero',
  async measure() {
    return [startRow('cold', await startTimes(0), 150), startRow('generic warm pod', await startTimes(1), 20)];
  },
};

function startRow(how: string, entries: readonly Entry[], atMostMs: number): RowResult {
  const sinceAppend = entries.map(entry => entry.sinceAppendMs);
  const sinceSent = entries.map(entry => entry.sinceSentMs);
  const note = `p50 ${median(sinceAppend).toFixed(0)} ms; from before the request p50 ${median(sinceSent).toFixed(0)} ms`;
  return boundRow(`from zero pods: append to handler entry, ${how}, p95`, 'ms', percentile(sinceAppend, 0.95), atMostMs, 0, note);
}

const perSecond = 500;
const loadMs = 9_000;

export const redeploy: Row = {
  name: 'redeploy',
  async measure() {
    const server = await startFaas({ 'pods-pool': '1' });
    const manifest = entryManifest('{ min: 1, max: 1 }');
    try {
      await server.deploy(manifest);
      const load = sendEvenly(server, perSecond, loadMs);
      for (const release of ['r1', 'r2', 'r3']) {
        await sleep(2_000);
        await server.deploy(manifest, handler => handler.replace("'r0'", `'${release}'`));
      }
      const sent = await load;
      await eventually('all events are handled', () => (server.lines().length >= sent ? true : undefined));
      const entries = [...entriesOf(server)].sort((a, b) => a.atMs - b.atMs).slice(perSecond);
      const gaps = entries.slice(1).map((entry, index) => entry.atMs - (entries[index]?.atMs ?? entry.atMs));
      const releases = [...new Set(entries.map(entry => entry.release))].join(', ');
      return [boundRow(`redeploy under ${perSecond} events/s, longest gap`, 'ms', Math.max(...gaps), 250, 1, `releases ${releases}`)];
    } finally {
      await server.stop();
    }
  },
};
