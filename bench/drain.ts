import { setTimeout as sleep } from 'node:timers/promises';
import type { FaasServer } from './faas-server.ts';

/** Events per second from the first committed results to the last, by the counter that is raised at the commit. */
export async function drainRate(server: FaasServer, unit: string, count: number, timeoutMs = 120_000): Promise<number> {
  const deadlineMs = performance.now() + timeoutMs;
  let first: { readonly atMs: number; readonly done: number } | undefined;
  for (;;) {
    const done = await server.metric('faas_events_total', `unit="${unit}"`);
    const atMs = performance.now();
    if (done > 0) first ??= { atMs, done };
    if (first !== undefined && done >= count) return ((count - first.done) * 1000) / (atMs - first.atMs);
    if (atMs > deadlineMs) throw new Error(`${done} of ${count} events within ${timeoutMs / 1000} s`);
    await sleep(100);
  }
}
