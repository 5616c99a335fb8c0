import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { apiClient } from '../../cli/api-client.ts';
import { DevSession, namesOf } from '../../cli/dev-session.ts';
import { CommandFailure } from '../../cli/failure.ts';
import { watchFolder } from '../../cli/file-watch.ts';
import { startAdmin } from '../api/start-admin.ts';

let admin: Awaited<ReturnType<typeof startAdmin>>;
let root: string;
let session: DevSession;

const manifest = `version: 1
context: dev
streams:
  orders: { schema: order.json }
functions:
  one: { handler: one.ts, on: [{ stream: { streams: [orders] } }] }
  two: { handler: two.ts }
`;
const file = (name: string) => join(root, name);
const changes = async (...names: string[]) => {
  const answer = await session.update(names.length === 0 ? undefined : new Set(names.map(file)));
  return answer.functions.filter(one => one.change !== 'unchanged').map(one => `${one.unit} ${one.change}`);
};

beforeAll(async () => {
  admin = await startAdmin();
  root = await mkdtemp(join(tmpdir(), 'faas-dev-'));
  await writeFile(file('faas.yaml'), manifest);
  await writeFile(file('order.json'), '{"type":"object"}');
  await writeFile(file('shared.ts'), 'export const n = 1;');
  await writeFile(file('one.ts'), `import { n } from './shared.ts'; export default () => n;`);
  await writeFile(file('two.ts'), 'export default () => 2;');
  const client = apiClient({ adminUrl: admin.url, gatewayUrl: undefined, token: admin.token }, { timeoutMs: 5_000, folder: admin.folder });
  session = new DevSession({ file: file('faas.yaml'), cwd: root, env: {}, client });
});
afterAll(async () => {
  await session.close();
  await admin.close();
  await rm(root, { recursive: true, force: true });
});

describe('what a save brings to life, in this order', () => {
  test('at first everything', async () => {
    expect(await changes()).toEqual(['dev.one created', 'dev.two created']);
    expect([...session.inputs()].sort()).toEqual(['faas.yaml', 'one.ts', 'order.json', 'shared.ts', 'two.ts'].map(file));
  });

  test('a file that one function imports: that function', async () => {
    await writeFile(file('shared.ts'), 'export const n = 10;');
    expect(await changes('shared.ts')).toEqual(['dev.one updated']);
  });

  test('a file saved as it was: nothing', async () => {
    expect(await changes('two.ts')).toEqual([]);
  });

  test('a schema: the functions of its stream', async () => {
    await writeFile(file('order.json'), '{"type":"object","required":["total"]}');
    expect(await changes('order.json')).toEqual(['dev.one updated']);
  });

  test('a broken handler: refused at its place, and the other one does not move', async () => {
    await writeFile(file('one.ts'), 'export default () =>');
    const failure = await session.update(new Set([file('one.ts')])).catch((cause: unknown) => cause);
    expect(failure).toBeInstanceOf(CommandFailure);
    expect(failure).toMatchObject({
      code: 'FAAS_BUNDLE_SYNTAX',
      where: [expect.stringContaining('one.ts:1:21'), expect.any(String), expect.any(String)],
    });
  });

  test('while it is broken any source matters, logs do not', () => {
    expect([session.concerns(file('new.ts')), session.concerns(file('server.log'))]).toEqual([true, false]);
  });

  test('mended by a file that was missing', async () => {
    await writeFile(file('one.ts'), `import { m } from './new.ts'; export default () => m;`);
    await expect(session.update(new Set([file('one.ts')]))).rejects.toMatchObject({ code: 'FAAS_BUNDLE_IMPORT' });
    await writeFile(file('new.ts'), 'export const m = 1;');
    expect(await changes('new.ts')).toEqual(['dev.one updated']);
    expect(session.concerns(file('another.ts'))).toBe(false);
  });

  test('a broken manifest, then a mended one with one function less and one more', async () => {
    await writeFile(file('faas.yaml'), 'version: 1\ncontxt: dev\n');
    await expect(session.update(new Set([file('faas.yaml')]))).rejects.toBeInstanceOf(CommandFailure);
    await writeFile(file('faas.yaml'), manifest.replace('two: { handler: two.ts }', 'three: { handler: two.ts }'));
    const answer = await session.update(new Set([file('faas.yaml')]));
    expect(answer.functions.map(one => `${one.unit} ${one.change}`).sort()).toEqual([
      'dev.one unchanged',
      'dev.three created',
      'dev.two removed',
    ]);
  });
});

test.each([
  [['a.ts'], 'a.ts'],
  [['a.ts', 'b/c.ts'], 'a.ts, b/c.ts'],
  [['a.ts', 'b.ts', 'c.ts'], 'a.ts and 2 more'],
])('changes of %j are named "%s"', (names, text) => {
  expect(namesOf(new Set(names.map(name => `/x/${name}`)), '/x')).toBe(text);
});

test('the watch gathers one save of several files, leaves out what concerns nobody, and ends with its signal', async () => {
  await mkdir(file('watched/.faas'), { recursive: true });
  await mkdir(file('watched/node_modules'), { recursive: true });
  const stop = new AbortController();
  const watch = await watchFolder(file('watched'), {
    ignored: [file('watched/.faas')],
    concerns: path => path.endsWith('.ts'),
    signal: stop.signal,
  });
  for (const name of ['node_modules/x.ts', '.faas/x.ts', 'x.log', '.#x.ts', 'a.ts']) await writeFile(file(`watched/${name}`), '1');
  expect([...((await watch.next())?.files ?? [])]).toEqual([file('watched/a.ts')]);
  const next = watch.next();
  stop.abort();
  expect(await next).toBe(undefined);
  await watch.close();
});
