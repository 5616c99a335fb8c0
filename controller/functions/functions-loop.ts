import type { Registry } from '../ports/registry.ts';
import type { Log } from '../telemetry/log.ts';
import type { LiveFunction } from './live-function.ts';
import { resolveLive } from './resolve-live.ts';

export interface FunctionsLoop {
  /** Reads what is live and tells everyone; resolves when they know. */
  refresh(): Promise<void>;
  live(): readonly LiveFunction[];
  stop(): void;
}

/** Keeps everyone's picture of the live functions the registry's: at the start, after each deploy, and whenever the registry hints at a change. */
export function createFunctionsLoop(registry: Registry, log: Log, onLive: (functions: readonly LiveFunction[]) => void): FunctionsLoop {
  let live: readonly LiveFunction[] = [];
  let last: Promise<void> = Promise.resolve();
  const read = async (): Promise<void> => {
    const contexts = new Map((await registry.contexts()).map(record => [record.spec.context, record.spec]));
    live = (await registry.functions()).map(record => resolveLive(record.live, contexts));
    onLive(live);
  };
  const refresh = (): Promise<void> => {
    last = last.catch(() => undefined).then(read);
    return last;
  };
  const unwatch = registry.watch(() => {
    refresh().catch(error => log.error('the live functions could not be read', { error: String(error) }));
  });
  return { refresh, live: () => live, stop: unwatch };
}
