import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { beforeAll, expect, test } from 'vitest';
import { openSqliteAdapters } from '../../controller/adapters/sqlite/sqlite-adapters.ts';
import { systemClock } from '../../controller/clock.ts';
import type { Streams } from '../../controller/ports/streams.ts';
import { systemRandom } from '../../controller/random.ts';
import { silentLog } from '../../controller/telemetry/log.ts';

const child = join(import.meta.dirname, '../../dist/test/kill-child.js');
const rounds = 6;

beforeAll(async () => {
  await build({
    entryPoints: [join(import.meta.dirname, 'kill-child.ts')],
    outfile: child,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'warning',
  });
});

test(`T1 S1 S7 after kill -9 everything acknowledged is there, and commits are whole, ${rounds} times on one folder`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'faas-kill-'));
  const appended = new Map<string, string>();
  let committed = 0;
  try {
    for (let round = 0; round < rounds; round += 1) {
      const lines = await runAndKill(folder, round, 20 + round * 300);
      for (const line of lines) {
        const [kind, partitionOrCount = '', offset, value = ''] = line.split(' ');
        if (kind === 'a') appended.set(`${partitionOrCount}.${offset}`, value);
        else committed = Number(partitionOrCount);
      }
      const { streams, state, close } = await openSqliteAdapters({ folder, clock: systemClock, random: systemRandom, log: silentLog });
      const logs = await Promise.all([0, 1, 2, 3].map(partition => readAll(streams, 'in', partition)));
      for (const [place, value] of appended) {
        const [partition = '', offset = ''] = place.split('.');
        expect(logs[Number(partition)]?.[Number(offset)]).toBe(value);
      }
      const [progress] = await state.progress('shop.totals');
      const frontier = progress?.frontier ?? 0;
      expect(frontier).toBeGreaterThanOrEqual(committed);
      const [count] = await state.read('shop.totals', ['count']);
      expect(Number(Buffer.from(count?.value ?? new Uint8Array()).toString())).toBe(frontier);
      const emits = (await Promise.all([0, 1].map(partition => readAll(streams, 'out', partition)))).flat().map(Number);
      expect(emits.toSorted((a, b) => a - b)).toEqual(Array.from({ length: frontier }, (_, i) => i));
      await close();
    }
    expect(appended.size).toBeGreaterThan(100);
    expect(committed).toBeGreaterThan(100);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 120_000);

/** Kills the child so many lines after its first one: somewhere within its work, wherever that is by then. */
function runAndKill(folder: string, round: number, afterLines: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const running = spawn(process.execPath, [child, folder, String(round)], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let problem = '';
    running.stderr.on('data', part => {
      problem += part;
    });
    running.stdout.on('data', part => {
      output += part;
      if (output.split('\n').length > afterLines) running.kill('SIGKILL');
    });
    running.on('exit', (_, signal) => (signal === 'SIGKILL' ? resolve(output.split('\n').slice(0, -1)) : reject(new Error(problem))));
  });
}

async function readAll(streams: Streams, topic: string, partition: number): Promise<string[]> {
  const values: string[] = [];
  for (let offset = 0; ; ) {
    const { records, nextOffset } = await streams.read(topic, partition, offset, { records: 1000, bytes: 1e6 });
    if (nextOffset === offset) return values;
    for (const record of records) values[record.offset] = Buffer.from(record.value ?? new Uint8Array()).toString();
    offset = nextOffset;
  }
}
