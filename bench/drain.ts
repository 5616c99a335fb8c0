import { setTimeout as sleep } from 'node:timers/promises';
import type { FaasServer } from './faas-server.ts';
import { SteadyRate } from './steady-rate.ts';

/** To answer costs the server several milliseconds: while much is left it is asked seldom, at the end often. */
const pollMs = { first: 100, last: 20 } as const;
const pollMsMax = 500;

/** Events per second by the counter that is raised at the commit, once it is under way. */
export async function drainRate(server: FaasServer, unit: string, count: number, timeoutMs = 120_000): Promise<number> {
  const deadlineMs = performance.now() + timeoutMs;
  const steady = new SteadyRate(count);
  let before = { atMs: performance.now(), done: 0 };
  for (;;) {
    const done = await server.metric('faas_events_total', `unit="${unit}"`);
    const rate = steady.saw(done);
    if (rate !== undefined) return rate;
    if (performance.now() > deadlineMs) throw new Error(`${done} of ${count} events within ${timeoutMs / 1000} s`);
    const atMs = performance.now();
    const leftMs = done > before.done ? ((count - done) * (atMs - before.atMs)) / (done - before.done) : 0;
    if (done > before.done) before = { atMs, done };
    await sleep(before.done === 0 ? pollMs.first : Math.min(pollMsMax, Math.max(pollMs.last, leftMs / 2)));
  }
}
