import type { ParkedEvent } from '../../ports/state.ts';
import type { Database } from './database.ts';
import { bytes, integer, text } from './driver.ts';
import type { ArgumentOf, StoredParkedKey, StoredParking } from './operations.ts';

/** Parked keys and their events (worker thread): S12 over two tables. */
export class ParkedTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The pop that is not the first of its list. */
  wrongPop(source: number, { pops }: StoredParking): number | undefined {
    const first = this.#database.sql('SELECT min(offset) AS offset FROM parked WHERE source = ?1 AND key = ?2');
    return pops.find(({ key, offset }) => first.get(source, key)?.offset !== offset)?.offset;
  }

  change(source: number, { holds, pops, unflags }: StoredParking): void {
    const sql = (text: string) => this.#database.sql(text);
    for (const { key, offset, entry } of holds) {
      sql('INSERT OR IGNORE INTO parked (source, key, offset, entry) VALUES (?1, ?2, ?3, ?4)').run(source, key, offset, entry);
      sql('INSERT OR IGNORE INTO parked_keys (source, key, replay) VALUES (?1, ?2, 0)').run(source, key);
    }
    for (const { key, offset } of pops) {
      sql('DELETE FROM parked WHERE source = ?1 AND key = ?2 AND offset = ?3').run(source, key, offset);
      sql(
        'DELETE FROM parked_keys WHERE source = ?1 AND key = ?2 AND NOT EXISTS (SELECT 1 FROM parked WHERE source = ?1 AND key = ?2)',
      ).run(source, key);
    }
    for (const key of unflags) sql('UPDATE parked_keys SET replay = 0 WHERE source = ?1 AND key = ?2').run(source, key);
  }

  /** Of all sources of a unit; `source`: of that one alone. */
  keys(unit: number, source: number | undefined): StoredParkedKey[] {
    return this.#database
      .sql(
        `SELECT sources.name AS source, parked_keys.key AS key, replay,
         (SELECT count(*) FROM parked WHERE parked.source = parked_keys.source AND parked.key = parked_keys.key) AS events
         FROM parked_keys JOIN sources ON sources.id = parked_keys.source WHERE sources.unit = ?1 AND (?2 IS NULL OR sources.id = ?2)
         ORDER BY sources.name, parked_keys.key`,
      )
      .all(unit, source ?? null)
      .map(row => ({
        source: text(row, 'source'),
        key: bytes(row, 'key'),
        events: integer(row, 'events'),
        replay: integer(row, 'replay') === 1,
      }));
  }

  events(source: number, { key, limit }: Pick<ArgumentOf<'parkedEvents'>, 'key' | 'limit'>): ParkedEvent[] {
    return this.#database
      .sql('SELECT offset, entry FROM parked WHERE source = ?1 AND key = ?2 ORDER BY offset LIMIT ?3')
      .all(source, key, limit)
      .map(row => ({ offset: integer(row, 'offset'), entry: bytes(row, 'entry') }));
  }

  replay(source: number, key: Uint8Array): 'ok' | 'unknown' {
    const isThere = this.#database.sql('SELECT 1 AS found FROM parked_keys WHERE source = ?1 AND key = ?2').get(source, key) !== undefined;
    this.#database.sql('UPDATE parked_keys SET replay = 1 WHERE source = ?1 AND key = ?2').run(source, key);
    return isThere ? 'ok' : 'unknown';
  }
}
