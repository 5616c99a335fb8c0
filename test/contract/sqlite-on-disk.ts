import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadDriver } from '../../controller/adapters/sqlite/driver.ts';
import { openSqliteAdapters, type SqliteAdapters } from '../../controller/adapters/sqlite/sqlite-adapters.ts';
import type { Clock } from '../../controller/clock.ts';
import { systemRandom } from '../../controller/random.ts';
import { silentLog } from '../../controller/telemetry/log.ts';

export interface OnDisk {
  readonly folder: string;
  readonly adapters: SqliteAdapters;
  reopen(): Promise<void>;
  /** Runs SQL on a connection of its own, as another program would. */
  sql(text: string): Promise<void>;
  close(): Promise<void>;
}

/** The SQLite adapters on a folder of their own, which goes away with them. */
export async function openOnDisk(clock: Clock, emits: 'inline' | 'outbox' = 'inline'): Promise<OnDisk> {
  const folder = mkdtempSync(join(tmpdir(), 'faas-sqlite-'));
  const open = () => openSqliteAdapters({ folder, clock, random: systemRandom, log: silentLog, emits });
  let adapters = await open();
  return {
    folder,
    get adapters() {
      return adapters;
    },
    async reopen() {
      await adapters.close();
      adapters = await open();
    },
    async sql(text) {
      const { DatabaseSync } = await loadDriver();
      const connection = new DatabaseSync(join(folder, 'faas.db'));
      connection.exec(text);
      connection.close();
    },
    async close() {
      await adapters.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
