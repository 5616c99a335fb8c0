import { type HistoryKind, type HistoryQuery, historyBounds } from '../../ports/history.ts';
import type { Database } from './database.ts';
import { integer, text } from './driver.ts';
import type { StoredHistoryEntry } from './operations.ts';

/** Rows removed per step: a step holds up the other writers of its group. */
const expireRowsMax = 2000;

/** History (worker thread). */
export class HistoryTable {
  readonly #database: Database;
  /** Bytes ever written per kind; undefined: to be looked up. */
  readonly #totals = new Map<string, number>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** The running transaction is undone. */
  forget(): void {
    this.#totals.clear();
  }

  lastId(): number {
    return integer(this.#database.sql('SELECT coalesce(max(id), 0) AS id FROM history').get() ?? {}, 'id');
  }

  write(entries: readonly StoredHistoryEntry[]): void {
    const insert = this.#database.sql('INSERT INTO history (id, kind, unit, at_ms, total, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)');
    for (const { id, kind, unit, atMs, data } of entries) {
      const total = this.#total(kind) + Buffer.byteLength(data);
      this.#totals.set(kind, total);
      insert.run(id, kind, unit, atMs, total, data);
    }
  }

  read({ kind, unit, afterId, sinceMs, limit }: HistoryQuery): StoredHistoryEntry[] {
    const where = `kind = ?1 AND (?2 IS NULL OR unit = ?2) AND (?3 IS NULL OR at_ms >= ?3)`;
    const columns = 'SELECT id, unit, at_ms, data FROM history';
    const rows =
      afterId === undefined
        ? this.#database
            .sql(`${columns} WHERE ${where} ORDER BY id DESC LIMIT ?4`)
            .all(kind, unit ?? null, sinceMs ?? null, limit)
            .toReversed()
        : this.#database
            .sql(`${columns} WHERE ${where} AND id > ?5 ORDER BY id LIMIT ?4`)
            .all(kind, unit ?? null, sinceMs ?? null, limit, afterId);
    return rows.map(row => ({
      id: integer(row, 'id'),
      kind,
      unit: text(row, 'unit'),
      atMs: integer(row, 'at_ms'),
      data: text(row, 'data'),
    }));
  }

  /** One step over all kinds; `more`: the next one may find something. */
  expire(nowMs: number): { removed: number; more: boolean } {
    const steps = (Object.keys(historyBounds) as HistoryKind[]).map(kind => this.#expireKind(kind, nowMs));
    return { removed: steps.reduce((sum, removed) => sum + removed, 0), more: steps.includes(expireRowsMax) };
  }

  #expireKind(kind: HistoryKind, nowMs: number): number {
    const { ageMs, bytes } = historyBounds[kind];
    const rows = this.#database
      .sql('SELECT id, at_ms, total, length(CAST(data AS BLOB)) AS size FROM history WHERE kind = ?1 ORDER BY id LIMIT ?2')
      .all(kind, expireRowsMax);
    const total = this.#total(kind);
    const kept = rows.findIndex(row => {
      const bytesFromHere = total - integer(row, 'total') + integer(row, 'size');
      return integer(row, 'at_ms') >= nowMs - ageMs && bytesFromHere <= bytes;
    });
    const doomed = kept === -1 ? rows : rows.slice(0, kept);
    const last = doomed.at(-1);
    if (last !== undefined) this.#database.sql('DELETE FROM history WHERE kind = ?1 AND id <= ?2').run(kind, integer(last, 'id'));
    return doomed.length;
  }

  #total(kind: string): number {
    const known = this.#totals.get(kind);
    if (known !== undefined) return known;
    const row = this.#database.sql('SELECT total FROM history WHERE kind = ?1 ORDER BY id DESC LIMIT 1').get(kind);
    const total = row === undefined ? 0 : integer(row, 'total');
    this.#totals.set(kind, total);
    return total;
  }
}
