import type { Clock } from './clock.ts';
import type { History } from './ports/history.ts';
import type { Registry } from './ports/registry.ts';
import type { StateStore } from './ports/state.ts';
import type { Streams } from './ports/streams.ts';
import type { Log } from './telemetry/log.ts';
import type { Metrics } from './telemetry/metrics.ts';

export interface UpkeepOptions {
  readonly streams: Pick<Streams, 'expire'>;
  readonly state: Pick<StateStore, 'expire'>;
  readonly registry: Pick<Registry, 'prune'>;
  readonly history: Pick<History, 'expire' | 'dropped'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly dedupeBytesMax: number;
}

const everyMs = 60_000;
/** An upload and its deployment are two requests; a bundle that nobody names yet is not touched between them. */
const pruneEveryTurns = 60;
const revisionsKept = 10;

/** Removes what is too old or too much: records, ids, history, bundles. A failure is logged, and tried again at the next turn. */
export async function runUpkeep(options: UpkeepOptions, signal: AbortSignal): Promise<void> {
  let dropped = 0;
  for (let turn = 1; ; turn += 1) {
    await options.clock.sleep(everyMs, signal);
    if (signal.aborted) return;
    try {
      await expire(options);
      if (turn % pruneEveryTurns === 0) await options.registry.prune(revisionsKept);
    } catch (error) {
      options.log.warn('upkeep failed', { error: String(error) });
    }
    const droppedNow = options.history.dropped();
    if (droppedNow > dropped) options.metrics.count('faas_history_dropped_total', {}, droppedNow - dropped);
    dropped = droppedNow;
  }
}

async function expire({ streams, state, history, clock, metrics, dedupeBytesMax }: UpkeepOptions): Promise<void> {
  const nowMs = clock.now();
  await streams.expire(nowMs);
  const { boundHit } = await state.expire(nowMs, dedupeBytesMax);
  if (boundHit) metrics.count('faas_dedupe_bound_hit_total', {});
  await history.expire(nowMs);
}
