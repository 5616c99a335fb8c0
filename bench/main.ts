import { existsSync, rmSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { parseDuration } from '../controller/manifest/units.ts';
import { readMachine } from './machine.ts';
import { cliFile, scratchFolder } from './paths.ts';
import { type Measurement, type Row, type RowOptions, runRow } from './row.ts';
import { rows } from './rows.ts';
import { printMachine, printRows } from './table.ts';

const usage = `node bench/run.mjs [<row>…] [--json] [--overload <duration>] [--list]
FAAS_BENCH_PROFILE=<folder> writes CPU profiles of the server there.
rows: ${rows.map(row => row.name).join(', ')}`;

async function main(): Promise<number> {
  const { values, positionals: names } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      overload: { type: 'string', default: '20s' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const overloadMs = parseDuration(values.overload);
  const unknown = names.filter(name => !rows.some(row => row.name === name));
  if (unknown.length > 0) process.stderr.write(`there is no row ${unknown.join(', ')}\n`);
  const chosen = names.length === 0 ? rows : rows.filter(row => names.includes(row.name));
  if (values.help || values.list || overloadMs === undefined || unknown.length > 0) {
    process.stderr.write(`${usage}\n`);
    return values.help || values.list ? 0 : 2;
  }
  if (!existsSync(cliFile)) {
    process.stderr.write('the bench measures what is built: npm run build\n');
    return 2;
  }
  const machine = await readMachine();
  process.stderr.write(`${printMachine(machine)}\n`);
  const measured = await measureAll(chosen, { overloadMs, podsMax: podsBeside(cpus().length) });
  process.stdout.write(
    values.json ? `${JSON.stringify({ machine, rows: measured }, null, 2)}\n` : `${printMachine(machine)}\n\n${printRows(measured)}\n`,
  );
  return measured.some(row => row.outcome === 'failed') ? 1 : 0;
}

async function measureAll(chosen: readonly Row[], options: RowOptions): Promise<readonly Measurement[]> {
  const measured: Measurement[] = [];
  for (const row of chosen) {
    process.stderr.write(`${row.name} … `);
    const startedMs = performance.now();
    const results = await runRow(row, options);
    measured.push(...results);
    process.stderr.write(`${((performance.now() - startedMs) / 1000).toFixed(1)} s\n`);
    process.stderr.write(`${printRows(results)}\n`);
    for (const result of results) if ('reason' in result) process.stderr.write(`${result.reason}\n`);
  }
  return measured;
}

/** One core is the server's. */
function podsBeside(cores: number): number {
  return Math.max(1, Math.min(2, cores - 1));
}

process.exitCode = await main().finally(() => rmSync(scratchFolder, { recursive: true, force: true }));
