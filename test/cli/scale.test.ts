import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { known } from '../../controller/scale/figure.ts';
import { type Admin, see, shop, startShop, unit } from '../dashboard/world.ts';
import { runCli } from './run-cli.ts';

let admin: Admin;
let folder: string;

beforeAll(async () => {
  admin = await startShop();
  folder = await mkdtemp(join(tmpdir(), 'faas-scale-'));
  record();
});
afterAll(async () => {
  await admin.close();
  await rm(folder, { recursive: true, force: true });
});

const faas = (...words: readonly string[]) => runCli(words, { cwd: folder, env: { FAAS_SERVER: admin.url, FAAS_DATA: admin.folder } });

/** Half an hour at 60/s, ten minutes of it at 400/s. */
function record(): void {
  const inputs = admin.world.scales.get(unit);
  if (inputs === undefined) throw new Error('nothing is seen yet');
  const startMs = Date.now() - 1_800_000;
  for (let second = 0; second < 1_800; second += 10) {
    const atMs = startMs + second * 1_000;
    const observation = { ...inputs.observation, atMs, arrivalRate: known(second >= 600 && second < 1_200 ? 400 : 60) };
    const data = { what: 'scale', replicas: 2, from: 2, reason: 'steady', inputs: { ...inputs, observation } };
    admin.history.write({ kind: 'observation', atMs, unit, data });
  }
}

describe('scale explain', () => {
  test('the figures, the arithmetic line by line, the result', async () => {
    const { code, stdout } = await faas('scale', 'explain', unit);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^shop\.customer-totals: 2 pods \(steady\), 2 pods are what is needed, or near enough to it\ndecided /);
    expect(stdout).toMatch(
      /\nSeen\n {2}arrivals 100\/s now, .*\n\nArithmetic\n( {2}.*\n)+ {2}2 -> 2 pods \(steady\)\n\nWhat would change it\n {2}up: /s,
    );
  });

  test('of a time in the past; of a time before everything; of no time', async () => {
    expect((await faas('scale', 'explain', unit, '--at', '15m')).stdout).toContain('arrivals 400/s now');
    const never = await faas('scale', 'explain', unit, '--at', '20d');
    expect([never.code, never.stdout]).toEqual([1, '']);
    expect(never.stderr).toContain('(FAAS_SCALE_NO_DECISION)');
    const nonsense = await faas('scale', 'explain', unit, '--at', 'noon');
    expect([nonsense.code, nonsense.stderr]).toEqual([2, expect.stringContaining('--at: "noon" is no time')]);
  });

  test('a maxAge that cannot be reached is warned of, with what can', async () => {
    see(admin, 'shop.tax', { startMs: known(60_000) });
    expect((await faas('scale', 'explain', 'shop.tax')).stdout).toMatch(
      /\nWarnings\n {2}maxAge 30s is below the 62s .*write maxAge 62s or more/,
    );
  });

  test('an unknown function', async () => {
    const { code, stderr } = await faas('scale', 'explain', 'shop.nobody');
    expect([code, stderr]).toEqual([1, expect.stringContaining('(FAAS_FUNCTION_UNKNOWN)')]);
  });
});

describe('scale set and clear', () => {
  test('bounds hold for a time, are shown, and end', async () => {
    const set = await faas('scale', 'set', unit, '--min', '3', '--for', '2h');
    expect([set.code, set.stdout]).toEqual([
      0,
      expect.stringMatching(/^shop\.customer-totals gets 3 to 10 pods for 2h00m, until .*; then 0 to 10 as its manifest says\n$/),
    ]);
    expect((await faas('scale', 'explain', unit)).stdout).toMatch(/\nBy hand\n {2}3 to 10 pods for 1h59m; faas scale clear ends it/);
    expect(JSON.parse((await faas('scale', 'set', unit, '--replicas', '2', '-o', 'json')).stdout)).toMatchObject({ min: 2, max: 2 });
    expect((await faas('scale', 'clear', unit)).stdout).toBe('shop.customer-totals gets 0 to 10 pods, as its manifest says\n');
    expect((await faas('scale', 'explain', unit)).stdout).not.toContain('By hand');
  });

  test.each([
    [['--min', '5', '--max', '3'], 2, '--min 5 is above --max 3'],
    [['--replicas', '5', '--max', '3'], 2, '--replicas is both bounds at once'],
    [[], 2, 'no bounds are given'],
    [['--min', 'many'], 2, '--min: "many" is not a whole number'],
    [['--min', '11'], 1, 'min 11 is above max 10 (FAAS_API_REQUEST)'],
    [['--min', '1', '--for', '60d'], 1, '(FAAS_API_REQUEST)'],
  ])('%j is refused', async (words, code, message) => {
    const result = await faas('scale', 'set', unit, ...words);
    expect([result.code, result.stdout, result.stderr]).toEqual([code, '', expect.stringContaining(message)]);
  });
});

describe('scale simulate', () => {
  test('the recorded arrivals, with today’s policy and one that is not deployed yet', async () => {
    await writeFile(join(folder, 'faas.yaml'), shop.replace('    emits: [vips]\n', '    emits: [vips]\n    scale: { max: 3 }\n'));
    for (const name of ['customer-totals', 'greet-vip', 'tax']) await writeHandler(name);
    const { code, stdout, stderr } = await faas('scale', 'simulate', unit, '--policy', 'faas.yaml', '--within', '99.9', '--actions', '20');
    expect(stdout).toMatch(
      /^POLICY +MAX AGE +WITHIN +P99 AGE +POD HOURS +ACTIONS\ntoday +30s +100\.000 % +.*\nfaas\.yaml +30s +[1-8]\d\.\d{3} % /,
    );
    expect(stdout).toMatch(
      /\nArrivals: +30m00s from .*, 173\/s on average, 400\/s at most\nOne pod: +finishes 80 events per second, works 400ms after /,
    );
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^missed: faas\.yaml: [\d.]+ % within maxAge, at least 99\.9 % wanted\n$/)]);
  });

  test('bounds that are met: exit code 0; what was recorded can be kept as a file, which gives the same', async () => {
    const first = await faas(
      'scale',
      'simulate',
      unit,
      '--last',
      '1h',
      '--save',
      'day.ndjson',
      '--within',
      '99.9',
      '--tail-age',
      '30s',
      '-o',
      'json',
    );
    expect([first.code, first.stderr]).toEqual([0, '180 points written to day.ndjson\n']);
    expect((await readFile(join(folder, 'day.ndjson'), 'utf8')).split('\n')).toHaveLength(181);
    const again = JSON.parse((await faas('scale', 'simulate', unit, '--trace', 'day.ndjson', '-o', 'json')).stdout);
    expect(again.spanMs).toBe(JSON.parse(first.stdout).spanMs);
    expect(again.policies[0].within).toBeGreaterThan(99);
  });

  test.each([
    ['a file that is not there', ['--trace', 'gone.ndjson'], 1, 'cannot read gone.ndjson (FAAS_TRACE_FILE)'],
    [
      'a file with a hole',
      ['--trace', 'hole.ndjson'],
      1,
      'hole.ndjson has 1 hole: what came then is not known (FAAS_TRACE_BAD)\n  nothing from 1970',
    ],
    ['a manifest without the function', ['--policy', 'other'], 1, 'has no function "customer-totals" (FAAS_POLICY_FUNCTION)'],
    ['a manifest with min above max', ['--policy', 'wrong'], 1, 'min 5 is above max 3'],
    ['a part of more than all', ['--within', '101'], 2, '--within: 101 is more than 100 percent'],
    ['hours that are no number', ['--pod-hours', 'few'], 2, '--pod-hours: "few" is not a number'],
  ])('%s', async (_, words, code, message) => {
    const points = [0, 10_000, 20_000, 500_000].map(atMs => JSON.stringify({ atMs, arrivalRate: 1 }));
    await writeFile(join(folder, 'hole.ndjson'), points.join('\n'));
    await manifestIn('other', 'other: { handler: a.ts }');
    await manifestIn('wrong', 'customer-totals: { handler: a.ts, scale: { min: 5, max: 3 } }');
    const result = await faas('scale', 'simulate', unit, ...words);
    expect([result.code, result.stdout, result.stderr]).toEqual([code, '', expect.stringContaining(message)]);
  });

  test('a function of which nothing was recorded, or that is not there', async () => {
    expect((await faas('scale', 'simulate', 'shop.tax')).stderr).toContain(
      '0 observations of shop.tax were recorded in this time (FAAS_TRACE_NONE)',
    );
    expect((await faas('scale', 'simulate', 'shop.nobody')).stderr).toContain('(FAAS_FUNCTION_UNKNOWN)');
  });
});

describe('lag', () => {
  test('backlog, age against maxAge, rates, time to drain, and how far figures can be trusted', async () => {
    see(admin, 'shop.greet-vip', { oldestAgeMs: { state: 'stale', value: 4_000, ageMs: 20_000 } });
    see(admin, 'shop.tax', { backlogEvents: { state: 'unknown' }, oldestAgeMs: { state: 'unknown' } });
    const rows = (await faas('lag')).stdout.split('\n').map(row => row.split(/ {3,}/));
    expect(rows[0]).toEqual([
      'FUNCTION',
      'BACKLOG',
      'IN FLIGHT',
      'AGE',
      'MAX AGE',
      'ARRIVALS',
      'FINISHED',
      'DRAINED IN',
      'PODS',
      'FIGURES',
    ]);
    expect(rows[1]).toEqual(['shop.customer-totals', '20', '12', '120ms', '30s', '100/s', '98/s', '333ms', '2/2', 'known']);
    expect(rows[2]).toEqual(['shop.greet-vip', '20', '12', '4s', '30s', '100/s', '98/s', '333ms', '2/2', 'stale 20s']);
    expect(rows[3]).toEqual(['shop.tax', '?', '12', '?', '30s', '100/s', '98/s', '?', '2/2', 'unknown']);
  });
});

async function writeHandler(name: string): Promise<void> {
  await mkdir(join(folder, 'src'), { recursive: true });
  await writeFile(join(folder, 'src', `${name}.ts`), 'export default () => 1;');
}

async function manifestIn(name: string, functions: string): Promise<void> {
  await mkdir(join(folder, name), { recursive: true });
  await writeFile(join(folder, name, 'faas.yaml'), `version: 1\ncontext: shop\nfunctions:\n  ${functions}\n`);
  await writeFile(join(folder, name, 'a.ts'), 'export default () => 1;');
}

describe('tune', () => {
  test('what was measured, and nothing to change where nothing is known', async () => {
    const { code, stdout } = await faas('tune', 'shop.tax');
    expect([code, stdout]).toEqual([0, expect.stringContaining('no event was measured in this time')]);
  });

  test('figures, and a row per suggestion', async () => {
    const handled = {
      times: [
        [20, 900],
        [60, 100],
      ],
      slowestMs: 1_500,
      batches: 50,
      batchEvents: 1_000,
      largestBatch: 60,
    };
    const atMs = Date.now() - 60_000;
    admin.history.write({ kind: 'observation', atMs, unit, data: { what: 'handling', ...handled, memoryBytes: 240 * 2 ** 20 } });
    const { code, stdout } = await faas('tune', unit);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Measured: +1000 events in /);
    expect(stdout).toMatch(/An event: +half within 1\.6ms, 99 % within 1\.5s, the slowest 1\.5s/);
    expect(stdout).toMatch(/limits\.memory +256Mi +384Mi +a pod took up to 240Mi; at its limit it is ended/);
    const { answer } = await admin.json('GET', '/v1/functions/shop/customer-totals/tune');
    expect(answer).toMatchObject({ unit, measured: { events: 1_000, memoryBytes: 240 * 2 ** 20, podRate: 80, arrivalRateMost: 100 } });
  });
});
