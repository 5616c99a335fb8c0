import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { FaasError } from './errors.ts';

const way = 'choose another folder with --data or FAAS_DATA.';

/**
 * Makes the folder and those above it, for the owner alone, and throws what `dataFolderError` says when it cannot be used. Step by step from
 * the first one that is there: where the system answers that a folder is missing while the one above it is there, as in /proc, Node's own
 * `recursive` tries for ever.
 */
export function makeDataFolder(folder: string): void {
  try {
    for (const missing of missingFolders(folder)) makeOne(missing);
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw dataFolderError(error, folder);
  }
}

/** What the system said while something in the data folder was written, with a code and a way out. Errors that have one stay what they are. */
export function dataFolderError(error: unknown, folder: string): FaasError {
  if (error instanceof FaasError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const options = { cause: error };
  switch (error instanceof Error && 'code' in error ? error.code : undefined) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new FaasError(
        'FAAS_STORE_FULL',
        `no space left to write in the data folder ${folder}`,
        'Free disk space: nothing acknowledged is lost.',
        options,
      );
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
    case 'ENOENT': {
      const hint = `Make it writable for this user, or ${way}`;
      return new FaasError('FAAS_DATA_READ_ONLY', `cannot write the data folder ${folder}: ${message}`, hint, options);
    }
    default:
      return new FaasError('FAAS_DATA_FOLDER', `cannot use the data folder ${folder}: ${message}`, `Check it, or ${way}`, options);
  }
}

/** From the top. Throws where a file is in the way. */
function missingFolders(folder: string): readonly string[] {
  const missing: string[] = [];
  for (let at = resolve(folder); ; at = dirname(at)) {
    const kind = kindOf(at);
    if (kind === 'folder') return missing.reverse();
    if (kind === 'file') throw inTheWay(at, folder);
    missing.push(at);
  }
}

function kindOf(path: string): 'folder' | 'file' | 'missing' {
  try {
    return statSync(path).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    // ENOTDIR: something above it is a file, and is found next.
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return 'missing';
    throw error;
  }
}

function makeOne(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Somebody else was quicker.
    if (kindOf(path) !== 'folder') throw error;
  }
}

function inTheWay(file: string, folder: string): FaasError {
  const message =
    resolve(folder) === file ? `the data folder ${folder} is a file` : `the data folder ${folder} cannot be made: ${file} is a file`;
  return new FaasError('FAAS_DATA_FOLDER', message, `Move that file away, or ${way}`);
}
