import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startAdmin } from '../api/start-admin.ts';
import { type CliOptions, runCli } from './run-cli.ts';

let admin: Awaited<ReturnType<typeof startAdmin>>;
let token: string;
let home: string;

beforeAll(async () => {
  admin = await startAdmin();
  token = await readFile(join(admin.folder, 'token'), 'utf8');
});
afterAll(() => admin.close());
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'faas-home-'));
  return () => rm(home, { recursive: true, force: true });
});

const file = () => join(home, 'faas/contexts.json');
const faas = (words: readonly string[], options: CliOptions = {}) =>
  runCli(words, { cwd: home, ...options, env: { XDG_CONFIG_HOME: home, ...options.env } });

test('a server is saved with its token from standard input, asked from then on, and forgotten', async () => {
  expect(await faas(['context', 'add', 'prod', '--server', `${admin.url}/`, '--token', '-'], { stdin: `${token}\n` })).toMatchObject({
    code: 0,
    stdout: '',
    stderr: `added prod; commands ask ${admin.url} from now on\n`,
  });
  expect((await stat(file())).mode & 0o777).toBe(0o600);
  expect(await faas(['list', 'contexts'])).toMatchObject({ code: 0 });

  const listed = await faas(['context', 'list']);
  expect(listed.stdout).toMatch(/^ +CONTEXT +SERVER +TOKEN\n +local +of the data folder +of the data folder\n\* +prod +http:\S+ +saved\n$/);
  expect(listed.stdout).not.toContain(token.trim());

  expect(await faas(['context', 'remove', 'prod'])).toMatchObject({
    code: 0,
    stderr: 'removed prod; commands ask the server of the data folder from now on\n',
  });
  expect((await faas(['list', 'contexts'])).stderr).toContain('FAAS_NO_SERVER');
});

test('`use` chooses one for all commands, --use for one command; a flag comes before both', async () => {
  await writeFile(join(home, 'token'), token);
  await faas(['context', 'add', 'good', '--server', admin.url, '--token-file', 'token']);
  await faas(['context', 'add', 'gone', '--server', 'http://127.0.0.1:1'], { env: { FAAS_TOKEN: 'x' } });
  expect((await faas(['list'])).stderr).toContain('nothing answers at http://127.0.0.1:1');
  expect(await faas(['list', '--use', 'good'])).toMatchObject({ code: 0 });
  expect((await faas(['list', '--use', 'local'])).stderr).toContain('no server runs on the data folder');
  expect((await faas(['list', '--data', 'here'])).stderr).toContain(`no server runs on the data folder ${join(home, 'here')}`);
  expect(await faas(['list', '--server', admin.url], { env: { FAAS_TOKEN: token.trim() } })).toMatchObject({ code: 0 });

  expect(await faas(['context', 'use', 'good'])).toMatchObject({ code: 0 });
  expect(await faas(['list'])).toMatchObject({ code: 0 });
  expect(await faas(['context', 'use', 'local'])).toMatchObject({ code: 0 });
  expect((await faas(['list'])).stderr).toContain('no server runs on the data folder');
});

test('what a change has come to is one value for a program', async () => {
  const env = { FAAS_TOKEN: 'x', FAAS_OUTPUT: 'json' };
  const changed = async (...words: string[]) => JSON.parse((await faas(['context', ...words], { env })).stdout);
  expect(await changed('add', 'prod', '--server', 'http://h')).toEqual({ name: 'prod', server: 'http://h', current: 'prod' });
  expect(await changed('use', 'local')).toEqual({ name: 'local', current: 'local' });
  expect(await changed('use', 'prod')).toEqual({ name: 'prod', server: 'http://h', current: 'prod' });
  expect(await changed('remove', 'prod')).toEqual({ name: 'prod', server: 'http://h', current: 'local' });
});

test('--use comes before the variables of another server and of its token; beside --server it says nothing clear', async () => {
  await writeFile(join(home, 'token'), token);
  await faas(['context', 'add', 'good', '--server', admin.url, '--token-file', 'token']);
  const env = { FAAS_SERVER: 'http://127.0.0.1:1', FAAS_TOKEN: 'of-another-server' };
  expect((await faas(['list', 'contexts'], { env })).stderr).toContain('nothing answers at http://127.0.0.1:1');
  expect(await faas(['list', '--use', 'good'], { env })).toMatchObject({ code: 0 });
  expect((await faas(['list', '--use', 'good', '--token', 'wrong'], { env })).stderr).toContain('does not accept the token');
  expect((await faas(['list', '--use', 'local'], { env })).stderr).toContain('no server runs on the data folder');
  const both = await faas(['list', '--use', 'good', '--server', admin.url], { env });
  expect(both).toMatchObject({ code: 2 });
  expect(both.stderr).toContain('--use and --server both say which server');
});

test.each([
  [['context', 'use', 'prdo'], 1, 'FAAS_SAVED_CONTEXT_UNKNOWN', 'There are: local.'],
  [['context', 'remove', '__proto__'], 1, 'FAAS_SAVED_CONTEXT_UNKNOWN', 'there is no context "__proto__"'],
  [['context', 'add', 'local', '--server', 'http://h'], 1, 'FAAS_SAVED_CONTEXT_NAME', 'a context cannot be called "local"'],
  [['context', 'add', '../x', '--server', 'http://h'], 1, 'FAAS_SAVED_CONTEXT_NAME', 'Letters, digits, dots and dashes'],
  [['context', 'add', 'prod', '--server', 'h:7070', '--token', 't'], 2, 'FAAS_SERVER_ADDRESS', '--server: "h:7070" is not an http address'],
  [['context', 'add', 'prod', '--token', 't'], 2, 'FAAS_USAGE', '--server is missing'],
  [['context', 'add', 'prod', '--server', 'http://h'], 2, 'FAAS_USAGE', 'the token is missing'],
  [['context', 'add', 'prod', '--server', 'http://h', '--token', '-'], 2, 'FAAS_USAGE', 'standard input holds no token'],
])('%j is refused', async (words, code, error, text) => {
  const refused = await faas(words);
  expect(refused.code).toBe(code);
  expect(refused.stderr).toContain(error);
  expect(refused.stderr).toContain(text);
});

test('a token file that went away, and a file of contexts that is broken, are named', async () => {
  await faas(['context', 'add', 'prod', '--server', admin.url, '--token-file', 'gone']);
  expect((await faas(['list'])).stderr).toContain(`cannot read ${join(home, 'gone')} of the context "prod"`);
  await writeFile(file(), '{ "contexts": { "prod": {} } }');
  expect((await faas(['list'])).stderr).toContain(`${file()} does not say where the server of "prod" is`);
  await writeFile(file(), '{');
  for (const words of [['list'], ['add', 'prod', '--server', admin.url, '--token-file', 'token']]) {
    const { code, stderr } = await faas(['context', ...words]);
    expect(code).toBe(1);
    expect(stderr).toContain(`${file()} is not JSON`);
    expect(stderr).toContain('Mend it, or remove it and add its contexts again');
  }
  expect(await readFile(file(), 'utf8')).toBe('{');
});
