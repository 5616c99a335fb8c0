import type { Clock } from '../clock.ts';
import type { Conditions } from '../conditions/conditions.ts';
import type { LiveFunction } from '../functions/live-function.ts';
import type { ResourceTrigger } from '../manifest/spec.ts';
import type { Objects } from '../ports/objects.ts';
import type { Random } from '../random.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { readTrigger, triggerKey, writeTrigger } from './delivered-record.ts';
import { DeliveredStore, type DeliveredStoreOptions, type DeliveredWrite } from './delivered-store.ts';
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
/** Keys that one commit removes. */
const removedAtOnce = 500;

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
    while (!signal.aborted && !store.isOver) {
      const functions = options.live();
      if (functions !== undefined && functions !== seen) {
        await takeIn(options, store, watched, functions, ending.signal);
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
  store: DeliveredStore,
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
  const since = await beginnings(options, store, wanted, ending);
  for (const [key, { live, trigger }] of wanted) {
    if (watched.has(key)) continue;
    const stop = new AbortController();
    const watch = await TriggerWatch.open({ ...options, store, live, trigger, sinceMs: since.get(key) ?? 0 });
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

/** When each trigger began; those that begin now are remembered before anything is delivered for them, those that are gone are forgotten with all that they know. */
async function beginnings(
  { clock }: WatchesOptions,
  store: DeliveredStore,
  wanted: Triggers,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const since = new Map<string, number>();
  const writes: DeliveredWrite[] = [];
  for (const [key, value] of await store.list('')) {
    const trigger = key.split(' ')[0] ?? '';
    if (!wanted.has(trigger)) writes.push({ key, value: null });
    else if (key === trigger) since.set(trigger, readTrigger(value) ?? clock.now());
  }
  for (const key of wanted.keys()) {
    if (since.has(key)) continue;
    since.set(key, clock.now());
    writes.push({ key, value: writeTrigger(clock.now()) });
  }
  for (let from = 0; from < writes.length; from += removedAtOnce) await store.write(writes.slice(from, from + removedAtOnce), [], signal);
  return since;
}
