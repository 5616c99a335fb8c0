import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { prepare, readLedger, removeData } from '../../demo/data-folder.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'faas-demo-folder-'));
  return () => rm(folder, { recursive: true, force: true });
});

async function fill(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}
const paths = async () => (await readdir(folder, { recursive: true })).sort();

const ledger = '{"begun":1,"completed":1}';
const server = {
  'faas.db': '',
  'faas.db-wal': '',
  'faas.db-shm': '',
  'faas.lock': '',
  'faas.pid': '7',
  token: 't',
  'certificates.pem': 'c',
};
const killed = { 'server.json': '{}', 'server.json.7': '{', [`token.${'0a'.repeat(16)}`]: 't', 'demo.json.8': '' };

describe('a data folder is emptied', () => {
  test.each<[string, Readonly<Record<string, string>>]>([
    ['of nothing', {}],
    ['of the demo', { ...server, 'demo.json': ledger, 'secrets/github-webhook': 's' }],
    ['of a server alone', { ...server, 'pods.secret': 's' }],
    ['with what killed processes left', { ...server, ...killed, 'demo.json': ledger, 'secrets/github-webhook': 's' }],
    ['of a first start that was killed at once', { 'demo.json': '' }],
    ['of a first start that was killed before its server wrote anything', { 'demo.json': ledger, 'secrets/github-webhook': 's' }],
    ['of a removal that was killed', { 'demo.json': ledger, token: 't' }],
  ])('%s', async (_, files) => {
    await fill(files);
    expect(await removeData(folder)).toEqual({ kind: 'removed' });
    expect(await paths()).toEqual([]);
  });

  test('that is not there', async () => {
    expect(await removeData(join(folder, 'gone'))).toEqual({ kind: 'removed' });
  });

  test('that was made and never used, whose ledger shows that nothing was sent', async () => {
    await prepare(folder);
    expect(await readLedger(folder)).toEqual({ begun: 0, completed: 0 });
    expect(await removeData(folder)).toEqual({ kind: 'removed' });
  });
});

describe('what the user has is kept, all of it', () => {
  test.each<[string, Readonly<Record<string, string>>, string]>([
    ['a project with secrets', { 'secrets/api-key': 'k', 'index.js': 'x' }, 'index.js'],
    ['a project with a token', { token: 'mine', 'notes.txt': 'n' }, 'notes.txt'],
    ['one file too many', { ...server, 'demo.json': ledger, 'backup.sql': 'b' }, 'backup.sql'],
    ['one secret too many', { ...server, 'demo.json': ledger, 'secrets/github-webhook': 's', 'secrets/stripe': 's' }, 'secrets/stripe'],
    ['a folder called as a file of ours', { 'demo.json': ledger, 'token/mine': 'm' }, 'token'],
    ['a file called as our folder', { 'demo.json': ledger, secrets: 'mine' }, 'secrets'],
    ['a demo.json of another demo', { ...server, 'demo.json': '{"slides":[]}' }, 'demo.json'],
    ['a demo.json that is no JSON', { 'demo.json': 'mine' }, 'demo.json'],
  ])('%s', async (_, files, entry) => {
    await fill(files);
    const before = await paths();
    expect(await removeData(folder)).toEqual({ kind: 'foreign', entry: join(folder, entry) });
    expect(await paths()).toEqual(before);
  });

  test.each<[string, Readonly<Record<string, string>>]>([
    ['a token alone', { token: 'mine' }],
    ['secrets alone', { 'secrets/github-webhook': 'mine' }],
    ['a database of that name alone', { 'faas.db': 'mine' }],
  ])('%s shows nothing', async (_, files) => {
    await fill(files);
    const before = await paths();
    expect(await removeData(folder)).toEqual({ kind: 'unknown' });
    expect(await paths()).toEqual(before);
  });

  test('a link is no file of ours, and a file is no folder', async () => {
    await fill({ 'demo.json': ledger, 'elsewhere/mine': 'm' });
    await symlink(join(folder, 'elsewhere'), join(folder, 'secrets'));
    expect(await removeData(folder)).toMatchObject({ kind: 'foreign' });
    expect(await removeData(join(folder, 'demo.json'))).toEqual({ kind: 'unknown' });
    expect(await readdir(join(folder, 'elsewhere'))).toEqual(['mine']);
  });
});
