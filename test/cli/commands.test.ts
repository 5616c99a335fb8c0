import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { orderSchema, shopManifest, startAdmin } from '../api/start-admin.ts';
import { type CliOptions, collect, runCli, startCli } from './run-cli.ts';

let admin: Awaited<ReturnType<typeof startAdmin>>;
let project: string;

beforeAll(async () => {
  admin = await startAdmin();
  project = await mkdtemp(join(tmpdir(), 'faas-shop-'));
  await mkdir(join(project, 'src'));
  await mkdir(join(project, 'schemas'));
  await writeFile(join(project, 'faas.yaml'), shopManifest);
  await writeFile(join(project, 'schemas/order.json'), JSON.stringify(orderSchema));
  await writeFile(join(project, 'src/customer-totals.ts'), 'export default () => 1;');
  await writeFile(join(project, 'src/tax.ts'), 'export default () => 2;');
});
afterAll(async () => {
  await admin.close();
  await rm(project, { recursive: true, force: true });
});

const faas = (words: readonly string[], options: CliOptions = {}) =>
  runCli(words, { cwd: project, ...options, env: { FAAS_SERVER: admin.url, FAAS_DATA: admin.folder, ...options.env } });

describe('deploy', () => {
  test('--dry-run checks and bundles where no server answers', async () => {
    const { code, stdout, stderr } = await faas(['deploy', '--dry-run'], { env: { FAAS_SERVER: 'http://127.0.0.1:1' } });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^FUNCTION +BUNDLE +SIZE\nshop\.customer-totals +[0-9a-f]{12} +[\d.]+Ki\nshop\.tax +[0-9a-f]{12} +\d+B\n$/);
    expect(stderr).toContain('not compared with what is live: ');
    expect(stderr).toContain('nothing was deployed (--dry-run)');
  });

  test('bundles everything, uploads what is not known, prints what changed', async () => {
    const first = await faas(['deploy', '--verbose']);
    expect(first).toMatchObject({ code: 0 });
    expect(first.stdout).toMatch(
      /^FUNCTION +REVISION +CHANGE\nshop\.customer-totals +r1-[0-9a-f]{8} +created\nshop\.tax +r1-[0-9a-f]{8} +created\n$/,
    );
    expect(first.stderr).toMatch(/^bundled customer-totals [\d.]+Ki, \d+ ms$/m);
    expect(first.stderr.match(/^uploading .*$/gm)).toEqual(['uploading customer-totals', 'uploading tax']);

    const again = await faas(['deploy', '--verbose']);
    expect(again.stdout.match(/unchanged/g)).toHaveLength(2);
    expect(again.stderr).not.toContain('uploading');

    await writeFile(join(project, 'src/tax.ts'), 'export default () => 3;');
    const third = await faas(['deploy', '-v', '-o', 'json']);
    expect(third.stderr.match(/^uploading .*$/gm)).toEqual(['uploading tax']);
    expect(JSON.parse(third.stdout).functions.map((one: { change: string }) => one.change)).toEqual(['unchanged', 'updated']);
  });

  test('--dry-run shows what would change of what is live, and what resource triggers need; nothing is changed', async () => {
    const same = await faas(['deploy', '--dry-run', '-o', 'json']);
    expect(JSON.parse(same.stdout).changes).toEqual([]);
    const other = shopManifest.replace('team-shop', 'another-team');
    const on = '    on:\n      - resource: { apiVersion: apps/v1, kind: Deployment, namespace: prod }\n';
    await writeFile(join(project, 'dry.yaml'), `${other.trimEnd()}\n  rollouts:\n    handler: src/tax.ts\n${on}`);
    const { code, stdout, stderr } = await faas(['deploy', '--dry-run', '--file', 'dry.yaml']);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^shop\.tax +[0-9a-f]{12} +\d+B +unchanged$/m);
    expect(stdout).toMatch(/^shop\.rollouts +[0-9a-f]{12} +\d+B +created$/m);
    expect(stdout).toContain('- owner: "team-shop"\n+ owner: "another-team"');
    expect(stdout).toMatch(/^prod +apps +deployments +list,watch$/m);
    expect((await faas(['list', '-o', 'json'])).stdout).not.toContain('rollouts');
  });

  test('all problems of the manifest at once, each at its place with the lines around it; from the folder where it was called', async () => {
    await mkdir(join(project, 'broken/src'), { recursive: true });
    await writeFile(
      join(project, 'broken/faas.yaml'),
      'version: 1\ncontext: broken\nfunctions:\n  one:\n    handlr: src/one.ts\n    retry: { attempts: many }\n',
    );
    const { code, stdout, stderr } = await faas(['deploy', '--file', 'broken']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('broken/faas.yaml:5:5 ');
    expect(stderr).toContain('  > 5 |     handlr: src/one.ts\n      |     ^');
    expect(stderr).toContain('broken/faas.yaml:6:');
    expect(stderr).toMatch(/^error: \d+ problems \(FAAS_PROBLEMS\)$/m);
    expect(stderr).not.toMatch(/^ +at /m);
  });

  test('a handler that cannot be bundled', async () => {
    await mkdir(join(project, 'syntax'), { recursive: true });
    await writeFile(join(project, 'syntax/faas.yaml'), 'version: 1\ncontext: syntax\nfunctions:\n  one: { handler: one.ts }\n');
    await writeFile(join(project, 'syntax/one.ts'), 'export default () => {\n\tconst 1 = 2;\n};\n');
    const { code, stderr } = await faas(['deploy'], { cwd: join(project, 'syntax') });
    expect(code).toBe(1);
    expect(stderr).toBe(
      'error: Expected identifier but found "1" (FAAS_BUNDLE_SYNTAX)\n  one.ts:2:8 Expected identifier but found "1"\n    1 | export default () => {\n  > 2 |   const 1 = 2;\n      |         ^\n',
    );
  });

  test('no manifest', async () => {
    const { code, stderr } = await faas(['deploy', '--file', 'nowhere']);
    expect(code).toBe(1);
    expect(stderr).toContain(
      'error: cannot read the manifest nowhere (FAAS_NO_MANIFEST)\nhint: Name it with --file, or make a project with: faas init',
    );
  });

  describe('a function that does not load', () => {
    const threw = 'the bundle threw while it was imported: boom';
    const pod = '    at load (/opt/faas/dist/entries/pod-worker.cjs:2988:20)';
    const stack = `FaasError: ${threw}\n${pod}\ncaused by: Error: boom\n    at open (src/db.ts:2:9)\n    at <anonymous> (src/one.ts:2:1)\n${pod}`;
    const excerpt = "    1 | export function open() {\n  > 2 |   throw new Error('boom');\n      |         ^\n";
    const hint = 'hint: Fix the handler and deploy again. What was live before is still live.\n';

    beforeAll(async () => {
      await mkdir(join(project, 'broken-load/src'), { recursive: true });
      await writeFile(join(project, 'broken-load/faas.yaml'), 'version: 1\ncontext: load\nfunctions:\n  one: { handler: src/one.ts }\n');
      await writeFile(join(project, 'broken-load/src/one.ts'), "import { open } from './db.ts';\nopen();\nexport default () => 1;\n");
      await writeFile(join(project, 'broken-load/src/db.ts'), "export function open() {\n  throw new Error('boom');\n}\n");
    });
    const refused = async (code: string, message: string, stack: string | undefined, words: readonly string[], cwd: string) => {
      const { load } = admin.world;
      admin.world.load = { kind: 'failed', error: { code, name: 'FaasError', message, stack } };
      const { code: exitCode, stderr } = await faas(['deploy', '-q', ...words], { cwd });
      admin.world.load = load;
      expect(exitCode).toBe(1);
      return stderr;
    };

    test('once: where it threw, the lines around it, and the author’s frames alone', async () => {
      expect(await refused('FAAS_LOAD_IMPORT', threw, stack, [], join(project, 'broken-load'))).toBe(
        `error: src/db.ts:2:9 ${threw} (FAAS_DEPLOY_REFUSED)\n  load.one (FAAS_LOAD_IMPORT)\n${excerpt}  at open (src/db.ts:2:9)\n  at src/one.ts:2:1\n${hint}`,
      );
    });

    test('paths are as seen from where it was called', async () => {
      const stderr = await refused('FAAS_LOAD_IMPORT', threw, stack, ['--file', 'broken-load'], project);
      expect(stderr).toContain(`error: broken-load/src/db.ts:2:9 ${threw} (`);
      expect(stderr).toContain(`${excerpt}  at open (broken-load/src/db.ts:2:9)\n`);
    });

    test.each([
      ['a hang', 'FAAS_LOAD_TIMEOUT', 'the bundle did not load within 5000 ms'],
      ['no function', 'FAAS_LOAD_EXPORT', 'the export "default" is not a function'],
    ])('without a place, once as well: %s', async (_, code, message) => {
      expect(await refused(code, message, `FaasError: ${message}\n${pod}`, [], join(project, 'broken-load'))).toBe(
        `error: src/one.ts: ${message} (FAAS_DEPLOY_REFUSED)\n  load.one (${code})\n${hint}`,
      );
    });

    test('several: each once', async () => {
      await mkdir(join(project, 'broken-loads'), { recursive: true });
      const functions = '  one: { handler: one.ts }\n  two: { handler: two.ts }\n';
      await writeFile(join(project, 'broken-loads/faas.yaml'), `version: 1\ncontext: load\nfunctions:\n${functions}`);
      for (const name of ['one', 'two']) await writeFile(join(project, `broken-loads/${name}.ts`), `export default () => '${name}';\n`);
      const at = `FaasError: ${threw}\n    at one.ts:1:1`;
      const stderr = await refused('FAAS_LOAD_IMPORT', threw, at, [], join(project, 'broken-loads'));
      const entry = (name: string) =>
        `  load.${name} (FAAS_LOAD_IMPORT) one.ts:1:1 ${threw}\n    > 1 | export default () => 'one';\n        | ^\n    Fix the handler and deploy again.\n`;
      expect(stderr).toBe(
        `error: 2 problems (FAAS_DEPLOY_REFUSED)\n${entry('one')}${entry('two')}hint: What was live before is still live.\n`,
      );
    });
  });

  test('a server that refuses: its reasons, and that nothing changed', async () => {
    await mkdir(join(project, 'watched'), { recursive: true });
    await writeFile(
      join(project, 'watched/faas.yaml'),
      'version: 1\ncontext: watched\nfunctions:\n  one:\n    handler: one.ts\n    on: [{ resource: { apiVersion: v1, kind: ConfigMap } }]\n',
    );
    await writeFile(join(project, 'watched/one.ts'), 'export default () => 1;');
    const { code, stderr } = await faas(['deploy', '--file', 'watched']);
    expect(code).toBe(1);
    expect(stderr).toContain('(FAAS_DEPLOY_REFUSED)');
    expect(stderr).toContain('watched.one');
    expect(stderr).toContain('What was live before is still live.');
  });
});

describe('list and describe', () => {
  test('functions, streams and contexts as tables', async () => {
    expect((await faas(['list'])).stdout).toMatch(
      /^FUNCTION +REVISION +PODS +BACKLOG +OLDEST +TRIGGERS +CONDITIONS\nshop\.customer-totals +r1-/,
    );
    expect((await faas(['list', 'streams'])).stdout).toMatch(
      /^STREAM +TOPIC +PARTITIONS +EVENTS +INTERNAL +SCHEMA\nshop\.orders +orders +2 +0 +no +yes\nshop\.vips +shop\.int\.vips +2 +0 +yes +no\n$/,
    );
    expect((await faas(['list', 'contexts'])).stdout).toMatch(
      /^CONTEXT +OWNER +FUNCTIONS +STREAMS +DEPLOYED\nshop +team-shop +customer-totals, tax +orders, vips +\d+m?s ago\n$/,
    );
  });

  test('as JSON and YAML', async () => {
    expect(JSON.parse((await faas(['list', '-o', 'json'])).stdout).functions).toHaveLength(2);
    expect((await faas(['list', '-o', 'yaml'])).stdout).toMatch(/^functions:\n {2}- unit: shop\.customer-totals\n/);
  });

  test('another context has none', async () => {
    expect((await faas(['list', '--context', 'other'])).stdout).toBe('no functions are deployed\n');
  });

  test('one function; its context is that of the manifest in the folder', async () => {
    const { code, stdout } = await faas(['describe', 'customer-totals']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Function: +shop\.customer-totals\n/);
    expect(stdout).toMatch(/^Revisions\nREVISION +BUNDLE +CREATED +LIVE\nr1-/m);
  });

  test('the revision before the live one is marked, in describe as in revisions', async () => {
    for (const command of ['describe', 'revisions']) {
      const { stdout } = await faas([command, 'tax']);
      expect(stdout).toMatch(/^r2-[^\n]* live\nr1-[^\n]* before$|^r1-[^\n]* before\nr2-[^\n]* live$/m);
    }
  });

  test('an unknown function: what the server says, exit code 1', async () => {
    const { code, stdout, stderr } = await faas(['describe', 'shop.nobody']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('(FAAS_FUNCTION_UNKNOWN)');
  });
});

describe('invoke', () => {
  test.each([
    ['argument', ['{"total": 1}'], undefined, { total: 1 }],
    ['file', ['@order.json'], undefined, { total: 2 }],
    ['standard input', ['-'], '[3]', [3]],
    ['piped', [], '"four"', 'four'],
    ['nothing', [], '', null],
  ])('data from %s', async (_, words, stdin, data) => {
    await writeFile(join(project, 'order.json'), '{"total": 2}');
    admin.world.answer = { kind: 'ok', answer: Buffer.from('{"sum":5}'), repeated: false };
    const { code, stdout } = await faas(
      ['invoke', 'shop.tax', ...words, '--key', 'alice', '--timeout', '2s'],
      stdin === undefined ? {} : { stdin },
    );
    expect([code, stdout]).toEqual([0, '{\n  "sum": 5\n}\n']);
    const call = admin.world.calls.at(-1);
    expect([call?.unit, call?.key, JSON.parse(Buffer.from(call?.data ?? []).toString()), call?.timeoutMs]).toEqual([
      'shop.tax',
      'alice',
      data,
      2_000,
    ]);
  });

  test('a handler that fails: exit code 1, its error, nothing on stdout', async () => {
    admin.world.answer = {
      kind: 'failed',
      reason: 'error',
      error: { code: 'BOOM', name: 'Error', message: 'no \u001b[31mluck', stack: undefined },
    };
    const { code, stdout, stderr } = await faas(['invoke', 'tax', '1']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toBe(
      'error: the handler failed: Error [BOOM]: no \\x1b[31mluck (FAAS_CALL_FAILED)\nhint: `faas logs` has what it printed.\n',
    );
  });

  test.each([
    ['an error', 'error', 'FAAS_HANDLER_ERROR', 'Error', 'cyc', 'the handler failed: Error: cyc (FAAS_CALL_FAILED)\n'],
    ['of two lines', 'error', 'FAAS_HANDLER_ERROR', 'Error', 'a\nb', 'the handler failed: Error: a (FAAS_CALL_FAILED)\n  b\n'],
    [
      'for another reason',
      'timeout',
      'FAAS_TIMEOUT',
      'FaasError',
      'took 5s',
      'the handler failed (timeout): FaasError [FAAS_TIMEOUT]: took 5s (FAAS_CALL_FAILED)\n',
    ],
  ] as const)('what the handler threw is told: %s', async (_, reason, code, name, message, told) => {
    admin.world.answer = { kind: 'failed', reason, error: { code, name, message, stack: undefined } };
    expect((await faas(['invoke', 'tax', '1'])).stderr).toContain(`error: ${told}hint: `);
  });

  test('-o json has the whole problem of a handler that fails', async () => {
    const error = { code: 'FAAS_HANDLER_ERROR', name: 'Error', message: 'cyc' };
    admin.world.answer = { kind: 'failed', reason: 'error', error: { ...error, stack: undefined } };
    const { code, stdout, stderr } = await faas(['invoke', 'tax', '1', '-o', 'json']);
    expect([code, JSON.parse(stdout)]).toMatchObject([1, { code: 'FAAS_CALL_FAILED', reason: 'error', error }]);
    expect(stderr).toContain('(FAAS_CALL_FAILED)');
  });

  test('nothing returned', async () => {
    admin.world.answer = { kind: 'ok', answer: undefined, repeated: false };
    expect(await faas(['invoke', 'tax', '1'])).toEqual({ code: 0, stdout: '', stderr: 'the function returned nothing\n' });
    expect((await faas(['invoke', 'tax', '1', '-o', 'json'])).stdout).toBe('null\n');
  });
});

describe('emit', () => {
  test('one event', async () => {
    const { code, stdout } = await faas([
      'emit',
      'orders',
      '{"total": 1}',
      '--key',
      'alice',
      '--id',
      'e1',
      '--header',
      'a=b=c',
      '-o',
      'json',
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ topic: 'orders', id: 'e1' });
  });

  test('one that breaks the schema of its stream', async () => {
    const { code, stderr } = await faas(['emit', 'orders', '{"total": "x"}']);
    expect(code).toBe(1);
    expect(stderr).toContain('(FAAS_EVENT_SCHEMA)');
  });

  const lines = [
    '{"key": "a", "data": {"total": 1}}',
    '',
    '{broken',
    '{"key": "a", "data": {"total": "bad"}}',
    '{"key": 5, "data": {"total": 1}}',
    '{"total": 1}',
    '{"key": null, "data": {"total": 2}, "headers": {"a": "b"}}',
  ].join('\n');

  test('NDJSON from standard input: bad lines are named, the good ones sent, exit code 1', async () => {
    const { code, stdout, stderr } = await faas(['emit', 'orders', '--file', '-', '-o', 'json'], { stdin: lines });
    expect([code, JSON.parse(stdout)]).toEqual([1, { stream: 'shop.orders', sent: 2, bad: 4, stopped: false }]);
    expect(stderr).toMatch(/^bad: standard input:3 not JSON/m);
    expect(stderr).toMatch(/^bad: standard input:4 .*total/m);
    expect(stderr).toContain('bad: standard input:5 "key" is neither a string nor null\n');
    expect(stderr).toContain('bad: standard input:6 unknown member "total"; payloads as they are need --key-from\n');
  });

  test('--strict with a file sends nothing', async () => {
    await writeFile(join(project, 'lines.ndjson'), lines);
    const before = JSON.parse((await faas(['list', 'streams', '-o', 'json'])).stdout).streams[0].retainedEvents;
    const { code, stderr } = await faas(['emit', 'orders', '--file', 'lines.ndjson', '--strict']);
    expect(code).toBe(1);
    expect(stderr).toContain('bad: lines.ndjson:3 ');
    expect(stderr).toContain('nothing was sent');
    expect(JSON.parse((await faas(['list', 'streams', '-o', 'json'])).stdout).streams[0].retainedEvents).toBe(before);
  });

  test('payloads as they are, with the key by a JSON pointer, thousands of them in order', async () => {
    const many = Array.from({ length: 2_500 }, (_, i) => JSON.stringify({ total: i, customer: { 'na/me': 'k' } })).join('\n');
    const { code, stdout } = await faas(['emit', 'orders', '--file', '-', '--key-from', '/customer/na~1me', '-o', 'json'], { stdin: many });
    expect([code, JSON.parse(stdout).sent]).toEqual([0, 2_500]);
  });

  test('an event that the server cannot even read is found among its neighbours', async () => {
    const nested = `{"data": {"total": 1, "deep": ${'['.repeat(400)}${']'.repeat(400)}}}`;
    const good = '{"data": {"total": 1}}';
    const { stdout, stderr } = await faas(['emit', 'orders', '--file', '-', '-o', 'json'], {
      stdin: [good, good, nested, good].join('\n'),
    });
    expect(JSON.parse(stdout)).toMatchObject({ sent: 3, bad: 1 });
    expect(stderr).toMatch(/^bad: standard input:3 .*nested/m);
  });

  test('--strict on standard input stops at the first bad line, also at one that breaks the schema', async () => {
    const stdin = ['{"data": {"total": 1}}', '{"data": {"total": "x"}}', '{"data": {"total": "y"}}', '{"data": {"total": 1}}'].join('\n');
    const { code, stdout, stderr } = await faas(['emit', 'orders', '--file', '-', '--strict', '-o', 'json'], { stdin });
    expect([code, JSON.parse(stdout)]).toEqual([1, { stream: 'shop.orders', sent: 1, bad: 1, stopped: true }]);
    expect(stderr.match(/^bad: .*$/gm)).toEqual([expect.stringMatching(/^bad: standard input:2 /)]);
  });

  test('a file that is not there', async () => {
    const { code, stderr } = await faas(['emit', 'orders', '--file', 'gone.ndjson']);
    expect(code).toBe(1);
    expect(stderr).toContain('error: cannot read gone.ndjson');
  });
});

describe('state', () => {
  beforeAll(async () => {
    await admin.json('POST', '/v1/streams/shop/orders/events', { events: [{ key: 'x', data: { total: 1 } }] });
  });

  test('a key without state: exit code 1', async () => {
    const { code, stderr } = await faas(['state', 'get', 'customer-totals', 'nobody']);
    expect(code).toBe(1);
    expect(stderr).toContain('(FAAS_STATE_UNKNOWN)');
  });

  test('none at all', async () => {
    expect((await faas(['state', 'list', 'customer-totals'])).stdout).toBe('no state\n');
  });
});

describe('secrets', () => {
  test('list names them, never values; check fails while one is missing', async () => {
    expect((await faas(['secret', 'list'])).stdout).toMatch(
      /^SECRET +FOUND IN +VALUES +USED BY\nstripe-key +missing +0 +shop\.customer-totals\n$/,
    );
    const missing = await faas(['secret', 'check']);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain(
      'error: the server has no value for stripe-key (FAAS_SECRET_MISSING)\nhint: Set FAAS_SECRET_STRIPE_KEY',
    );
    admin.world.secretsEnv.FAAS_SECRET_STRIPE_KEY = 'whsec';
    expect((await faas(['secret', 'check', 'stripe-key'])).code).toBe(0);
    expect((await faas(['secret', 'check', 'other'])).code).toBe(1);
  });
});

describe('dead letters, lag, config, version', () => {
  test('none yet', async () => {
    expect((await faas(['dlq', 'list', 'tax'])).stdout).toBe('no dead letters\n');
    expect((await faas(['dlq', 'show', 'tax', '0-1'])).stderr).toContain('(FAAS_DEAD_LETTER_UNKNOWN)');
    expect((await faas(['dlq', 'replay', 'tax', '0-1'])).stdout).toMatch(/Missing: +0-1\n$/);
  });

  test('lag of a function that does not exist', async () => {
    const { code, stdout, stderr } = await faas(['lag', 'taxx']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toBe('error: there is no function shop.taxx (FAAS_FUNCTION_UNKNOWN)\nhint: Did you mean "shop.tax"?\n');
  });

  test('lag of all and of one', async () => {
    expect((await faas(['lag'])).stdout).toMatch(/^FUNCTION +BACKLOG +.*FIGURES\nshop\.customer-totals +\d+ +(\? +){7}not scaled here\n/);
    expect((await faas(['lag', 'customer-totals'])).stdout).toMatch(/\n\nTOPIC +PARTITION +START +DONE +END +BACKLOG +AGE +ARRIVALS\n/);
  });

  test('config of the server', async () => {
    expect((await faas(['config'])).stdout).toMatch(/^admin\.port +0 +flag +FAAS_ADMIN_PORT$/m);
  });

  test('version of both', async () => {
    expect(JSON.parse((await faas(['version', '-o', 'json'])).stdout).server.version).toBe('1.2.3');
  });
});

describe('logs', () => {
  const write = (message: string, level = 'info') =>
    admin.history.write({ kind: 'log', atMs: Date.now(), unit: 'shop.tax', data: { level, message } });

  test('the last lines of a level and above; hostile text cannot reach the terminal', async () => {
    write('one');
    write('two \u001b]0;owned\u0007', 'warn');
    await admin.history.flush();
    const { code, stdout } = await faas(['logs', 'tax', '--level', 'warn']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^[\d:.]+ {2}WARN {3}shop\.tax {2}two \\x1b\]0;owned\\x07\n$/);
  });

  test.each([[[]], [['-f']], [['--tail', '0', '-f']]])('a function that never was: %j', async flags => {
    const { code, stdout, stderr } = await faas(['logs', 'taxx', ...flags]);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toBe('error: there is no function shop.taxx (FAAS_FUNCTION_UNKNOWN)\nhint: Did you mean "shop.tax"?\n');
  });

  test('-f goes on with new lines, and Ctrl-C ends it with 130', async () => {
    const child = startCli(['logs', '-f', '--tail', '1'], { cwd: project, env: { FAAS_SERVER: admin.url, FAAS_DATA: admin.folder } });
    const stdout = collect(child.stdout);
    await stdout.until(/two/);
    write('three');
    await stdout.until(/three/);
    expect(stdout.text()).not.toContain('one');
    child.kill('SIGINT');
    expect(await new Promise(resolve => child.once('close', resolve))).toBe(130);
  });

  test('one that was deleted, and one that has said nothing', async () => {
    admin.history.write({ kind: 'log', atMs: Date.now() - 60_000, unit: 'shop.gone', data: { level: 'info', message: 'last words' } });
    await admin.history.flush();
    expect((await faas(['logs', 'gone'])).stdout).toMatch(/last words\n$/);
    expect(await faas(['logs', 'gone', '--since', '1s'])).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await faas(['logs', 'customer-totals'])).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test('a reader that has seen enough is no failure', async () => {
    for (let i = 0; i < 2_000; i += 1) write(`line ${i} ${'x'.repeat(100)}`);
    await admin.history.flush();
    const child = startCli(['logs', '--tail', '2000'], { cwd: project, env: { FAAS_SERVER: admin.url, FAAS_DATA: admin.folder } });
    const stderr = collect(child.stderr);
    child.stdout?.once('data', () => child.stdout?.destroy());
    expect([await new Promise(resolve => child.once('close', resolve)), stderr.text()]).toEqual([0, '']);
  });
});

describe('the token', () => {
  test('a wrong one is told from a missing server', async () => {
    const { code, stderr } = await faas(['list'], { env: { FAAS_TOKEN: 'wrong' } });
    expect(code).toBe(1);
    expect(stderr).toContain('does not accept the token');
    expect(stderr).not.toContain('wrong');
  });

  test('what answers is no faas server', async () => {
    const { createServer } = await import('node:http');
    const other = createServer((_, response) => response.end('<html>')).listen(0, '127.0.0.1');
    await new Promise(resolve => other.once('listening', resolve));
    const address = other.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const { code, stderr } = await faas(['list', '--server', `http://127.0.0.1:${port}`]);
    other.close();
    expect(code).toBe(1);
    expect(stderr).toContain('(FAAS_NOT_A_SERVER)');
  });
});

describe('rollback and delete', () => {
  test('rollback makes the revision before live again', async () => {
    const { code, stdout } = await faas(['rollback', 'tax']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/shop\.tax +r1-[0-9a-f]{8} +updated/);
  });

  test('delete asks; where nobody can answer it needs --yes', async () => {
    expect(await faas(['delete', 'shop.tax'])).toMatchObject({ code: 2, stderr: expect.stringContaining('Add --yes') });
    const { code, stdout, stderr } = await faas(['delete', 'shop', '--yes']);
    expect([code, stdout]).toEqual([0, 'deleted shop.customer-totals\ndeleted shop.tax\n']);
    expect(stderr).toContain('are kept');
    expect((await faas(['list'])).stdout).toBe('no functions are deployed\n');
  });
});
