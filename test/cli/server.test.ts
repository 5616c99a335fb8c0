import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { collect, runCli, slowness, startCli } from './run-cli.ts';

const freePorts = ['--admin-port', '0', '--gateway-port', '0'];
const running = new Set<ChildProcess>();
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'faas-server-'));
  await runCli(['init', 'shop'], { cwd: folder });
});
afterEach(async () => {
  for (const child of running) await ended(child, 'SIGKILL');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function start(words: readonly string[], cwd: string) {
  const child = startCli(words, { cwd });
  running.add(child);
  return { child, stdout: collect(child.stdout), stderr: collect(child.stderr) };
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  running.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const closed = new Promise<number | null>(resolve => child.once('close', resolve));
  child.kill(signal);
  return closed;
}

/** Asks until the answer is there: the server works on its own. */
async function eventually<Value>(ask: () => Promise<Value | undefined>): Promise<Value> {
  for (let turn = 0; turn < 100; turn += 1) {
    const value = await ask();
    if (value !== undefined) return value;
  }
  throw new Error('never came');
}

describe('up', () => {
  const faas = (...words: string[]) => runCli(words, { cwd: join(folder, 'shop') });

  test('a project of init is deployed and runs: an event in, state and a log line out; Ctrl-C ends it with 130, and nothing is lost', async () => {
    const cwd = join(folder, 'shop');
    const first = start(['up', ...freePorts], cwd);
    await first.stderr.until(/server listens/);
    expect(await faas('deploy')).toMatchObject({ code: 0 });
    expect(await faas('emit', 'orders', '{"total": 1200}', '--key', 'alice')).toMatchObject({ code: 0 });
    const state = await eventually(async () => {
      const { code, stdout } = await faas('state', 'get', 'customer-totals', 'alice');
      return code === 0 ? JSON.parse(stdout) : undefined;
    });
    expect(state).toEqual({ orders: 1, sum: 1200, vip: true });
    const logged = await eventually(async () => (await faas('logs', 'greet-vip')).stdout.match(/thank you, alice {2}sum=1200/)?.[0]);
    expect(logged).toBe('thank you, alice  sum=1200');
    expect((await faas('invoke', 'customer-totals', '{"total": 1}', '--key', 'bob')).stdout).toBe(
      '{\n  "orders": 1,\n  "sum": 1,\n  "vip": false\n}\n',
    );
    expect(await ended(first.child, 'SIGINT')).toBe(130);
    expect((await faas('list')).code).toBe(1);

    const second = start(['up', ...freePorts], cwd);
    await second.stderr.until(/server listens/);
    expect(
      JSON.parse((await faas('state', 'list', 'customer-totals', '-o', 'json')).stdout).entries.map((one: { key: string }) => one.key),
    ).toEqual(['alice', 'bob']);
    expect(await ended(second.child, 'SIGTERM')).toBe(0);
  }, 60_000);

  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('%s ends at once a server that waits for its broker to say something', async (signal, code) => {
    const listener = createServer();
    await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve));
    const address = listener.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const met = new Promise<Socket>(resolve => listener.once('connection', resolve));
    const { child } = start(['up', ...freePorts, '--data', join(folder, signal), '--streams', `kafka://127.0.0.1:${port}`], folder);
    const socket = await met;
    const sentAtMs = performance.now();
    expect(await ended(child, signal)).toBe(code);
    expect(performance.now() - sentAtMs).toBeLessThan(3_000);
    socket.destroy();
    listener.close();
  });

  test('the second Ctrl-C ends it at once', async () => {
    const { child, stderr } = start(['up', ...freePorts, '--data', join(folder, 'twice')], folder);
    await stderr.until(/server listens/);
    child.kill('SIGINT');
    expect(await ended(child, 'SIGINT')).toBe(130);
  }, 60_000);

  test('a second server on one data folder, and a port that is taken: an error with a way out, no stack', async () => {
    const data = join(folder, 'once');
    const { child, stderr } = start(['up', ...freePorts, '--data', data], folder);
    await stderr.until(/server listens/);
    const { adminUrl } = JSON.parse(await readFile(join(data, 'server.json'), 'utf8'));
    const same = await runCli(['up', ...freePorts, '--data', data], { cwd: folder });
    const port = await runCli(['up', '--gateway-port', '0', '--admin-port', new URL(adminUrl).port, '--data', join(folder, 'other')], {
      cwd: folder,
    });
    for (const { code, stderr: text } of [same, port]) {
      expect(code).toBe(1);
      expect(text).toMatch(/^error: .* \(FAAS_[A-Z_]+\)\nhint: /m);
      expect(text).not.toMatch(/^ +at /m);
    }
    expect(await ended(child, 'SIGTERM')).toBe(0);
  }, 60_000);

  test('settings that are wrong are all named, and nothing starts', async () => {
    const { code, stderr } = await runCli(['up', '--admin-port', '99999', '--pods-drain', 'soon'], { cwd: folder });
    expect(code).toBe(2);
    expect(stderr).toContain('--admin-port: ');
    expect(stderr).toContain('--pods-drain: ');
  });

  test.each([
    [
      ['--admin-port', 'abc'],
      {},
      '--admin-port: admin.port must be a port from 0 to 65535, not "abc"',
      'Write --admin-port 7070, or leave it out.',
    ],
    [
      ['--log-level', 'loud'],
      {},
      '--log-level: log.level must be one of debug, info, warn, error, not "loud"',
      'Write --log-level info, or leave it out.',
    ],
    [
      ['--roles', 'foo'],
      {},
      '--roles: roles must be some of controller, dispatcher, gateway, not "foo"',
      'Write --roles controller,dispatcher,gateway, or leave it out.',
    ],
    [
      [],
      { FAAS_ADMIN_PORT: '99999' },
      'FAAS_ADMIN_PORT: admin.port must be a port from 0 to 65535, not "99999"',
      'Set FAAS_ADMIN_PORT=7070, or unset it.',
    ],
  ])('a bad value of a flag, or of the variable that says the same, is usage: %j %j', async (words, env, message, hint) => {
    expect(await runCli(['up', ...words], { cwd: folder, env: env as Record<string, string> })).toEqual({
      code: 2,
      stdout: '',
      stderr: `error: ${message} (FAAS_SETTING_VALUE)\nhint: ${hint}\n`,
    });
  });

  test('a bad value in the file is none', async () => {
    const cwd = join(folder, 'bad-file');
    await mkdir(cwd);
    await writeFile(join(cwd, 'faas.settings.yaml'), 'admin:\n  port: abc\n');
    expect(await runCli(['up'], { cwd })).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'error: faas.settings.yaml:2:3: admin.port must be a port from 0 to 65535, not "abc" (FAAS_SETTING_VALUE)\nhint: Write 7070 there, or take the setting out.\n',
    });
  });
});

describe('dev', () => {
  test('deploys, redeploys on a save, keeps the old revision over a mistake, shows what functions print', async () => {
    const cwd = join(folder, 'lab');
    await runCli(['init', 'lab'], { cwd: folder });
    const { child, stdout, stderr } = start(['dev', ...freePorts], cwd);
    await stderr.until(/watching for changes/);
    expect(stderr.text()).toContain('✓ deployed lab.customer-totals r1-');

    const handler = (text: string) =>
      writeFile(join(cwd, 'src/greet-vip.ts'), `export default () => { console.log('${text}'); return '${text}'; };`);
    const took: number[] = [];
    for (let turn = 2; turn <= 6; turn += 1) {
      await handler(`turn ${turn}`);
      const match = await stderr.until(new RegExp(`✓ src/greet-vip.ts → lab.greet-vip r${turn}-[0-9a-f]{8} (\\d+) ms`));
      took.push(Number(match[1]));
    }
    process.stdout.write(`faas dev: live ${took.join(', ')} ms after a save\n`);
    expect(Math.min(...took)).toBeLessThan(300 * (await slowness()));

    await writeFile(join(cwd, 'src/greet-vip.ts'), 'export default () =>');
    await stderr.until(/error: Unexpected end of file \(FAAS_BUNDLE_SYNTAX\)[\s\S]*still live/);
    expect((await runCli(['invoke', 'greet-vip', '1'], { cwd })).stdout).toBe('"turn 6"\n');
    await stdout.until(/lab\.greet-vip {2}turn 6/);
    expect(await ended(child, 'SIGINT')).toBe(130);
  }, 60_000);
});
