import type { CommittedOffset, TopicOptions } from '../../ports/streams.ts';
import type { Database } from './database.ts';
import { integer, type SqlRow, text } from './driver.ts';
import type { LogTable } from './log-table.ts';
import type { StoredTopic } from './operations.ts';

/** Slots looked at per step of retention. */
const expireSlotsMax = 512;

/** Topics and the committed offsets of groups (worker thread). */
export class TopicTable {
  readonly #database: Database;
  readonly #log: LogTable;

  constructor(database: Database, log: LogTable) {
    this.#database = database;
    this.#log = log;
  }

  all(): StoredTopic[] {
    return this.#database.sql('SELECT name, first_slot, partitions FROM topics ORDER BY name').all().map(toTopic);
  }

  ensure(topic: string, { partitions, retention }: TopicOptions): StoredTopic {
    const found = this.#database.sql('SELECT name, first_slot, partitions FROM topics WHERE name = ?1').get(topic);
    if (found !== undefined) return toTopic(found);
    const row = this.#database
      .sql(
        `INSERT INTO counters (name, value) VALUES ('slots', ?1) ON CONFLICT DO UPDATE SET value = value + ?1 RETURNING value - ?1 AS first_slot`,
      )
      .get(partitions);
    const firstSlot = integer(row ?? {}, 'first_slot');
    this.#database
      .sql('INSERT INTO topics (name, first_slot, partitions, age_ms, bytes_per_partition) VALUES (?1, ?2, ?3, ?4, ?5)')
      .run(topic, firstSlot, partitions, retention?.ageMs ?? null, retention?.bytesPerPartition ?? null);
    return { topic, firstSlot, partitions };
  }

  delete(topic: string): void {
    const row = this.#database.sql('DELETE FROM topics WHERE name = ?1 RETURNING name, first_slot, partitions').get(topic);
    if (row === undefined) return;
    this.#log.deleteSlots(toTopic(row));
    this.#database.sql('DELETE FROM group_offsets WHERE topic = ?1').run(topic);
  }

  committed(group: string, topic: string): CommittedOffset[] {
    return this.#database
      .sql('SELECT partition, offset, metadata FROM group_offsets WHERE consumer_group = ?1 AND topic = ?2 ORDER BY partition')
      .all(group, topic)
      .map(row => ({ partition: integer(row, 'partition'), offset: integer(row, 'offset'), metadata: text(row, 'metadata') }));
  }

  setCommitted(group: string, topic: string, offsets: readonly CommittedOffset[], mode: 'ifAbsent' | 'replace'): void {
    const insert = 'INSERT INTO group_offsets (consumer_group, topic, partition, offset, metadata) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT';
    const statement = this.#database.sql(
      mode === 'replace' ? `${insert} DO UPDATE SET offset = excluded.offset, metadata = excluded.metadata` : `${insert} DO NOTHING`,
    );
    for (const { partition, offset, metadata } of offsets) statement.run(group, topic, partition, offset, metadata);
  }

  deleteGroup(group: string): void {
    this.#database.sql('DELETE FROM group_offsets WHERE consumer_group = ?1').run(group);
  }

  /** One step of retention, of the slots from `fromSlot` on; `nextSlot` is where the next step begins, undefined at the end. */
  expire(nowMs: number, fromSlot: number): { removed: number; nextSlot: number | undefined } {
    const topics = this.#database
      .sql(
        `SELECT first_slot, partitions, age_ms, bytes_per_partition FROM topics
         WHERE first_slot + partitions > ?1 AND (age_ms IS NOT NULL OR bytes_per_partition IS NOT NULL) ORDER BY first_slot`,
      )
      .iterate(fromSlot);
    let looked = 0;
    let removed = 0;
    for (const topic of topics) {
      const end = integer(topic, 'first_slot') + integer(topic, 'partitions');
      const oldestMs = topic.age_ms === null ? -Infinity : nowMs - integer(topic, 'age_ms');
      const bytesMax = topic.bytes_per_partition === null ? Infinity : integer(topic, 'bytes_per_partition');
      for (let slot = Math.max(fromSlot, integer(topic, 'first_slot')); slot < end; slot += 1) {
        const step = this.#log.expire(slot, oldestMs, bytesMax);
        removed += step.removed;
        looked += 1;
        if (step.more) return { removed, nextSlot: slot };
        if (looked === expireSlotsMax) return { removed, nextSlot: slot + 1 };
      }
    }
    return { removed, nextSlot: undefined };
  }
}

function toTopic(row: SqlRow): StoredTopic {
  return { topic: text(row, 'name'), firstSlot: integer(row, 'first_slot'), partitions: integer(row, 'partitions') };
}
