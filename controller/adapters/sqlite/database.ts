import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dataFolderError, makeDataFolder } from '../../data-folder.ts';
import { FaasError } from '../../errors.ts';
import {
  bindingEmptyBytes,
  bindsEmptyBytesAsNull,
  integer,
  loadDriver,
  resultCode,
  resultCodeOf,
  type SqlDatabase,
  type SqlStatement,
} from './driver.ts';
import { isLocked, patiently } from './patience.ts';
import { applicationId, migrations, schema, schemaVersion } from './schema.ts';
import { WalFile } from './wal-file.ts';

/** In the data folder. */
export const databaseFile = 'faas.db';

/** One open database. Statements are prepared once per text; texts are literals in the tables' files, so the cache is bounded by them. */
export class Database {
  readonly path: string;
  readonly #connection: SqlDatabase;
  readonly #emptyBytesAreNull: boolean;
  #wal: WalFile | undefined;
  readonly #statements = new Map<string, SqlStatement>();

  constructor(path: string, connection: SqlDatabase) {
    this.path = path;
    this.#connection = connection;
    this.#emptyBytesAreNull = bindsEmptyBytesAsNull(connection);
  }

  get isTransaction(): boolean {
    return this.#connection.isTransaction;
  }

  exec(sql: string): void {
    this.#connection.exec(sql);
  }

  /** Makes everything durable that was committed so far. Throws FAAS_STORE_IO: then it is unknown what is, and nothing may be answered any more. */
  sync(): void {
    try {
      this.#wal ??= new WalFile(this.path);
      this.#wal.sync();
    } catch (error) {
      throw ioFailed(this.path, { cause: error });
    }
  }

  /** Copies the write-ahead log into the database and cuts it to nothing. */
  foldLog(): void {
    this.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    this.#wal?.cut();
  }

  close(): void {
    this.#wal?.close();
    this.#connection.close();
  }

  sql(text: string): SqlStatement {
    const found = this.#statements.get(text);
    if (found !== undefined) return found;
    const prepared = this.#connection.prepare(text);
    const statement = this.#emptyBytesAreNull ? bindingEmptyBytes(prepared) : prepared;
    this.#statements.set(text, statement);
    return statement;
  }
}

export interface DataFolder {
  readonly database: Database;
  /** Closes the database and lets others have the folder. */
  close(): void;
}

/**
 * Opens the database of a data folder, or creates it, and keeps every other server out until `close` or the end of the process. Throws
 * FaasErrors that name the path: FAAS_DATA_LOCKED, FAAS_DATA_FOLDER, FAAS_DATA_READ_ONLY, FAAS_DATA_CORRUPT, FAAS_DATA_FOREIGN, FAAS_DATA_NEWER,
 * FAAS_STORE_LOCKED.
 */
export async function openDataFolder(folder: string, pid: number): Promise<DataFolder> {
  const { DatabaseSync } = await loadDriver();
  const path = join(folder, databaseFile);
  const opened: { close(): void }[] = [];
  const open = (file: string) => {
    const connection = new DatabaseSync(file);
    opened.unshift(connection);
    return connection;
  };
  const close = () => {
    for (const connection of opened.splice(0)) connection.close();
  };
  try {
    makePrivate(folder, path);
    takeLock(open(join(folder, 'faas.lock')), folder, pid);
    const connection = open(path);
    const database = patiently(() => new Database(path, connection));
    opened[0] = database;
    patiently(() => prepare(database));
    // What a killed process committed and did not sync is there to be read, and from here on it stays.
    database.sync();
    return { database, close };
  } catch (error) {
    close();
    throw openingError(error, folder, path);
  }
}

/** Translates what SQLite reports while it works; `undefined`: not an error of SQLite. */
export function storeError(error: unknown, path: string): FaasError | undefined {
  const options = { cause: error };
  switch (resultCodeOf(error)) {
    case undefined:
      return undefined;
    case resultCode.full:
      return full(path, options);
    case resultCode.corrupt:
    case resultCode.notADatabase:
      return corrupt(path, options);
    case resultCode.readOnly:
    case resultCode.cantOpen:
      return readOnly(path, options);
    case resultCode.ioError:
      return ioFailed(path, options);
    case resultCode.busy:
    case resultCode.locked:
      return locked(path, options);
    default:
      return new FaasError(
        'FAAS_STORE_FAILED',
        `the database ${path} answered: ${messageOf(error)}`,
        'This is a defect of the server: please report it with this message.',
        options,
      );
  }
}

/**
 * Files hold what others sent: the owner alone may read them, and SQLite gives its side files the same mode. Existing ones are not opened:
 * closing a handle of a file drops all locks that this process has on it.
 */
function makePrivate(folder: string, path: string): void {
  makeDataFolder(folder);
  for (const file of [path, join(folder, 'faas.lock')]) if (!existsSync(file)) closeSync(openSync(file, 'wx', 0o600));
}

/**
 * The lock is an open transaction on a database of its own: the system lets go of it when the process ends, however it ends. Only the text
 * beside it says whose it is; faas.lock itself must never be opened by other means, because closing any handle drops a process's locks.
 */
function takeLock(lock: SqlDatabase, folder: string, pid: number): void {
  const pidPath = join(folder, 'faas.pid');
  try {
    lock.exec('PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE');
    patiently(() => lock.exec('BEGIN EXCLUSIVE'), 1_000);
  } catch (error) {
    if (!isLocked(error)) throw error;
    const owner = readText(pidPath) ?? 'unknown';
    throw new FaasError(
      'FAAS_DATA_LOCKED',
      `another server, process ${owner}, uses the data folder ${folder}`,
      'Stop that server, or choose another folder with --data or FAAS_DATA.',
      { cause: error },
    );
  }
  writeFileSync(pidPath, `${pid}\n`, { mode: 0o600 });
}

/** Again from its beginning when another program had the file locked. */
function prepare(database: Database): void {
  database.exec('PRAGMA busy_timeout = 0');
  const pragma = (name: string) => integer(database.sql(`PRAGMA ${name}`).get() ?? {}, name);
  const version = pragma('user_version');
  const tables = integer(database.sql('SELECT count(*) AS tables FROM sqlite_schema').get() ?? {}, 'tables');
  if (tables > 0 && pragma('application_id') !== applicationId) {
    throw new FaasError(
      'FAAS_DATA_FOREIGN',
      `${database.path} belongs to another program`,
      'Choose another data folder with --data or FAAS_DATA.',
    );
  }
  if (version > schemaVersion) {
    throw new FaasError(
      'FAAS_DATA_NEWER',
      `${database.path} has schema version ${version}, this server knows up to ${schemaVersion}`,
      'Start the newer version of faas that wrote it, or choose another data folder with --data or FAAS_DATA.',
    );
  }
  // NORMAL with a sync of our own after each COMMIT (WalFile). The cache is small because the whole server has to stay small.
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
  database.exec('PRAGMA cache_size = -4096; PRAGMA mmap_size = 0; PRAGMA wal_autocheckpoint = 2000; PRAGMA journal_size_limit = 16777216');
  if (tables > 0) {
    for (let next = version + 1; next <= schemaVersion; next += 1) migrate(database, next);
    // A lock that stays is told now, and not by the first event.
    database.exec('BEGIN IMMEDIATE; ROLLBACK');
    return;
  }
  database.exec(`BEGIN IMMEDIATE; PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${schemaVersion}; ${schema} COMMIT`);
}

function migrate(database: Database, version: number): void {
  database.exec(`BEGIN IMMEDIATE; ${migrations.get(version) ?? ''} PRAGMA user_version = ${version}; COMMIT`);
}

/** Translates what opening a folder meets: SQLite's results and the system's codes. */
function openingError(error: unknown, folder: string, path: string): FaasError {
  if (error instanceof FaasError) return error;
  return storeError(error, path) ?? dataFolderError(error, folder);
}

function full(path: string, options: ErrorOptions): FaasError {
  const hint = 'Free disk space: nothing acknowledged is lost, and a running server goes on by itself.';
  return new FaasError('FAAS_STORE_FULL', `no space left to write ${path}`, hint, options);
}

function ioFailed(path: string, options: ErrorOptions): FaasError {
  const message = `reading or writing ${path} failed: ${messageOf(options.cause)}`;
  return new FaasError('FAAS_STORE_IO', message, 'Check the disk and the system log, then start again.', options);
}

function locked(path: string, options: ErrorOptions): FaasError {
  return new FaasError(
    'FAAS_STORE_LOCKED',
    `another program holds a lock on ${path}`,
    'End that program (a sqlite3 shell, a backup; "fuser" with the path names it): nothing acknowledged is lost, and a running server goes on by itself.',
    options,
  );
}

function corrupt(path: string, options: ErrorOptions): FaasError {
  return new FaasError(
    'FAAS_DATA_CORRUPT',
    `${path} is damaged or not a database`,
    'Keep a copy of the folder, restore a backup, or start with an empty folder; "sqlite3 faas.db .recover" saves what can be read.',
    options,
  );
}

function readOnly(path: string, options: ErrorOptions): FaasError {
  return new FaasError(
    'FAAS_DATA_READ_ONLY',
    `cannot write ${path}: ${messageOf(options.cause)}`,
    'Make it writable for this user, or choose another folder with --data or FAAS_DATA.',
    options,
  );
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
