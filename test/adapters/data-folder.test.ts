import { chmodSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadDriver, type SqlDatabase } from '../../controller/adapters/sqlite/driver.ts';
import { applicationId, schema, schemaVersion } from '../../controller/adapters/sqlite/schema.ts';
import { openSqliteAdapters, type SqliteAdapters } from '../../controller/adapters/sqlite/sqlite-adapters.ts';
import { systemClock } from '../../controller/clock.ts';
import { systemRandom } from '../../controller/random.ts';
import { silentLog } from '../../controller/telemetry/log.ts';

let folder: string;
const opened: SqliteAdapters[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'faas-folder-'));
});
afterEach(async () => {
  for (const adapters of opened.splice(0)) await adapters.close();
  rmSync(folder, { recursive: true, force: true });
});

test('the schema is the golden one of its version', () => {
  // A change of the schema is a new version with a migration and a golden file of its own.
  const golden = join(import.meta.dirname, `../data/sqlite/schema-${schemaVersion}.sql`);
  expect(schema.trim()).toBe(readFileSync(golden, 'utf8').trim());
});

test.each(Array.from({ length: schemaVersion - 1 }, (_, index) => index + 1))(
  'a folder of schema version %i is brought up to date, and keeps what is in it',
  async version => {
    const before = readFileSync(join(import.meta.dirname, `../data/sqlite/schema-${version}.sql`), 'utf8');
    await sql(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${version}; ${before}
      INSERT INTO topics VALUES ('orders', 4, 1, NULL, NULL);
      INSERT INTO units (id, name) VALUES (1, 'shop.totals');
      INSERT INTO sources (unit, name, owner_token, generation, ordinal, last_commit_id, last_first_counter, counter, frontier, done, high_seq_offset, high_seqs)
        VALUES (1, 'orders.0', 'old', 7, 0, '', 0, 0, 5, x'', 5, '[]')`);
    const { state, streams, close } = await open();
    expect(await state.progress('shop.totals')).toEqual([{ source: 'orders.0', frontier: 5, doneAbove: 0 }]);
    const topicId = await streams.topicId('orders');
    const claim = { ownerToken: 'new', brokerGeneration: 0, nowMs: 0, committedOffset: 0, topicId };
    expect(await state.claim({ unit: 'shop.totals', name: 'orders.0' }, claim)).toMatchObject({ generation: 8, frontier: 5, topicId: '4' });
    await close();
    const fresh = join(folder, 'fresh');
    await (await open(fresh)).close();
    expect(await columns(folder)).toEqual(await columns(fresh));
  },
);

test('a folder that is not there is made, for the owner alone', async () => {
  await open(join(folder, 'a/b'));
  const mode = (file: string) => statSync(join(folder, file)).mode & 0o777;
  expect([mode('a/b'), mode('a/b/faas.db'), mode('a/b/faas.db-wal'), mode('a/b/faas.lock')]).toEqual([0o700, 0o600, 0o600, 0o600]);
});

test('a second server on the same folder is refused, with the process that has it, until that one ends', async () => {
  const first = await open();
  await expect(open()).rejects.toMatchObject({
    code: 'FAAS_DATA_LOCKED',
    message: `another server, process ${process.pid}, uses the data folder ${folder}`,
    hint: 'Stop that server, or choose another folder with --data or FAAS_DATA.',
  });
  await first.streams.ensureTopic('t', { partitions: 1 });
  await first.close();
  const second = await open();
  expect((await second.streams.listTopics()).map(({ topic }) => topic)).toEqual(['t']);
});

test('a folder that is a file is refused', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  await expect(open(file)).rejects.toMatchObject({ code: 'FAAS_DATA_FOLDER', message: `the data folder ${file} is a file` });
});

test('a folder that cannot be written is refused', async () => {
  // Permissions do not stop root; a folder of the kernel does.
  const path = process.getuid?.() === 0 ? '/sys/faas' : join(folder, 'locked');
  if (!path.startsWith('/sys')) {
    mkdirSync(path);
    chmodSync(path, 0o500);
  }
  await expect(open(path)).rejects.toMatchObject({ code: 'FAAS_DATA_READ_ONLY', message: expect.stringContaining(path) });
});

test('a file that is not a database is refused and left alone', async () => {
  const path = join(folder, 'faas.db');
  writeFileSync(path, 'hello '.repeat(2000));
  await expect(open()).rejects.toMatchObject({ code: 'FAAS_DATA_CORRUPT', message: `${path} is damaged or not a database` });
  expect(readFileSync(path, 'utf8')).toBe('hello '.repeat(2000));
});

test('a database of another program is refused and left alone', async () => {
  await sql('CREATE TABLE photos (id INTEGER)');
  await expect(open()).rejects.toMatchObject({
    code: 'FAAS_DATA_FOREIGN',
    message: `${join(folder, 'faas.db')} belongs to another program`,
  });
  await sql('INSERT INTO photos VALUES (1)');
});

test('a database of a newer version is refused', async () => {
  await (await open()).close();
  await sql('PRAGMA user_version = 99');
  await expect(open()).rejects.toMatchObject({
    code: 'FAAS_DATA_NEWER',
    message: `${join(folder, 'faas.db')} has schema version 99, this server knows up to ${schemaVersion}`,
  });
});

test('a refused folder is free again', async () => {
  writeFileSync(join(folder, 'faas.db'), 'x'.repeat(5000));
  await expect(open()).rejects.toMatchObject({ code: 'FAAS_DATA_CORRUPT' });
  rmSync(join(folder, 'faas.db'));
  await open();
});

describe('another program that holds a lock on the database', () => {
  const kinds = [
    ['an empty one', 'BEGIN EXCLUSIVE; CREATE TABLE other (a)'],
    ['one of ours', 'BEGIN EXCLUSIVE'],
  ] as const;

  test.each(kinds)(
    'a start on %s is refused when the lock stays, and the folder is free again',
    { timeout: 30_000 },
    async (kind, text) => {
      const holder = await holding(kind, text);
      await expect(open()).rejects.toMatchObject({
        code: 'FAAS_STORE_LOCKED',
        message: `another program holds a lock on ${join(folder, 'faas.db')}`,
        hint: expect.stringContaining('End that program'),
      });
      holder.close();
      await open();
    },
  );

  test.each(kinds)('a start on %s waits for one that goes', { timeout: 30_000 }, async (kind, text) => {
    const holder = await holding(kind, text);
    const opening = open();
    await systemClock.sleep(2_000);
    holder.close();
    await opening;
  });

  test('a server that meets it ends by itself, also while it waits', { timeout: 30_000 }, async () => {
    const adapters = await open();
    await adapters.streams.ensureTopic('t', { partitions: 1 });
    const holder = await connection();
    holder.exec("BEGIN EXCLUSIVE; UPDATE topics SET name = 'u'");
    const append = adapters.streams.append('t', [{ partition: 0, key: null, value: null, headers: [] }]);
    await Promise.all([expect(append).rejects.toMatchObject({ code: 'FAAS_STORE_LOCKED' }), adapters.close()]);
    holder.close();
    expect((await (await open()).streams.listTopics()).map(({ topic }) => topic)).toEqual(['t']);
  });

  async function holding(kind: (typeof kinds)[number][0], text: string): Promise<SqlDatabase> {
    if (kind === 'one of ours') await (await open()).close();
    const holder = await connection();
    holder.exec(text);
    return holder;
  }
});

test('damage within the file is reported with the path when it is met', async () => {
  const adapters = await open();
  await adapters.streams.ensureTopic('t', { partitions: 1 });
  const records = Array.from({ length: 100 }, () => ({ partition: 0, key: null, value: new Uint8Array(60_000), headers: [] }));
  await adapters.streams.append('t', records);
  await adapters.close();
  const path = join(folder, 'faas.db');
  const file = openSync(path, 'r+');
  const pages = statSync(path).size / 4096;
  for (let page = 1; page < pages; page += 1) writeSync(file, Buffer.alloc(4096, 0x5a), 0, 4096, page * 4096);
  const use = async () => (await open()).streams.read('t', 0, 0, { records: 100, bytes: 1e7 });
  await expect(use()).rejects.toMatchObject({ code: 'FAAS_DATA_CORRUPT', message: `${path} is damaged or not a database` });
});

test('after close everything is refused', async () => {
  const { streams, state, registry, close } = await open();
  await streams.ensureTopic('t', { partitions: 1 });
  await close();
  const append = streams.append('t', [{ partition: 0, key: null, value: null, headers: [] }]);
  await expect(append).rejects.toMatchObject({ code: 'FAAS_STORE_CLOSED' });
  await expect(state.read('u.f', ['k'])).rejects.toMatchObject({ code: 'FAAS_STORE_CLOSED' });
  await expect(registry.contexts()).rejects.toMatchObject({ code: 'FAAS_STORE_CLOSED' });
});

test('what was asked for before close is carried out', async () => {
  const first = await open();
  await first.streams.ensureTopic('t', { partitions: 1 });
  const appends = Array.from({ length: 600 }, () => first.streams.append('t', [{ partition: 0, key: null, value: null, headers: [] }]));
  await Promise.all([first.close(), ...appends]);
  expect((await (await open()).streams.bounds('t'))[0]?.endOffset).toBe(600);
});

test('the write-ahead log is folded into the file at the end', async () => {
  const first = await open();
  await first.streams.ensureTopic('t', { partitions: 1 });
  await first.close();
  expect(existsSync(join(folder, 'faas.db-wal'))).toBe(false);
});

async function open(path = folder): Promise<SqliteAdapters> {
  const adapters = await openSqliteAdapters({ folder: path, clock: systemClock, random: systemRandom, log: silentLog });
  opened.push(adapters);
  return adapters;
}

/** Of all tables; where they stand in theirs does not matter. */
async function columns(path: string): Promise<readonly string[]> {
  const { DatabaseSync } = await loadDriver();
  const connection = new DatabaseSync(join(path, 'faas.db'));
  const rows = connection
    .prepare(
      "SELECT t.name || '.' || c.name || ' ' || c.type AS name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table'",
    )
    .all();
  connection.close();
  return rows.map(row => String(row.name)).sort();
}

async function sql(text: string): Promise<void> {
  const database = await connection();
  database.exec(text);
  database.close();
}

async function connection(): Promise<SqlDatabase> {
  const { DatabaseSync } = await loadDriver();
  return new DatabaseSync(join(folder, 'faas.db'));
}
