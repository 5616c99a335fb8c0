import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Checkup } from '../../controller/ports/checkup.ts';
import { startAdmin } from '../api/start-admin.ts';
import { runCli } from './run-cli.ts';

let admin: Awaited<ReturnType<typeof startAdmin>>;
let home: string;
let stores: readonly Checkup[] = [];
let seesAll = true;
const topicsAsked: string[][] = [];

beforeAll(async () => {
  admin = await startAdmin({
    examine: async topics => {
      topicsAsked.push([...topics].sort());
      return stores;
    },
    seesAll: () => seesAll,
  });
  home = await mkdtemp(join(tmpdir(), 'faas-home-'));
});
afterAll(async () => {
  await admin.close();
  await rm(home, { recursive: true, force: true });
});

const doctor = (...flags: string[]) =>
  runCli(['doctor', ...flags], { cwd: home, env: { FAAS_SERVER: admin.url, FAAS_DATA: admin.folder } });

test('a server that is well', async () => {
  stores = [{ part: 'kafka', status: 'ok', said: '3 brokers' }];
  const { code, stdout } = await doctor();
  expect(stdout).toMatch(/^STATUS +PART +FOUND\nok +command +version \S+ on Node \S+\n/);
  expect(stdout).toMatch(/^ok +kafka +3 brokers$/m);
  expect(stdout).toMatch(/^ok +server +version 1\.2\.3 on Node \S+; 0 functions$/m);
  expect(code).toBe(0);
});

test('another version of the command is a warning; secrets without a value and a store that failed are failures, each with its way out', async () => {
  expect((await admin.deploy()).status).toBe(200);
  stores = [{ part: 'redis', status: 'failed', said: 'Redis at h:1 does not answer', hint: 'Start it.' }];
  const { code, stdout } = await doctor();
  expect(stdout).toContain('the server is version 1.2.3, this command');
  expect(stdout).toMatch(/^failed +redis +Redis at h:1 does not answer\n +→ Start it\.$/m);
  expect(stdout).toMatch(
    /^failed +secrets +there is no value for stripe-key, which shop\.customer-totals needs\n +→ Set FAAS_SECRET_STRIPE_KEY/m,
  );
  expect(stdout).toMatch(/^warning +server +.*does not handle yet: shop\.customer-totals, shop\.tax$/m);
  expect(code).toBe(1);
  expect(topicsAsked.at(-1)).toEqual(['faas.shop.customer-totals.inbox', 'faas.shop.tax.inbox', 'orders', 'shop.int.vips']);
});

test('a controller that does not lead does not warn of what it cannot see', async () => {
  stores = [];
  seesAll = false;
  const { stdout } = await doctor();
  seesAll = true;
  expect(stdout).toMatch(/^ok +server +.*; 2 functions; another controller leads and knows which of them are handled$/m);
  expect(stdout).not.toContain('does not handle yet');
});

test('no server is a finding too', async () => {
  const { code, stdout } = await runCli(['doctor', '-o', 'json'], { cwd: home });
  expect(code).toBe(1);
  expect(JSON.parse(stdout).checks).toMatchObject([
    { part: 'command', status: 'ok' },
    { part: 'server', status: 'failed' },
  ]);
});
