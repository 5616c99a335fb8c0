import { chmod, link, open, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { dataFolderError, makeDataFolder } from '../data-folder.ts';
import { FaasError } from '../errors.ts';
import type { Random } from '../random.ts';

const tokenPattern = /^[A-Za-z0-9_-]{32,256}$/;

/**
 * The admin token of a data folder: `<folder>/token`, mode 0600, made at the first start. Whoever reads it may deploy code. It appears whole
 * or not at all; of two first starts at once, both get the same one.
 */
export async function loadToken(folder: string, random: Random): Promise<string> {
  const file = join(folder, 'token');
  const token = (await readToken(file)) ?? (await makeToken(folder, file, random));
  if (tokenPattern.test(token)) return token;
  throw new FaasError('FAAS_TOKEN_FILE', `${file} does not hold a token`, 'Remove the file; the next start makes a new one.');
}

/** The admin token that somebody else made, on the first line of `file`: a mounted secret. */
export async function readGivenToken(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(error => {
    throw new FaasError(
      'FAAS_TOKEN_FILE',
      `admin.tokenFile: ${file} cannot be read: ${String(error.code ?? error)}`,
      'Check the path and its rights.',
    );
  });
  const [token = ''] = text.split(/\r?\n/);
  if (tokenPattern.test(token)) return token;
  throw new FaasError(
    'FAAS_TOKEN_FILE',
    `admin.tokenFile: the first line of ${file} is no token`,
    'Write 32 to 256 letters, digits, - and _.',
  );
}

/** Undefined: there is none. A file that others may read is closed again before it is used. */
async function readToken(file: string): Promise<string | undefined> {
  try {
    if (((await stat(file)).mode & 0o077) !== 0) await chmod(file, 0o600);
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new FaasError('FAAS_TOKEN_FILE', `${file} cannot be read`, 'Give the user of the server access to its data folder.', {
      cause: error,
    });
  }
}

/** Written beside and linked into place: `link` refuses an existing name, so nobody ever reads half a token or replaces a good one. */
async function makeToken(folder: string, file: string, random: Random): Promise<string> {
  makeDataFolder(folder);
  try {
    await linkToken(file, random);
  } catch (error) {
    throw dataFolderError(error, folder);
  }
  return (await readFile(file, 'utf8')).trim();
}

async function linkToken(file: string, random: Random): Promise<void> {
  const beside = `${file}.${random.token()}`;
  const handle = await open(beside, 'wx', 0o600);
  try {
    await handle.writeFile(`${random.token()}${random.token()}\n`);
    await handle.sync();
    await link(beside, file).catch(error => {
      if (error.code !== 'EEXIST') throw error;
    });
  } finally {
    await handle.close();
    await rm(beside, { force: true });
  }
}
