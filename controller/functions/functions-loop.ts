import type { Clock } from '../clock.ts';
import type { ContextRecord, FunctionRecord, Registry } from '../ports/registry.ts';
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
  let queued: Promise<void> | undefined;
  let isAsked = false;
  let picture = '';
  const read = async (isHint: boolean): Promise<void> => {
    const contextRecords = await registry.contexts();
    const records = await registry.functions();
    // Revisions that are put or pruned are changes as well, and nothing that anybody here would do otherwise for.
    const found = pictureOf(contextRecords, records, clock.now());
    if (isHint && found === picture) return;
    const contexts = new Map(contextRecords.map(record => [record.spec.context, record.spec]));
    live = records.map(record => resolveLive(record.live, contexts));
    const nowMs = clock.now();
    const heldMs = records.map(({ heldUntilMs = 0 }) => heldUntilMs - nowMs);
    handled = live.filter((_, index) => (heldMs[index] ?? 0) <= 0);
    cancelRelease();
    const next = Math.min(...heldMs.filter(ms => ms > 0));
    // A timer may be early by a moment: what it finds is no hint.
    if (next !== Infinity) cancelRelease = clock.after(next, release);
    onLive(live, handled);
    picture = found;
  };
  /** What has not begun yet sees all that happened until it does. */
  const readSoon = (): Promise<void> => {
    queued ??= last
      .catch(() => undefined)
      .then(() => {
        const isHint = !isAsked;
        queued = undefined;
        isAsked = false;
        return read(isHint);
      });
    last = queued;
    return queued;
  };
  const refresh = (): Promise<void> => {
    isAsked = true;
    return readSoon();
  };
  const look = (): void => {
    readSoon().catch(error => log.error('the live functions could not be read', { error: String(error) }));
  };
  const release = (): void => {
    isAsked = true;
    look();
  };
  const unwatch = registry.watch(look);
  const stop = (): void => {
    cancelRelease();
    unwatch();
  };
  return { refresh, live: () => live, handled: () => handled, stop };
}

/** Of what is live, and what of it is handled. Two deployments of one context differ in their time. */
function pictureOf(contexts: readonly ContextRecord[], functions: readonly FunctionRecord[], nowMs: number): string {
  const ofContexts = contexts.map(({ spec, deployedAtMs }) => `${spec.context} ${deployedAtMs}`);
  const ofFunctions = functions.map(
    ({ unit, live, activatedAtMs, heldUntilMs = 0 }) => `${unit} ${live.id} ${activatedAtMs} ${heldUntilMs} ${heldUntilMs > nowMs}`,
  );
  return [...ofContexts, ...ofFunctions].join('\n');
}
