import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaasServer } from '../../faas-server.ts';
import type { Row } from '../compare.ts';
import { slotMs, type TraceSpec, worldOf } from '../trace.ts';
import { type Bounds, emitSlot, finishedOf, nameOf, scalesOf, setPods, startFunctions } from './server.ts';
import { type RealResult, Watch } from './watch.ts';

export interface RealRun {
  readonly events: number;
  readonly results: readonly RealResult[];
  /** What the whole machine did meanwhile, 0..1: on the average, and in the busiest 10 s. */
  readonly busy: { readonly mean: number; readonly most: number };
  /** By how much the sender was late at most. */
  readonly lateMs: number;
}

const ticksOfPeers = Math.round(1_000 / slotMs);
const busySpanMs = 10_000;

/** Sends a trace to one function per row, all at the same time, and counts what each makes of it. */
export async function runReal(bounds: Bounds, trace: TraceSpec, rows: readonly Pick<Row, 'name' | 'peer'>[]): Promise<RealRun> {
  const names = rows.map(row => row.name);
  const server = await startFunctions(bounds, trace, names);
  try {
    const watches = rows.map(row => new Watch(row, bounds.min));
    for (const { name, isPeer } of watches) if (isPeer) await setPods(server, name, bounds.min);
    const { arrivals } = worldOf(trace);
    const span = { startMs: Date.now(), slots: arrivals.length };
    const sender = new Sender(server);
    const [busy] = await Promise.all([watchMachine(span), sender.send(arrivals, span.startMs), watchAll(server, watches, sender, span)]);
    const endMs = span.startMs + span.slots * slotMs;
    const finished = finishedOf(server);
    const results = watches.map(watch => watch.result(bounds.maxAgeMs, sender.sentMs, finished.get(watch.name) ?? new Map(), endMs));
    return { events: sender.sentMs.length, results, busy, lateMs: sender.lateMs };
  } finally {
    await server.stop();
  }
}

interface Span {
  readonly startMs: number;
  readonly slots: number;
}

class Sender {
  /** When each event was sent, by its index. */
  readonly sentMs: number[] = [];
  lateMs = 0;
  readonly #server: FaasServer;

  constructor(server: FaasServer) {
    this.#server = server;
  }

  /** Appends the events of each slot in its middle, whatever the answers take. */
  async send(arrivals: readonly number[], startMs: number): Promise<void> {
    const requests: Promise<void>[] = [];
    for (const [slot, count] of arrivals.entries()) {
      const dueMs = startMs + (slot + 0.5) * slotMs;
      await sleepUntil(dueMs);
      const nowMs = Date.now();
      this.lateMs = Math.max(this.lateMs, nowMs - dueMs);
      requests.push(emitSlot(this.#server, this.sentMs.length, count));
      for (let event = 0; event < count; event += 1) this.sentMs.push(nowMs);
    }
    await Promise.all(requests);
  }
}

/** Looks at the end of each slot; the rules of peers are asked once a second, as in the simulation. */
async function watchAll(server: FaasServer, watches: readonly Watch[], sender: Sender, { startMs, slots }: Span): Promise<void> {
  for (let tick = 1; tick <= slots; tick += 1) {
    await sleepUntil(startMs + tick * slotMs);
    const scales = new Map((await scalesOf(server)).map(one => [nameOf(one), one]));
    const nowMs = Date.now() - startMs;
    for (const watch of watches) {
      const seen = scales.get(watch.name);
      if (seen === undefined) continue;
      watch.see(seen, nowMs);
      // By the due time, not by the clock: else a period of 15 s would slip to 16 s with the first tick that is a millisecond early.
      const pods = tick % ticksOfPeers === 0 ? watch.wish(seen, tick * slotMs, sender.sentMs.length) : undefined;
      if (pods !== undefined) await setPods(server, watch.name, pods);
    }
  }
}

async function watchMachine({ startMs, slots }: Span): Promise<RealRun['busy']> {
  const shares: number[] = [];
  const endMs = startMs + slots * slotMs;
  let before = processorTimes();
  for (let atMs = startMs + busySpanMs; atMs <= endMs; atMs += busySpanMs) {
    await sleepUntil(atMs);
    const now = processorTimes();
    shares.push((now.busyMs - before.busyMs) / (now.allMs - before.allMs));
    before = now;
  }
  return { mean: shares.reduce((sum, share) => sum + share, 0) / shares.length, most: Math.max(...shares) };
}

function processorTimes(): { readonly busyMs: number; readonly allMs: number } {
  const all = cpus().map(({ times }) => ({ idle: times.idle, sum: times.user + times.nice + times.sys + times.irq + times.idle }));
  const allMs = all.reduce((sum, one) => sum + one.sum, 0);
  return { busyMs: allMs - all.reduce((sum, one) => sum + one.idle, 0), allMs };
}

async function sleepUntil(atMs: number): Promise<void> {
  const leftMs = atMs - Date.now();
  if (leftMs > 0) await sleep(leftMs);
}
