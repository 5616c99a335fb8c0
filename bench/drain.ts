import { setTimeout as sleep } from 'node:timers/promises';
import type { FaasServer } from './faas-server.ts';
import { SteadyRate } from './steady-rate.ts';

/** Events per second by the counter that is raised at the commit, once it is under way. */
export async function drainRate(server: FaasServer, unit: string, count: number, timeoutMs = 120_000): Promise<number> {
  const deadlineMs = performance.now() + timeoutMs;
  const steady = new SteadyRate(count);
  for (;;) {
    const done = await server.metric('faas_events_total', `unit="${unit}"`);
    const rate = steady.saw(done);
    if (rate !== undefined) return rate;
    if (performance.now() > deadlineMs) throw new Error(`${done} of ${count} events within ${timeoutMs / 1000} s`);
    await sleep(100);
  }
}
