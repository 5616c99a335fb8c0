/** What both drivers bind and answer. Text that may hold a NUL is bound as bytes: the drivers cut text there. */
export type SqlValue = null | number | bigint | string | Uint8Array;
export type SqlRow = Readonly<Record<string, SqlValue | undefined>>;

export interface SqlStatement {
  run(...values: readonly SqlValue[]): { readonly changes: number | bigint };
  get(...values: readonly SqlValue[]): SqlRow | undefined;
  all(...values: readonly SqlValue[]): readonly SqlRow[];
  iterate(...values: readonly SqlValue[]): IterableIterator<SqlRow>;
}

export interface SqlDatabase {
  readonly isTransaction: boolean;
  exec(sql: string): void;
  prepare(sql: string): SqlStatement;
  close(): void;
}

interface SqlDriver {
  readonly DatabaseSync: new (path: string) => SqlDatabase;
}

/** node:sqlite where this Node has it without a flag, else the same API as a package. */
export async function loadDriver(): Promise<SqlDriver> {
  // Not a literal: the types of the oldest supported Node do not know the module.
  const builtin: string = 'node:sqlite';
  try {
    return (await import(builtin)) as SqlDriver;
  } catch {
    return (await import('@photostructure/sqlite')) as SqlDriver;
  }
}

/**
 * A statement that binds empty bytes as empty bytes: node:sqlite of Node 22 binds those without memory of their own (from a message of another
 * thread, say) as NULL.
 */
export function bindingEmptyBytes(statement: SqlStatement): SqlStatement {
  const bindable = (values: readonly SqlValue[]) =>
    values.map(value => (value instanceof Uint8Array && value.length === 0 ? emptyBytes : value));
  return {
    run: (...values) => statement.run(...bindable(values)),
    get: (...values) => statement.get(...bindable(values)),
    all: (...values) => statement.all(...bindable(values)),
    iterate: (...values) => statement.iterate(...bindable(values)),
  };
}

const emptyBytes = new Uint8Array(new ArrayBuffer(1), 0, 0);

export function bindsEmptyBytesAsNull(database: SqlDatabase): boolean {
  const row = database.prepare('SELECT typeof(?1) AS type').get(structuredClone(new Uint8Array()));
  return row?.type === 'null';
}

/** The primary result code of an error that SQLite reported; undefined for other errors. */
export function resultCodeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return error.errcode & 0xff;
}

export const resultCode = { busy: 5, locked: 6, readOnly: 8, ioError: 10, corrupt: 11, full: 13, cantOpen: 14, notADatabase: 26 } as const;

export function integer(row: SqlRow, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw new TypeError(`column ${column} is ${typeof value}, not a number`);
  return value;
}

export function text(row: SqlRow, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw new TypeError(`column ${column} is ${typeof value}, not text`);
  return value;
}

export function textOrNone(row: SqlRow, column: string): string | undefined {
  return row[column] === null ? undefined : text(row, column);
}

export function bytes(row: SqlRow, column: string): Uint8Array {
  const value = row[column];
  if (!(value instanceof Uint8Array)) throw new TypeError(`column ${column} is ${typeof value}, not bytes`);
  return value;
}

/** Bytes, or undefined for null. */
export function bytesOrNone(row: SqlRow, column: string): Uint8Array | undefined {
  return row[column] === null ? undefined : bytes(row, column);
}
