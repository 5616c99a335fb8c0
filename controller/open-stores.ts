import type { Clock } from './clock.ts';
import { FaasError } from './errors.ts';
import { openKafka } from './open-kafka.ts';
import { openRedis } from './open-redis.ts';
import type { Checkup } from './ports/checkup.ts';
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
  /** Other servers may be at work on the same stores. */
  readonly shared: boolean;
  /** For `faas doctor`: looks at the servers and disks that the stores stand on. `topics` are those that functions use. */
  examine(topics: ReadonlySet<string>): Promise<readonly Checkup[]>;
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

/** Which adapters the settings name. Each is loaded only where it is used; what was opened is closed again when a later one cannot be. */
export async function openStores(options: StoresOptions): Promise<Stores> {
  const place = parseStreams(options.settings.streams);
  const isRedis = options.settings.state !== 'sqlite';
  if (place.kind === 'sqlite') {
    if (isRedis) throw streamsInSqlite();
    return { ...(await openSqlite(options, 'inline')), shared: false };
  }
  const streams = await openKafka(place, options);
  try {
    // What a commit emits waits in the outbox for Kafka.
    const { state, registry, history, failure, examine, close } = isRedis
      ? await openSharedState(options)
      : await openSqlite(options, 'outbox');
    const examineBoth = async (topics: ReadonlySet<string>) => [...(await streams.examine(topics)), ...(await examine())];
    return { streams, state, registry, history, shared: isRedis, failure, examine: examineBoth, close: () => streams.close().then(close) };
  } catch (error) {
    await streams.close();
    throw error;
  }
}

async function openSqlite({ settings, clock, random, log }: StoresOptions, emits: 'inline' | 'outbox') {
  const { openSqliteAdapters } = await import('./adapters/sqlite/sqlite-adapters.ts');
  return openSqliteAdapters({ folder: settings.data, clock, random, log, emits });
}

/** A Redis that is away is waited for: it never fails for good. */
async function openSharedState(options: StoresOptions) {
  const failure = new Promise<Error>(() => {});
  return { ...(await openRedis(options)), failure };
}

/** Streams in one process's file and state in a server that others share: two things to keep, to back up and to lose, and nothing won. */
function streamsInSqlite(): FaasError {
  return new FaasError(
    'FAAS_SETTING_VALUE',
    'state in Redis needs streams in Kafka: streams in SQLite belong to one process and one disk, and so may state, in the same transaction',
    'Leave `state` at sqlite, or set `streams` to a Kafka.',
  );
}
