import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readPassword, readTls } from '../controller/server-secrets.ts';
import { loadSettings } from '../controller/settings-source.ts';

const folder = mkdtempSync(join(tmpdir(), 'faas-secrets-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const fileOf = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const settingsOf = (flags: Record<string, string>) => loadSettings({ flags, env: {}, fileText: undefined }).settings;
const password = fileOf('password', 'first line\r\nsecond line\n');
const empty = fileOf('empty', '\nsecond line\n');

test.each([
  ['nothing is set', {}, undefined, undefined],
  ['a file: its first line', { 'state-password-file': password }, undefined, 'first line'],
  ['a file whose first line is empty', { 'state-password-file': empty }, undefined, undefined],
  ['the variable before the file', { 'state-password-file': password }, 'given', 'given'],
  ['an empty variable counts as not given', { 'state-password-file': password }, '', 'first line'],
  ['the file of another server is not read', { 'kafka-password-file': password }, undefined, undefined],
])('a password: %s', async (_, flags, given, expected) => {
  expect(await readPassword('state', settingsOf(flags), given)).toBe(expected);
});

test('certificates that are set, and no others', async () => {
  const settings = settingsOf({ 'kafka-ca': fileOf('ca.pem', 'authority'), 'state-cert': fileOf('cert.pem', 'certificate') });
  expect([await readTls('kafka', settings), await readTls('state', settings)]).toEqual([{ ca: 'authority' }, { cert: 'certificate' }]);
});

test('a file that cannot be read is an error with the name of its setting', async () => {
  await expect(readTls('kafka', settingsOf({ 'kafka-key': join(folder, 'missing') }))).rejects.toMatchObject({
    code: 'FAAS_SETTING_VALUE',
    message: expect.stringMatching(/^kafka\.key: .*missing cannot be read: ENOENT$/),
  });
});
