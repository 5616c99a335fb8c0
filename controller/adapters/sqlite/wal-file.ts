import { closeSync, fdatasyncSync, fstatSync, openSync, writeSync } from 'node:fs';

/** As much as SQLite writes between two checkpoints (2 000 pages with their headers), and a transaction more. */
const reservedBytes = 10 * 2 ** 20;
/** A server that writes so often is busy; an idle one keeps its folder small. */
const reserveAfterSyncs = 64;

/**
 * The file of the write-ahead log, made durable by us after each COMMIT: SQLite is on synchronous = NORMAL, which never syncs the log at a COMMIT
 * but does before it copies the log into the database. What is promised is that of FULL. Its own fsync also writes the times of the file, and
 * a log that grows its size: both wait for the file system's journal, and so for what everyone else on the machine writes. Here the space is
 * reserved with zeros, which SQLite takes for the end of the log, and fdatasync of what is overwritten needs no journal.
 */
export class WalFile {
  readonly #file: number;
  #syncs = 0;

  /** The database is open: until it is closed SQLite neither removes the file nor puts another in its place. */
  constructor(databasePath: string) {
    this.#file = openSync(`${databasePath}-wal`, 'r+');
  }

  /** After an error nobody knows what the disk has: the store cannot go on. */
  sync(): void {
    fdatasyncSync(this.#file);
    this.#syncs += 1;
    if (this.#syncs === reserveAfterSyncs) this.#reserve();
  }

  /** SQLite has cut the file to nothing. */
  cut(): void {
    this.#syncs = 0;
  }

  close(): void {
    closeSync(this.#file);
  }

  /** Between two transactions nobody else writes. A disk without room for it is one where the log grows step by step, as far as it can. */
  #reserve(): void {
    const zeros = new Uint8Array(2 ** 20);
    try {
      for (let at = fstatSync(this.#file).size; at < reservedBytes; at += zeros.length) writeSync(this.#file, zeros, 0, zeros.length, at);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
    }
  }
}
