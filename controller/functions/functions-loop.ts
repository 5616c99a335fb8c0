import type { Clock } from '../clock.ts';
import type { Registry } from '../ports/registry.ts';
import type { Log } from '../telemetry/log.ts';
import type { LiveFunction } from './live-function.ts';
import { resolveLive } from './resolve-live.ts';

export interface FunctionsLoop {
  /** Reads what is live and tells everyone; resolves when they know. */
  refresh(): Promise<void>;
  live(): readonly LiveFunction[];
  /** Those of them whose streams may be handled now: not held. */
  handled(): readonly LiveFunction[];
  stop(): void;
}

/** Keeps everyone's picture of the live functions the registry's: at the start, after each deploy, and whenever the registry hints at a change. */
export function createFunctionsLoop(
  { registry, clock, log }: { readonly registry: Registry; readonly clock: Clock; readonly log: Log },
  onLive: (live: readonly LiveFunction[], handled: readonly LiveFunction[]) => void,
): FunctionsLoop {
  let live: readonly LiveFunction[] = [];
  let handled: readonly LiveFunction[] = [];
  let cancelRelease = (): void => {};
  let last: Promise<void> = Promise.resolve();
  const read = async (): Promise<void> => {
    const contexts = new Map((await registry.contexts()).map(record => [record.spec.context, record.spec]));
    const records = await registry.functions();
    live = records.map(record => resolveLive(record.live, contexts));
    const nowMs = clock.now();
    const heldMs = records.map(({ heldUntilMs = 0 }) => heldUntilMs - nowMs);
    handled = live.filter((_, index) => (heldMs[index] ?? 0) <= 0);
    cancelRelease();
    const next = Math.min(...heldMs.filter(ms => ms > 0));
    if (next !== Infinity) cancelRelease = clock.after(next, look);
    onLive(live, handled);
  };
  const refresh = (): Promise<void> => {
    last = last.catch(() => undefined).then(read);
    return last;
  };
  const look = (): void => {
    refresh().catch(error => log.error('the live functions could not be read', { error: String(error) }));
  };
  const unwatch = registry.watch(look);
  const stop = (): void => {
    cancelRelease();
    unwatch();
  };
  return { refresh, live: () => live, handled: () => handled, stop };
}
