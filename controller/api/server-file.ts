import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dataFolderError } from '../data-folder.ts';

/** `<data>/server.json`, mode 0600: how commands on the same machine find the server that runs on a data folder. */
export interface ServerFile {
  readonly pid: number;
  readonly adminUrl: string;
  /** Undefined: the process is no gateway. */
  readonly gatewayUrl: string | undefined;
  readonly startedAtMs: number;
  readonly version: string;
}

const fileName = 'server.json';

/** Replaced in one step, so that a reader sees the old one or the new one. Throws what dataFolderError says when the folder does not take it. */
export async function writeServerFile(folder: string, server: ServerFile): Promise<void> {
  const beside = join(folder, `${fileName}.${server.pid}`);
  try {
    await writeFile(beside, `${JSON.stringify(server)}\n`, { mode: 0o600 });
    await rename(beside, join(folder, fileName));
  } catch (error) {
    await rm(beside, { force: true }).catch(() => undefined);
    throw dataFolderError(error, folder);
  }
}

/** Only our own: a successor may have written its file already. */
export async function removeServerFile(folder: string, pid: number): Promise<void> {
  const file = join(folder, fileName);
  const text = await readFile(file, 'utf8').catch(() => '');
  if (text.includes(`"pid":${pid},`)) await rm(file, { force: true });
}
