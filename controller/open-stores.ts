import type { Clock } from './clock.ts';
import { openKafka } from './open-kafka.ts';
import type { History } from './ports/history.ts';
import type { Registry } from './ports/registry.ts';
import type { StateStore } from './ports/state.ts';
import type { Streams } from './ports/streams.ts';
import type { Random } from './random.ts';
import type { Settings } from './settings.ts';
import { parseStreams } from './settings-streams.ts';
import type { Log } from './telemetry/log.ts';

export interface Stores {
  readonly streams: Streams;
  readonly state: StateStore;
  readonly registry: Registry;
  readonly history: History;
  /** Resolves when a store is gone for good; the process had better start again. */
  readonly failure: Promise<Error>;
  close(): Promise<void>;
}

export interface StoresOptions {
  readonly settings: Settings;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Which adapters the settings name. Each is loaded only where it is used. */
export async function openStores(options: StoresOptions): Promise<Stores> {
  const { settings, clock, random, log } = options;
  const place = parseStreams(settings.streams);
  const { openSqliteAdapters } = await import('./adapters/sqlite/sqlite-adapters.ts');
  if (place.kind === 'sqlite') return openSqliteAdapters({ folder: settings.data, clock, random, log });
  const streams = await openKafka(place, options);
  try {
    // What a commit emits waits in the outbox for Kafka.
    const { state, registry, history, failure, close } = await openSqliteAdapters({
      folder: settings.data,
      clock,
      random,
      log,
      emits: 'outbox',
    });
    return { streams, state, registry, history, failure, close: () => streams.close().then(close) };
  } catch (error) {
    await streams.close();
    throw error;
  }
}
