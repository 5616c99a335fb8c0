import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Checkup } from '../../ports/checkup.ts';
import { databaseFile } from './database.ts';

const part = 'sqlite';
const enoughBytes = 2 ** 30;

/** Of a data folder whose database this process has open. */
export async function examineFolder(folder: string): Promise<readonly Checkup[]> {
  const { bavail, bsize } = await statfs(folder);
  const { size } = await stat(join(folder, databaseFile));
  const said = `${folder}: database of ${mebibytes(size)}, ${mebibytes(bavail * bsize)} free`;
  if (bavail * bsize >= enoughBytes) return [{ part, status: 'ok', said }];
  return [{ part, status: 'warning', said, hint: 'Give the disk room: when it is full, webhooks are refused and nothing is committed.' }];
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
