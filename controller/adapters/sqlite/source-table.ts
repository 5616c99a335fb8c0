import type { Database } from './database.ts';
import { DoneBits } from './done-bits.ts';
import { bytes, integer, type SqlRow, text, textOrNone } from './driver.ts';
import type { StoredSeq } from './operations.ts';

/** How far an owner has come in one source; held in memory while it is worked on, written in the transaction of each change. */
export interface StoredSource {
  readonly id: number;
  topicId: string | undefined;
  ownerToken: string;
  generation: number;
  ordinal: number;
  lastCommitId: string;
  lastFirstCounter: number;
  counter: number;
  done: DoneBits;
  highSeqOffset: number;
  highSeqs: Map<string, { readonly generation: number; readonly counter: number }>;
}

/** Held in memory at most; forgotten ones are read again. */
const sourcesMax = 4096;
const unitsMax = 16_384;

/** Units and their sources (worker thread). */
export class SourceTable {
  readonly #database: Database;
  readonly #units = new Map<string, number>();
  readonly #sources = new Map<string, StoredSource>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** The transaction is undone, or rows went by other ways. */
  forget(): void {
    this.#units.clear();
    this.#sources.clear();
  }

  findUnit(name: string): number | undefined {
    const known = this.#units.get(name);
    if (known !== undefined) return known;
    const row = this.#database.sql('SELECT id FROM units WHERE name = ?1').get(name);
    return row === undefined ? undefined : this.#rememberUnit(name, integer(row, 'id'));
  }

  ensureUnit(name: string): number {
    const found = this.findUnit(name);
    if (found !== undefined) return found;
    const row = this.#database.sql('INSERT INTO units (name) VALUES (?1) RETURNING id').get(name);
    return this.#rememberUnit(name, integer(row ?? {}, 'id'));
  }

  find(unit: string, name: string): StoredSource | undefined {
    const key = `${unit} ${name}`;
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    const unitId = this.findUnit(unit);
    if (unitId === undefined) return undefined;
    const row = this.#database.sql('SELECT * FROM sources WHERE unit = ?1 AND name = ?2').get(unitId, name);
    if (row === undefined) return undefined;
    if (this.#sources.size >= sourcesMax) this.#sources.clear();
    const source = toSource(row);
    this.#sources.set(key, source);
    return source;
  }

  /** Creates it with this frontier when it is not there. */
  ensure(unit: string, name: string, frontier: number): StoredSource {
    const found = this.find(unit, name);
    if (found !== undefined) return found;
    const row = this.#database
      .sql(
        `INSERT INTO sources (unit, name, owner_token, generation, ordinal, last_commit_id, last_first_counter, counter, frontier, done, high_seq_offset, high_seqs)
         VALUES (?1, ?2, '', 0, 0, '', 0, 0, ?3, x'', ?3, '[]') RETURNING *`,
      )
      .get(this.ensureUnit(unit), name, frontier);
    const source = toSource(row ?? {});
    this.#sources.set(`${unit} ${name}`, source);
    return source;
  }

  write(source: StoredSource): void {
    this.#database
      .sql(
        `UPDATE sources SET owner_token = ?2, generation = ?3, ordinal = ?4, last_commit_id = ?5, last_first_counter = ?6, counter = ?7,
         frontier = ?8, done = ?9 WHERE id = ?1`,
      )
      .run(
        source.id,
        source.ownerToken,
        source.generation,
        source.ordinal,
        source.lastCommitId,
        source.lastFirstCounter,
        source.counter,
        source.done.frontier,
        source.done.stored(),
      );
  }

  writeHighSeqs(source: StoredSource): void {
    const highSeqs: StoredSeq[] = [...source.highSeqs].map(([stream, seq]) => [stream, seq.generation, seq.counter]);
    this.#database
      .sql('UPDATE sources SET high_seq_offset = ?2, high_seqs = ?3 WHERE id = ?1')
      .run(source.id, source.highSeqOffset, JSON.stringify(highSeqs));
  }

  writeTopicId(source: StoredSource, topicId: string | undefined): void {
    source.topicId = topicId;
    this.#database.sql('UPDATE sources SET topic_id = ?2 WHERE id = ?1').run(source.id, topicId ?? null);
  }

  all(unit: string): { name: string; frontier: number; doneAbove: number }[] {
    const rows = this.#database
      .sql('SELECT name, frontier, done FROM sources WHERE unit = ?1 ORDER BY name')
      .all(this.findUnit(unit) ?? -1);
    return rows.map(row => {
      const done = new DoneBits(integer(row, 'frontier'), bytes(row, 'done'));
      return { name: text(row, 'name'), frontier: done.frontier, doneAbove: done.above().length };
    });
  }

  #rememberUnit(name: string, id: number): number {
    if (this.#units.size >= unitsMax) this.#units.clear();
    this.#units.set(name, id);
    return id;
  }
}

function toSource(row: SqlRow): StoredSource {
  const highSeqs = JSON.parse(text(row, 'high_seqs')) as StoredSeq[];
  return {
    id: integer(row, 'id'),
    topicId: textOrNone(row, 'topic_id'),
    ownerToken: text(row, 'owner_token'),
    generation: integer(row, 'generation'),
    ordinal: integer(row, 'ordinal'),
    lastCommitId: text(row, 'last_commit_id'),
    lastFirstCounter: integer(row, 'last_first_counter'),
    counter: integer(row, 'counter'),
    done: new DoneBits(integer(row, 'frontier'), bytes(row, 'done')),
    highSeqOffset: integer(row, 'high_seq_offset'),
    highSeqs: new Map(highSeqs.map(([stream, generation, counter]) => [stream, { generation, counter }])),
  };
}
