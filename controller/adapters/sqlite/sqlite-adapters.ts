import type { Clock } from '../../clock.ts';
import type { FaasError } from '../../errors.ts';
import type { Checkup } from '../../ports/checkup.ts';
import type { Random } from '../../random.ts';
import type { Log } from '../../telemetry/log.ts';
import { examineFolder } from './sqlite-checkup.ts';
import { SqliteClient } from './sqlite-client.ts';
import { SqliteHistory } from './sqlite-history.ts';
import { SqliteRegistry } from './sqlite-registry.ts';
import { SqliteState } from './sqlite-state.ts';
import { SqliteStreams } from './sqlite-streams.ts';
import { TopicDirectory } from './topic-directory.ts';

export interface SqliteAdapters {
  readonly streams: SqliteStreams;
  readonly state: SqliteState;
  readonly registry: SqliteRegistry;
  readonly history: SqliteHistory;
  /** Resolves when the database thread ended by itself; everything fails from then on, and the process had better start again. */
  readonly failure: Promise<FaasError>;
  examine(): Promise<readonly Checkup[]>;
  /** Writes what is buffered, closes the database and gives the folder free. The adapters answer FAAS_STORE_CLOSED afterwards. */
  close(): Promise<void>;
}

export interface SqliteOptions {
  /** Made when it is not there. One server at a time; another one gets FAAS_DATA_LOCKED. */
  readonly folder: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** As in StateCapabilities; `inline` unless the streams are elsewhere. */
  readonly emits?: 'inline' | 'outbox';
}

/** The embedded stores: one database file, owned by one worker thread that writes in groups. Throws what openDataFolder throws. */
export async function openSqliteAdapters(options: SqliteOptions): Promise<SqliteAdapters> {
  const emits = options.emits ?? 'inline';
  const { clock } = options;
  const client = new SqliteClient({ folder: options.folder, pid: process.pid, emits }, options.log);
  await client.opened();
  const topics = new TopicDirectory();
  for (const topic of await client.request('topics', undefined)) topics.add(topic);
  const streams = new SqliteStreams({ client, clock, topics });
  const state = new SqliteState({ client, clock, topics, streams, emits });
  const history = new SqliteHistory({ client, clock, lastId: await client.request('lastHistoryId', undefined) });
  const registry = new SqliteRegistry(client);
  return {
    streams,
    state,
    registry,
    history,
    failure: client.failure,
    examine: () => examineFolder(options.folder),
    async close() {
      await streams.close();
      await registry.close();
      await history.close();
      await client.close();
    },
  };
}
