import { randomBytes } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What the demo keeps in the server's data folder. */
export interface Ledger {
  /** Rounds of which a delivery may have been sent. */
  readonly begun: number;
  /** Rounds whose deliveries were all accepted, from the first one on. */
  readonly completed: number;
}

export interface ServerAddress {
  readonly pid: number;
  readonly adminUrl: string;
  readonly gatewayUrl: string;
}

const ledgerFile = 'demo.json';
const nothingSent: Ledger = { begun: 0, completed: 0 };
const secretName = 'github-webhook';

export function secretsFolder(folder: string): string {
  return join(folder, 'secrets');
}

/** Makes the folder, and the secret that GitHub and the server would share. The ledger comes first: it tells whose the folder is, whenever this ends. */
export async function prepare(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(join(folder, ledgerFile), JSON.stringify(nothingSent), { flag: 'wx' }).catch(ignoreExisting);
  await mkdir(secretsFolder(folder), { recursive: true, mode: 0o700 });
  await writeFile(join(secretsFolder(folder), secretName), randomBytes(24).toString('hex'), { mode: 0o600, flag: 'wx' }).catch(
    ignoreExisting,
  );
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}

export async function readSecret(folder: string): Promise<string> {
  return (await readFile(join(secretsFolder(folder), secretName), 'utf8')).trim();
}

/** `foreign`: there is something that neither the demo nor a server writes. `unknown`: nothing shows that one of them made this folder. */
export type Removal = { readonly kind: 'removed' } | { readonly kind: 'foreign'; readonly entry: string } | { readonly kind: 'unknown' };

/** Empties a data folder. All or nothing: whatever else lies in it or in its `secrets`, nothing is removed. */
export async function removeData(folder: string): Promise<Removal> {
  const entries = await entriesOf(folder);
  if (entries === undefined) return { kind: 'unknown' };
  if (entries.length === 0) return { kind: 'removed' };
  const foreign = await foreignEntry(folder, entries);
  if (foreign !== undefined) return { kind: 'foreign', entry: foreign };
  const names = entries.map(({ name }) => name);
  if (!names.includes(ledgerFile) && !(names.includes('faas.db') && names.includes('faas.lock'))) return { kind: 'unknown' };
  // The ledger last: a removal that was cut short can be repeated.
  const ordered = [...names.filter(name => name !== ledgerFile), ledgerFile];
  for (const name of ordered) await rm(join(folder, name), { recursive: name === 'secrets', force: true });
  return { kind: 'removed' };
}

async function foreignEntry(folder: string, entries: readonly Dirent[]): Promise<string | undefined> {
  const secrets = (await entriesOf(secretsFolder(folder))) ?? [];
  const foreign = entries.find(entry => !isOurs(entry)) ?? secrets.find(entry => !(entry.isFile() && entry.name === secretName));
  if (foreign !== undefined) return join(foreign.parentPath, foreign.name);
  const { begun, completed } = await readLedger(folder).catch(() => ({ begun: undefined, completed: undefined }));
  return typeof begun === 'number' && typeof completed === 'number' ? undefined : join(folder, ledgerFile);
}

/** Undefined: it is no folder. Empty when it is not there. */
async function entriesOf(folder: string): Promise<readonly Dirent[] | undefined> {
  return readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    if (error.code === 'ENOTDIR') return undefined;
    throw error;
  });
}

/** What the demo and a server write into a data folder, with what a process that was killed leaves beside a file. */
const ourFiles = [
  /^demo\.json(\.\d+)?$/,
  /^server\.json(\.\d+)?$/,
  /^token(\.[0-9a-f]{32})?$/,
  /^faas\.(db|lock)(-wal|-shm|-journal)?$/,
  /^faas\.pid$/,
  /^pods\.secret$/,
  /^certificates\.pem$/,
];

function isOurs(entry: Dirent): boolean {
  return entry.name === 'secrets' ? entry.isDirectory() : entry.isFile() && ourFiles.some(pattern => pattern.test(entry.name));
}

export async function readLedger(folder: string): Promise<Ledger> {
  const text = await readFile(join(folder, ledgerFile), 'utf8').catch(() => '');
  // Empty: this process was killed while it made the folder.
  return text === '' ? nothingSent : (JSON.parse(text) as Ledger);
}

/** Rounds only grow: an earlier run has sent what it has sent. Replaced in one step, because this process may be killed as well. */
export async function writeLedger(folder: string, change: Partial<Ledger>): Promise<void> {
  const { begun, completed } = await readLedger(folder);
  const next = { begun: Math.max(begun, change.begun ?? 0), completed: Math.max(completed, change.completed ?? 0) };
  const beside = join(folder, `${ledgerFile}.${process.pid}`);
  await writeFile(beside, JSON.stringify(next));
  await rename(beside, join(folder, ledgerFile));
}

/** Where the server listens; undefined while none does, or none has said so yet. */
export async function readServer(folder: string): Promise<ServerAddress | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, 'server.json'), 'utf8')) as ServerAddress;
  } catch {
    return undefined;
  }
}

export async function readToken(folder: string): Promise<string> {
  return (await readFile(join(folder, 'token'), 'utf8')).trim();
}
