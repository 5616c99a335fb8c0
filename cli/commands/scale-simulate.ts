import { readFile, writeFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import type { FunctionDetailAnswer } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { ObservationsAnswer } from '../../controller/api/scale-schema.ts';
import type { SettingsAnswer } from '../../controller/api/server-schema.ts';
import { perSecond, timeText } from '../../controller/scale/figure-text.ts';
import { startGuessMs } from '../../controller/scale/policy.ts';
import type { ScaledSpec } from '../../controller/scale/resolve-policy.ts';
import type { ApiClient } from '../api-client.ts';
import type { Arguments } from '../arguments.ts';
import { type ArrivalTrace, longestStretch, parseTrace, printTrace, spanOf } from '../arrival-trace.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { CommandFailure } from '../failure.ts';
import { duration, fields, number, table } from '../output.ts';
import { manifestPath, readProject } from '../project.ts';
import { type Bounds, missedBounds, type PodFacts, percentText, type Trial, tryPolicy } from '../try-policy.ts';
import { type QualifiedName, qualifiedName } from '../unit-name.ts';
import { UsageError } from '../usage-error.ts';

type Observation = ObservationsAnswer['observations'][number];

/** As long as observations are kept. */
const recordedMsMax = 86_400_000;

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const target = await qualifiedName(args.required('function'), invocation);
  const bounds = boundsOf(args);
  const candidate = await candidateOf(invocation, target);
  const file = args.text('trace');
  const given = file === undefined ? undefined : parseTrace(await readTrace(invocation, file), file);
  const client = await connect(invocation);
  const name = { context: target.context, function: target.name };
  const { spec } = await client.get<FunctionDetailAnswer>(pathTo('function', name));
  const observations = await observationsOf(client, name, args.duration('last') ?? recordedMsMax);
  const trace = given ?? recorded(invocation, target, observations);
  await save(invocation, trace);
  const pod = podOf(args, target, observations, spec.limits.concurrency);
  const replicas = given === undefined ? observations.find(one => one.atMs === trace.points[0]?.atMs)?.replicas : undefined;
  const world = { trace, pod, idleLimitMs: await idleLimitOf(client), replicas };
  const trials = [tryPolicy('today', spec, world), ...(candidate === undefined ? [] : [tryPolicy(candidate.file, candidate.spec, world)])];
  await out.result({ ...traceFacts(trace), pod, policies: trials }, () => `${tableOf(trials)}\n\n${fields(about(trace, pod))}`);
  for (const { policy, warning } of trials) if (warning !== undefined) out.warning(`warning: ${policy}: ${warning}`);
  const missed = trials.slice(-1).flatMap(trial => missedBounds(trial, bounds, duration).map(text => `missed: ${trial.policy}: ${text}`));
  for (const line of missed) out.warning(line);
  return missed.length === 0 ? 0 : 1;
}

function boundsOf(args: Arguments): Bounds {
  const [within, p99Ms, podHours, actions] = [
    decimal(args, 'within'),
    args.duration('tail-age'),
    decimal(args, 'pod-hours'),
    args.number('actions'),
  ];
  if (within !== undefined && within > 100) throw new UsageError(`--within: ${within} is more than 100 percent`);
  return {
    ...(within !== undefined && { within }),
    ...(p99Ms !== undefined && { p99Ms }),
    ...(podHours !== undefined && { podHours }),
    ...(actions !== undefined && { actions }),
  };
}

function decimal(args: Arguments, flag: string): number | undefined {
  const text = args.text(flag);
  if (text !== undefined && !/^\d{1,9}(\.\d{1,9})?$/.test(text))
    throw new UsageError(`--${flag}: "${text}" is not a number`, 'Write 99.9.');
  return text === undefined ? undefined : Number(text);
}

/** The function as another manifest has it. */
async function candidateOf(
  { args, cwd, env }: Invocation,
  target: QualifiedName,
): Promise<{ readonly file: string; readonly spec: ScaledSpec } | undefined> {
  const given = args.text('policy');
  if (given === undefined) return undefined;
  const path = manifestPath(cwd, given);
  const { spec } = await readProject(path, cwd, env);
  const found = spec.functions.find(one => one.name === target.name);
  const file = relative(cwd, path) || path;
  if (found !== undefined) return { file, spec: found };
  const names = spec.functions.map(one => one.name).join(', ');
  throw new CommandFailure('FAAS_POLICY_FUNCTION', `${file} has no function "${target.name}"`, { hint: `It has: ${names || 'none'}.` });
}

async function readTrace({ cwd }: Invocation, file: string): Promise<string> {
  try {
    return await readFile(resolve(cwd, file), 'utf8');
  } catch (cause) {
    throw new CommandFailure('FAAS_TRACE_FILE', `cannot read ${file}`, { hint: 'Check the path after --trace.', cause });
  }
}

async function save({ args, cwd, out }: Invocation, trace: ArrivalTrace): Promise<void> {
  const file = args.text('save');
  if (file === undefined) return;
  try {
    await writeFile(resolve(cwd, file), printTrace(trace));
  } catch (cause) {
    throw new CommandFailure('FAAS_TRACE_FILE', `cannot write ${file}`, { hint: 'Check the path after --save.', cause });
  }
  out.progress(`${trace.points.length} points written to ${file}`);
}

async function observationsOf(
  client: ApiClient,
  name: { readonly context: string; readonly function: string },
  lastMs: number,
): Promise<readonly Observation[]> {
  const sinceMs = Date.now() - Math.min(lastMs, recordedMsMax);
  return (await client.get<ObservationsAnswer>(pathTo('observations', name, { sinceMs, limit: 10_000 }))).observations;
}

/** What was not seen is not made up: the longest stretch without a hole is taken, and the rest is said. */
function recorded({ out }: Invocation, target: QualifiedName, observations: readonly Observation[]): ArrivalTrace {
  const points = observations.flatMap(({ atMs, arrivalRate }) => (arrivalRate === undefined ? [] : [{ atMs, arrivalRate }]));
  const found = longestStretch(points);
  if (found === undefined) {
    throw new CommandFailure('FAAS_TRACE_NONE', `${points.length} observations of ${target.full} were recorded in this time`, {
      hint: 'Ask for a longer time with --last, wait until it has run for a minute, or give arrivals with --trace.',
    });
  }
  if (found.leftMs > 0) out.warning(`warning: ${duration(found.leftMs)} are left out, before or after times in which nothing was seen`);
  return found.trace;
}

function podOf(args: Arguments, target: QualifiedName, observations: readonly Observation[], concurrency: number): PodFacts {
  const podRate = args.number('pod-rate') ?? observations.findLast(one => one.podRate !== undefined)?.podRate;
  const startMs = args.duration('start') ?? observations.findLast(one => one.startMs !== undefined)?.startMs ?? startGuessMs;
  if (podRate !== undefined && podRate > 0) return { podRate, startMs, concurrency };
  throw new CommandFailure('FAAS_TRACE_NONE', `it was not measured yet how many events a pod of ${target.full} finishes`, {
    hint: 'Let it handle some events, or say it with --pod-rate <events per second>.',
  });
}

/** What `keep: auto` means on this server. */
async function idleLimitOf(client: ApiClient): Promise<number> {
  const { settings } = await client.get<SettingsAnswer>(pathTo('settings', {}));
  return Number(settings.find(one => one.key === 'scale.idle')?.value);
}

function tableOf(trials: readonly Trial[]): string {
  return table(
    ['POLICY', 'MAX AGE', 'WITHIN', 'P99 AGE', 'POD HOURS', 'ACTIONS'],
    trials.map(one => [
      one.policy,
      duration(one.maxAgeMs),
      percentText(one.within),
      timeText(one.p99AgeMs),
      one.podHours.toFixed(2),
      String(one.actions),
    ]),
  );
}

function traceFacts(trace: ArrivalTrace) {
  const { points } = trace;
  const rates = points.map(one => one.arrivalRate);
  return {
    fromMs: points[0]?.atMs ?? 0,
    spanMs: spanOf(trace),
    meanRate: rates.reduce((sum, rate) => sum + rate, 0) / rates.length,
    mostRate: rates.reduce((most, rate) => Math.max(most, rate), 0),
  };
}

function about(trace: ArrivalTrace, { podRate, startMs }: PodFacts): readonly (readonly [string, string])[] {
  const { fromMs, spanMs, meanRate, mostRate } = traceFacts(trace);
  const rates = `${perSecond(meanRate)} on average, ${perSecond(mostRate)} at most`;
  return [
    ['Arrivals', `${duration(spanMs)} from ${new Date(fromMs).toISOString()} on, ${rates}`],
    ['One pod', `finishes ${number(podRate)} events per second, works ${timeText(startMs)} after it is wished for`],
  ];
}
