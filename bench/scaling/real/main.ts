import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { readMachine } from '../../machine.ts';
import { cliFile, rootFolder, scratchFolder } from '../../paths.ts';
import { printMachine } from '../../table.ts';
import { compare, type Row, sloShare } from '../compare.ts';
import { readTraces, type TraceSet, type TraceSpec } from '../trace.ts';
import { type MeasuredPod, measurePod } from './pod.ts';
import { type RealRun, runReal } from './run.ts';
import type { RealResult } from './watch.ts';

const usage = `npm run bench:scaling -- --real [--trace <name>]… [--scaler <name>]… [--json]
traces: step, ramp, bursts; scalers: faas, tuned, rule, keda, flink`;

/** The threshold that is tuned in hindsight is tuned by the simulation, and real pods are never quite those of a model. */
const tunedFor = 0.9;

interface Measured {
  readonly trace: TraceSpec;
  readonly run: RealRun;
  /** With what the simulation says of the same load and such pods. */
  readonly rows: readonly Row[];
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      real: { type: 'boolean' },
      trace: { type: 'string', multiple: true },
      scaler: { type: 'string', multiple: true },
      json: { type: 'boolean', default: false },
    },
  });
  const set = readTraces(pathToFileURL(join(rootFolder, 'bench/scaling/real/traces.json')));
  const traces = set.traces.filter(({ name }) => values.trace?.includes(name) ?? true);
  const [first] = traces;
  if (first === undefined) return refuse(usage);
  if (!existsSync(cliFile)) return refuse('the bench measures what is built: npm run build');
  const machine = await readMachine();
  process.stderr.write(`${printMachine(machine)}\n`);
  const pod = await measurePod(set, first);
  process.stderr.write(`${printPod(pod)}\n`);
  const measured: Measured[] = [];
  for (const trace of traces) {
    const { rows } = compare(set, modelOf(trace, pod), tunedFor);
    const chosen = rows.filter(({ name }) => values.scaler?.includes(name) ?? true);
    if (chosen.length === 0) return refuse(usage);
    const one = { trace, rows: chosen, run: await runReal(set, trace, chosen) };
    measured.push(one);
    process.stderr.write(print(set, one));
  }
  process.stdout.write(
    values.json
      ? `${JSON.stringify({ machine, pod, traces: measured }, null, 2)}\n`
      : `${printMachine(machine)}\n${printPod(pod)}\n\n${printTable(measured)}`,
  );
  const ours = measured.flatMap(({ run }) => run.results.filter(({ name }) => name === 'faas'));
  return ours.every(({ withinMaxAge }) => withinMaxAge >= sloShare) ? 0 : 1;
}

function refuse(message: string): number {
  process.stderr.write(`${message}\n`);
  return 2;
}

/** The trace with such pods as were measured: thresholds are tuned with them. */
function modelOf(trace: TraceSpec, { rate, startMs }: MeasuredPod): TraceSpec {
  return { ...trace, serviceMs: (trace.concurrency * 1_000) / rate, startMs };
}

function printPod({ rate, startMs }: MeasuredPod): string {
  return `one pod finishes ${rate.toFixed(2)} events per second and works ${startMs.toFixed(0)} ms after it is wished for`;
}

/** What happened, to be looked into; the table is the result. */
function print({ max }: TraceSet, { trace, run }: Measured): string {
  const { busy, lateMs, events } = run;
  const head = `## ${trace.name}: ${trace.says}; ${events} events, at most ${max} pods each; machine ${percent(busy.mean)} busy, ${percent(busy.most)} in the busiest 10 s; sender late by ${lateMs.toFixed(0)} ms at most`;
  return `${head}\n${run.results.map(printSteps).join('')}\n`;
}

function printSteps({ name, actions, waitingAtEnd, slowestStartMs }: RealResult): string {
  const steps = actions.map(
    ({ atMs, from, to, because }) => `${(atMs / 1_000).toFixed(0)} s ${from} → ${to}${name === 'faas' ? ` (${because})` : ''}`,
  );
  return `${name}: slowest start ${(slowestStartMs / 1_000).toFixed(1)} s, ${waitingAtEnd} waiting at the end; ${steps.join(', ')}\n`;
}

function printTable(measured: readonly Measured[]): string {
  const head =
    '| trace | scaler | within maxAge | p99 age | pod minutes | actions | simulated |\n| --- | --- | --- | --- | --- | --- | --- |\n';
  return `${head}${measured.flatMap(linesOf).join('')}`;
}

function linesOf({ trace, run, rows }: Measured): readonly string[] {
  return rows.flatMap(({ name, scaler, result: simulated }) => {
    const real = run.results.find(one => one.name === name);
    if (real === undefined) return [];
    const age = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
    const share = (within: number) => `${(within * 100).toFixed(3)} %`;
    const model = [share(simulated.withinMaxAge), age(simulated.p99AgeMs), (simulated.podHours * 60).toFixed(1), simulated.actions.length];
    const cells = [trace.name, scaler, share(real.withinMaxAge), age(real.p99AgeMs), real.podMinutes.toFixed(1), real.actions.length];
    return [`| ${[...cells, model.join(', ')].join(' | ')} |\n`];
  });
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

process.exitCode = await main().finally(() => rmSync(scratchFolder, { recursive: true, force: true }));
