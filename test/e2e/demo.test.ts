import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const start = fileURLToPath(new URL('../../dist/demo/start.js', import.meta.url));
const run = promisify(execFile);
const perRound = 329;
const demo = test.skipIf(!existsSync(start));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'faas-demo-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function once(...args: string[]) {
  const env = { ...process.env, FAAS_ADMIN_PORT: '0', FAAS_GATEWAY_PORT: '0' };
  const { stdout, stderr } = await run(process.execPath, [start, '--once', '--data', folder, ...args], { env });
  const lines = stdout.trimEnd().split('\n');
  return { figures: JSON.parse(lines[0] ?? '') as Record<string, unknown>, lines: lines.length, said: stderr };
}

demo(
  'the recorded webhooks are handled once each, and one line of JSON says so',
  async () => {
    const { figures, lines } = await once();
    expect(lines).toBe(1);
    expect(figures).toEqual({
      sent: perRound,
      accepted: perRound,
      duplicates: 0,
      handled: perRound,
      stateRows: 15,
      emits: 2 * perRound,
      deadLetters: 0,
      seconds: expect.any(Number),
      ok: true,
    });
  },
  120_000,
);

demo(
  'a second run on the same folder sends the same deliveries, adds nothing, and says so',
  async () => {
    const { figures, said } = await once();
    expect(figures).toMatchObject({ sent: perRound, accepted: 0, duplicates: perRound, handled: perRound, emits: 2 * perRound, ok: true });
    expect(said).toContain('nothing is new');
  },
  120_000,
);

demo('a folder of other things is not removed by --fresh, whatever they are called', async () => {
  const mine = join(folder, 'mine');
  await mkdir(join(mine, 'secrets'), { recursive: true });
  await writeFile(join(mine, 'secrets/api-key'), 'k');
  const refused = await run(process.execPath, [start, '--once', '--fresh', '--data', mine]).catch(
    (error: { code: number; stderr: string; stdout: string }) => error,
  );
  expect(refused).toMatchObject({
    code: 2,
    stdout: '',
    stderr: `${join(mine, 'secrets/api-key')} is not of a data folder, so nothing is removed: move it elsewhere, or choose another folder with --data\n`,
  });
  expect(await readdir(mine, { recursive: true })).toEqual(['secrets', 'secrets/api-key']);
});

demo('an option that makes no sense is named, before the usage', async () => {
  const refused = await run(process.execPath, [start, '--repeat', 'abc']).catch(
    (error: { code: number; stderr: string; stdout: string }) => error,
  );
  expect(refused).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(/^error: --repeat: "abc" is not a whole number from 1 on\n\nnpm start /),
  });
});
