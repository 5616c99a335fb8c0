import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeServerFile } from '../controller/api/server-file.ts';
import { dataFolderError, makeDataFolder } from '../controller/data-folder.ts';
import { FaasError } from '../controller/errors.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'faas-data-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const thrown = (work: () => void): unknown => {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
};
const systemError = (code: string) => Object.assign(new Error(`${code}: no, write`), { code });

test('it is made with those above it, for the owner alone; one that is there stays what it is', () => {
  chmodSync(folder, 0o755);
  makeDataFolder(join(folder, 'a/b'));
  makeDataFolder(join(folder, 'a/b'));
  expect(['', 'a', 'a/b'].map(name => statSync(join(folder, name)).mode & 0o777)).toEqual([0o755, 0o700, 0o700]);
});

test.each([
  ['is a file', 'f', 'FAAS_DATA_FOLDER', 'the data folder F/f is a file'],
  ['is below a file', 'f/a/b', 'FAAS_DATA_FOLDER', 'the data folder F/f/a/b cannot be made: F/f is a file'],
  ['is a link to nothing', 'link', 'FAAS_DATA_FOLDER', "cannot use the data folder F/link: EEXIST: file already exists, mkdir 'F/link'"],
])('one that %s is refused', (_, name, code, message) => {
  writeFileSync(join(folder, 'f'), '');
  symlinkSync(join(folder, 'nowhere'), join(folder, 'link'));
  const hint = expect.stringContaining('choose another folder with --data or FAAS_DATA.');
  expect(thrown(() => makeDataFolder(join(folder, name)))).toMatchObject({ code, message: message.replaceAll('F/', `${folder}/`), hint });
});

test.runIf(existsSync('/proc/self'))('one where the system makes none is refused, and not tried for ever', () => {
  const error = thrown(() => makeDataFolder('/proc/nope/below'));
  expect(error).toMatchObject({ code: 'FAAS_DATA_READ_ONLY', message: expect.stringContaining("mkdir '/proc/nope'") });
});

test.each([
  ['ENOSPC', 'FAAS_STORE_FULL', 'no space left to write in the data folder D'],
  ['EDQUOT', 'FAAS_STORE_FULL', 'no space left to write in the data folder D'],
  ['EROFS', 'FAAS_DATA_READ_ONLY', 'cannot write the data folder D: EROFS: no, write'],
  ['EACCES', 'FAAS_DATA_READ_ONLY', 'cannot write the data folder D: EACCES: no, write'],
  ['EPERM', 'FAAS_DATA_READ_ONLY', 'cannot write the data folder D: EPERM: no, write'],
  ['EIO', 'FAAS_DATA_FOLDER', 'cannot use the data folder D: EIO: no, write'],
])('%s of the system is %s, with a way out', (code, ours, message) => {
  expect(dataFolderError(systemError(code), 'D')).toMatchObject({ code: ours, message, hint: expect.any(String) });
});

test('an error that has a code stays what it is', () => {
  const known = new FaasError('FAAS_STORE_LOCKED', 'locked');
  expect(dataFolderError(known, 'D')).toBe(known);
});

test('the file that names the server is one of those that the folder may not take', async () => {
  const server = { pid: 1, adminUrl: 'http://a', gatewayUrl: undefined, startedAtMs: 0, version: '1' };
  await expect(writeServerFile(join(folder, 'gone'), server)).rejects.toMatchObject({ code: 'FAAS_DATA_READ_ONLY' });
  symlinkSync('/dev/full', join(folder, 'server.json.1'));
  await expect(writeServerFile(folder, server)).rejects.toMatchObject({ code: 'FAAS_STORE_FULL' });
  expect(existsSync(join(folder, 'server.json'))).toBe(false);
});
