import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseArguments } from '../../cli/arguments.ts';
import { flagsOf } from '../../cli/command-flags.ts';
import { commandTable } from '../../cli/commands/table.ts';
import { failureCodes } from '../../cli/failure-codes.ts';
import { envOf } from '../../cli/flag-spec.ts';
import { cliReference } from '../../cli/reference.ts';
import { isErrorCode } from '../../controller/error-codes.ts';
import { cliFile, runCli } from './run-cli.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'faas-cli-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the table', () => {
  test('names, short flags and variables are unique within a command', async () => {
    for (const command of commandTable) {
      const flags = await flagsOf(command);
      for (const values of [flags.map(flag => flag.name), flags.flatMap(flag => flag.short ?? []), flags.map(envOf)]) {
        expect([command.name, values]).toEqual([command.name, [...new Set(values)]]);
      }
    }
  });

  test('every flag has a FAAS_* twin', async () => {
    for (const command of commandTable) for (const flag of await flagsOf(command)) expect(envOf(flag)).toMatch(/^FAAS_[A-Z_]+$/);
  });

  test('every command has a body, a summary without a full stop, and an example that begins with it', async () => {
    for (const command of commandTable) {
      expect((await command.load()).run).toBeTypeOf('function');
      expect(command.summary).toMatch(/^[A-Z].*[^.]$/);
      expect(command.examples.some(example => example.includes(`faas ${command.name}`))).toBe(true);
    }
  });

  test('every command is in the overview', async () => {
    const { stdout } = await runCli(['--help']);
    const column = Math.max(...commandTable.map(({ name }) => name.length)) + 3;
    for (const command of commandTable) expect(stdout).toContain(`  ${command.name.padEnd(column)}${command.summary}\n`);
  });
});

describe('a flag, its variable and its default, in this order', () => {
  const list = commandTable.find(command => command.name === 'list');
  const format = async (words: readonly string[], env: Record<string, string>) => {
    if (list === undefined) throw new Error('no list');
    const args = await parseArguments(list, await flagsOf(list), words, env);
    return [args.text('output'), args.origin('output')];
  };
  test.each([
    ['nothing given', [], {}, ['table', 'default']],
    ['variable', [], { FAAS_OUTPUT: 'json' }, ['json', 'env']],
    ['empty variable', [], { FAAS_OUTPUT: '' }, ['table', 'default']],
    ['flag', ['--output', 'yaml'], { FAAS_OUTPUT: 'json' }, ['yaml', 'flag']],
    ['flag with =', ['--output=yaml'], {}, ['yaml', 'flag']],
    ['short flag', ['-o', 'yaml'], {}, ['yaml', 'flag']],
    ['joined short flag', ['-oyaml'], {}, ['yaml', 'flag']],
    ['the last one counts', ['-o', 'json', '-o', 'yaml'], {}, ['yaml', 'flag']],
  ])('%s', async (_, words, env, expected) => {
    expect(await format(words, env as Record<string, string>)).toEqual(expected);
  });
});

test.each([
  [['--server', 'notaurl'], {}, '--server: "notaurl" is not an http address', 'Write --server http://127.0.0.1:7070.'],
  [[], { FAAS_SERVER: 'notaurl' }, 'FAAS_SERVER: "notaurl" is not an http address', 'Set FAAS_SERVER=http://127.0.0.1:7070, or unset it.'],
])('an address of a server that is none is usage: %j %j', async (words, env, message, hint) => {
  const stderr = `error: ${message} (FAAS_SERVER_ADDRESS)\nhint: ${hint}\n`;
  expect(await runCli(['list', ...words], { cwd: folder, env: env as Record<string, string> })).toEqual({ code: 2, stdout: '', stderr });
});

describe('help is what these files say', () => {
  test.each([
    ['overview', ['--help']],
    ['deploy', ['deploy', '--help']],
    ['emit', ['help', 'emit']],
    ['state-get', ['state', 'get', '-h']],
  ])('%s', async (name, words) => {
    const { code, stdout, stderr } = await runCli(words);
    expect([code, stderr]).toEqual([0, '']);
    await expect(stdout).toMatchFileSnapshot(`../data/cli/help-${name}.txt`);
  });
});

describe('a command line that makes no sense: exit code 2, the reason and a way out, no stack, nothing on stdout', () => {
  test.each([
    [['deply'], 'unknown command "deply"', 'Did you mean "faas deploy"?'],
    [['xyzzy'], 'unknown command "xyzzy"', 'faas --help lists all commands.'],
    [['state'], 'faas state needs one word more', 'One of: faas state get, faas state list, faas state accept-rollback'],
    [['state', 'gte'], 'unknown command "state gte"', 'Did you mean "faas state get"?'],
    [['--verbose', 'list'], 'unknown flag --verbose', 'Flags stand after the command'],
    [['list', '--ouput', 'json'], 'unknown flag --ouput', 'Did you mean --output?'],
    [['list', '-z'], 'unknown flag -z', 'faas list --help lists its flags.'],
    [['list', '--output', 'xml'], '--output: "xml" is not one of table, json, yaml', ''],
    [['list', '--output'], '--output needs a value', 'Write --output <format>.'],
    [['list', '--quiet=yes'], '--quiet takes no value', ''],
    [['list', '--timeout', '5'], '--timeout: "5" is not a duration', ''],
    [['list', 'pods'], '"pods" is not one of functions, streams, contexts', ''],
    [['list', 'functions', 'more'], 'unexpected argument "more"', 'Usage: faas list [what]'],
    [['describe'], '<function> is missing', 'Usage: faas describe <function>'],
    [['describe', '../etc/passwd'], '"../etc/passwd" is not a name', 'Write <context>.<name>'],
    [['describe', 'lonely'], 'which context is "lonely" in?', 'Write <context>.lonely'],
    [['logs', '--tail', 'all'], '--tail: "all" is not a whole number', ''],
    [['replay', 'a.b', '--rate', '0'], '--rate: 0 is not within 1 and 100000', ''],
    [['replay', 'a.b', '--rate', '100001'], '--rate: 100001 is not within 1 and 100000', ''],
    [['invoke', 'a.b', '{broken'], 'the argument is not JSON', 'A string needs its quotes'],
    [['emit', 'a.b', '1', '--file', 'x'], 'either one event as an argument, or --file', ''],
    [['emit', 'a.b', '1', '--header', 'x'], '--header: "x" is not name=value', ''],
    [['dlq', 'show', 'a.b', 'zzz'], '"zzz" is not the id of a dead letter, which looks like 0-3', 'faas dlq list <function>'],
    [['dlq', 'replay', 'a.b', '0-1', '3'], '"3" is not the id of a dead letter, which looks like 0-3', 'faas dlq list <function>'],
    [['dlq', 'drop', 'a.b', '0-', '--yes'], '"0-" is not the id of a dead letter, which looks like 0-3', 'faas dlq list <function>'],
    [['dlq', 'replay', 'a.b'], 'name dead letters, or take --where <filter> or --all', 'faas dlq list'],
  ])('faas %j', async (words, message, hint) => {
    const { code, stdout, stderr } = await runCli(words, { cwd: folder });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`error: ${message}`);
    expect(stderr).toContain('(FAAS_USAGE)');
    expect(stderr).toContain(hint);
    expect(stderr).not.toMatch(/^ +at /m);
  });

  test('a variable with a bad value is named', async () => {
    const { code, stderr } = await runCli(['list'], { env: { FAAS_OUTPUT: 'xml' } });
    expect([code, stderr]).toEqual([2, 'error: FAAS_OUTPUT: "xml" is not one of table, json, yaml (FAAS_USAGE)\n']);
  });
});

describe('without a server', () => {
  test('the failure says how to start one', async () => {
    const { code, stdout, stderr } = await runCli(['list'], { cwd: folder });
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: `error: no server runs on the data folder ${join(folder, '.faas')} (FAAS_NO_SERVER)\nhint: Start one with: faas up. For another folder or machine: --data <folder>, --server <url>, or faas context use <name>.\n`,
    });
  });

  test('a file of a server that has ended is told from a server that never was', async () => {
    await writeFile(join(folder, 'server.json'), JSON.stringify({ pid: 1, adminUrl: 'http://127.0.0.1:1', gatewayUrl: '' }));
    await writeFile(join(folder, 'token'), 'secret-token');
    const { code, stderr } = await runCli(['list', '--data', folder]);
    expect(code).toBe(1);
    expect(stderr).toContain('error: nothing answers at http://127.0.0.1:1 (FAAS_NO_SERVER)');
    expect(stderr).toContain('hint: Start one with: faas up');
    expect(stderr).not.toContain('secret-token');
  });

  test('the token goes nowhere when the process of server.json is gone: another program may have the port', async () => {
    const { pid = 0 } = spawnSync(process.execPath, ['-e', '0']);
    let asked = 0;
    const other = createServer((_, response) => {
      asked += 1;
      response.end();
    }).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const adminUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
    await writeFile(join(folder, 'server.json'), JSON.stringify({ pid, adminUrl, gatewayUrl: '' }));
    const { code, stderr } = await runCli(['list', '--data', folder]);
    other.close();
    expect([code, asked]).toEqual([1, 0]);
    expect(stderr).toContain('error: no server runs on the data folder');
  });

  test('the data folder of faas.settings.yaml is looked into', async () => {
    await writeFile(join(folder, 'faas.settings.yaml'), 'data: ./elsewhere\n');
    const { stderr } = await runCli(['list'], { cwd: folder });
    expect(stderr).toContain(`no server runs on the data folder ${join(folder, 'elsewhere')}`);
    await rm(join(folder, 'faas.settings.yaml'));
  });

  test.each([
    ['broken', '{', 'is not JSON'],
    ['foreign', '{}', 'does not say where the server is'],
  ])('a %s server.json is named', async (_, text, message) => {
    await writeFile(join(folder, 'server.json'), text);
    const { code, stderr } = await runCli(['list', '--data', folder]);
    expect(code).toBe(1);
    expect(stderr).toContain(`${message} (FAAS_SERVER_FILE)`);
  });

  test('the version of the command is printed all the same', async () => {
    const { code, stdout } = await runCli(['version', '-o', 'json'], { cwd: folder });
    expect(code).toBe(0);
    expect(Object.keys(JSON.parse(stdout))).toEqual(['client']);
  });

  test('config shows what a server started here would have, and where it came from', async () => {
    await writeFile(join(folder, 'faas.settings.yaml'), 'gateway:\n  port: 9000\n');
    const { code, stdout } = await runCli(['config', '-o', 'json'], { cwd: folder, env: { FAAS_ADMIN_PORT: '9001' } });
    const settings = new Map(
      JSON.parse(stdout).settings.map((one: { key: string; value: unknown; origin: string }) => [one.key, [one.value, one.origin]]),
    );
    expect(code).toBe(0);
    expect([settings.get('gateway.port'), settings.get('admin.port'), settings.get('admin.host')]).toEqual([
      [9000, 'file'],
      [9001, 'env'],
      ['127.0.0.1', 'default'],
    ]);
  });
});

test('faas --help takes no more than 60 ms above bare node: CPU time, since a busy machine stretches the clock', async () => {
  const report = `process.on('exit', () => { const { user, system } = process.cpuUsage(); process.stderr.write(String((user + system) / 1000)); })`;
  const cpuMs = async (args: readonly string[]) => {
    const { stderr } = await promisify(execFile)(process.execPath, ['--import', `data:text/javascript,${report}`, ...args]);
    return Number(stderr);
  };
  let bare = Number.POSITIVE_INFINITY;
  let help = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < 7; turn += 1) {
    bare = Math.min(bare, await cpuMs(['-e', '0']));
    help = Math.min(help, await cpuMs([cliFile, '--help']));
  }
  process.stdout.write(`faas --help: ${help.toFixed(0)} ms of CPU, ${(help - bare).toFixed(0)} ms above bare node\n`);
  expect(help - bare).toBeLessThan(60);
}, 60_000);

test('every code that the command fails with is in a table, and every code of its own table is used', async () => {
  const root = fileURLToPath(new URL('../../cli/', import.meta.url));
  const files = (await readdir(root, { recursive: true })).filter(
    file => file.endsWith('.ts') && !file.startsWith('template') && file !== 'failure-codes.ts',
  );
  const sources = await Promise.all(files.map(file => readFile(join(root, file), 'utf8')));
  const used = new Set(sources.flatMap(source => [...source.matchAll(/'(FAAS_[A-Z_]+)'/g)].map(match => match[1] ?? '')));
  const variables = new Set((await Promise.all(commandTable.map(flagsOf))).flat().map(envOf));
  const known = new Set([...Object.keys(failureCodes), ...variables]);
  expect([...used].filter(code => !known.has(code) && !isErrorCode(code))).toEqual([]);
  expect(Object.keys(failureCodes).filter(code => !used.has(code))).toEqual([]);
});

test('the reference has every command, flag and variable', async () => {
  const page = await cliReference();
  for (const command of commandTable) {
    expect(page).toContain(`## faas ${command.name}\n`);
    for (const flag of await flagsOf(command)) expect(page).toContain(`\`${envOf(flag)}\``);
  }
});

describe('completion', () => {
  test.each(['bash', 'zsh', 'fish'])('%s knows every command and every flag', async shell => {
    const { code, stdout } = await runCli(['completion', shell]);
    expect(code).toBe(0);
    for (const command of commandTable) {
      for (const word of command.name.split(' ')) expect(stdout).toContain(word);
      for (const flag of await flagsOf(command)) expect(stdout).toContain(shell === 'fish' ? `-l ${flag.name}` : `--${flag.name}`);
    }
  });

  test.each([
    ['faas de', 'dev deploy describe delete'],
    ['faas state ', 'get list accept-rollback'],
    ['faas state get --o', '--output'],
    ['faas list --output ', 'table json yaml'],
    ['faas list f', 'functions'],
    ['faas completion z', 'zsh'],
  ])('bash completes "%s"', async (line, words) => {
    const script = await runCli(['completion', 'bash']);
    const typed = line
      .split(' ')
      .map(word => `'${word}'`)
      .join(' ');
    const run = `${script.stdout}\nCOMP_WORDS=(${typed}); COMP_CWORD=$((\${#COMP_WORDS[@]}-1)); _faas; echo "\${COMPREPLY[*]}"`;
    expect(execFileSync('bash', ['-c', run], { encoding: 'utf8' }).trim()).toBe(words);
  });
});
