import type { Clock } from '../clock.ts';
import type { Conditions } from '../conditions/conditions.ts';
import type { LiveFunction } from '../functions/live-function.ts';
import type { ResourceTrigger } from '../manifest/spec.ts';
import type { Objects } from '../ports/objects.ts';
import type { Random } from '../random.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { triggerKey } from './delivered-record.ts';
import { DeliveredStore, type DeliveredStoreOptions } from './delivered-store.ts';
import { TriggerMemory } from './trigger-memory.ts';
import { TriggerWatch } from './trigger-watch.ts';

export interface WatchesOptions extends DeliveredStoreOptions {
  readonly objects: Objects;
  /** What is live now; undefined while that is not known yet, because a trigger that is missing from the answer loses its memory. */
  readonly live: () => readonly LiveFunction[] | undefined;
  readonly streams: DeliveredStoreOptions['streams'] & TopicLookUp;
  readonly conditions: Pick<Conditions, 'raise' | 'clear'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
}

interface TopicLookUp {
  describeTopic(topic: string): Promise<{ readonly partitions: number } | undefined>;
}

interface Watched {
  readonly watch: TriggerWatch;
  readonly stop: AbortController;
  readonly over: Promise<void>;
}

const lookEveryMs = 1_000;
const retryMs = 1_000;

/**
 * Follows the resources of all live functions and delivers their changes to the inboxes, remembering in the same step what was delivered. Runs on the leader;
 * ends when the signal aborts.
 */
export async function runWatches(options: WatchesOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await runSession(options, signal);
    } catch (error) {
      if (!signal.aborted) options.log.error('watching resources failed', { error });
    }
    await options.clock.sleep(retryMs, signal);
  }
}

/** Until the signal, or until somebody else is the watcher. What is remembered is read after the claim: nothing of it changes under us. */
async function runSession(options: WatchesOptions, signal: AbortSignal): Promise<void> {
  const { clock } = options;
  const ending = new AbortController();
  const end = () => ending.abort();
  signal.addEventListener('abort', end, { once: true });
  const watched = new Map<string, Watched>();
  let seen: readonly LiveFunction[] | undefined;
  try {
    const store = await DeliveredStore.claim(options, signal);
    let memory: TriggerMemory | undefined;
    while (!signal.aborted && !store.isOver) {
      const functions = options.live();
      if (functions !== undefined && functions !== seen) {
        memory ??= await TriggerMemory.read(store);
        await takeIn(options, { store, memory }, watched, functions, ending.signal);
        seen = functions;
      }
      await clock.sleep(lookEveryMs, signal);
    }
  } finally {
    signal.removeEventListener('abort', end);
    ending.abort();
    await Promise.all([...watched.values()].map(({ over }) => over));
  }
}

/** Begins what is new, changes what goes on, ends and forgets what is gone. */
async function takeIn(
  options: WatchesOptions,
  { store, memory }: { readonly store: DeliveredStore; readonly memory: TriggerMemory },
  watched: Map<string, Watched>,
  functions: readonly LiveFunction[],
  ending: AbortSignal,
): Promise<void> {
  const wanted = triggersOf(functions);
  for (const [key, one] of watched) {
    const next = wanted.get(key);
    if (next !== undefined && one.watch.changeTo(next.live, next.trigger)) continue;
    one.stop.abort();
    await one.over;
    watched.delete(key);
  }
  const kinds = new Map([...wanted].map(([key, { trigger }]) => [key, trigger]));
  const pasts = await memory.keep(kinds, options.clock, ending);
  for (const [key, { live, trigger }] of wanted) {
    const past = pasts.get(key);
    if (past === undefined || watched.has(key)) continue;
    const stop = new AbortController();
    const watch = new TriggerWatch({ ...options, store, live, trigger, past });
    watched.set(key, { watch, stop, over: watch.run(AbortSignal.any([stop.signal, ending])) });
  }
}

type Triggers = ReadonlyMap<string, { readonly live: LiveFunction; readonly trigger: ResourceTrigger }>;

function triggersOf(functions: readonly LiveFunction[]): Triggers {
  const triggers = new Map<string, { live: LiveFunction; trigger: ResourceTrigger }>();
  for (const live of functions) {
    for (const trigger of live.spec.on)
      if (trigger.kind === 'resource') triggers.set(triggerKey(live.unit, trigger.name), { live, trigger });
  }
  return triggers;
}
