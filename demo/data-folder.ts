import { randomBytes } from 'node:crypto';
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
const secretName = 'github-webhook';

export function secretsFolder(folder: string): string {
  return join(folder, 'secrets');
}

/** Makes the folder, and the secret that GitHub and the server would share. */
export async function prepare(folder: string): Promise<void> {
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

/** Removes a data folder, and nothing else: a folder of other things is left alone. */
export async function removeData(folder: string): Promise<'removed' | 'not-ours'> {
  const entries: readonly string[] = await readdir(folder).catch(() => []);
  const ours = entries.length === 0 || entries.includes('token') || entries.includes(ledgerFile) || entries.includes('secrets');
  if (!ours) return 'not-ours';
  await rm(folder, { recursive: true, force: true });
  return 'removed';
}

export async function readLedger(folder: string): Promise<Ledger> {
  const text = await readFile(join(folder, ledgerFile), 'utf8').catch(() => '{"begun":0,"completed":0}');
  return JSON.parse(text) as Ledger;
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
