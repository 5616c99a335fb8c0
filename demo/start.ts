import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { shellWord } from '../cli/shell-word.ts';
import { type Child, startCli, startSender } from './child.ts';
import { prepare, readLedger, readServer, removeData, secretsFolder } from './data-folder.ts';
import { deliveriesPerRound } from './deliveries.ts';
import { disagreements, type Figures, readFigures } from './figures.ts';
import { type Options, readOptions, usage } from './options.ts';
import { Screen } from './screen.ts';
import type { SenderReport } from './send.ts';

/**
 * `npm start`: a server, the example deployed on it, and a sender of recorded webhooks, each a process of its own that may be killed at any time:
 * whichever ends without having been told to is started again, and the counts stay exact. `--once` sends so many rounds, waits until all of it is
 * handled, and prints one line of JSON.
 */
const manifest = fileURLToPath(new URL('../../functions-examples/github-activity/faas.yaml', import.meta.url));
const restartMs = 500;
const failuresMax = 3;
const failureForgottenMs = 60_000;
const readyMs = 30_000;
const drainMs = 120_000;
const settleMs = 15_000;
const pollMs = 100;
const lookMs = 500;

const screen = new Screen();
const children = new Set<Child>();
const stopping = new AbortController();
let figures: Figures | undefined;
let looks = 0;
let report: SenderReport = { sent: 0, accepted: 0, duplicates: 0, retries: 0, ratePerSecond: 0, done: false };

process.on('SIGINT', interrupt);
process.on('SIGTERM', interrupt);
// Whatever ends this process, nothing it started goes on.
process.on('exit', () => {
  for (const child of children) child.process.kill('SIGKILL');
});

process.exitCode = await main();

async function main(): Promise<number> {
  const read = readOptions(process.argv.slice(2), process.env.FAAS_DATA ?? './.faas');
  if (read.kind === 'refused') {
    process.stderr.write(`error: ${read.reason}\n\n${usage}\n`);
    return 2;
  }
  const { options } = read;
  if (options.fresh && (await startFresh(options.folder)) === 'refused') return 2;
  await prepare(options.folder);
  try {
    return options.once ? await runOnce(options) : await runLive(options);
  } catch (error) {
    screen.line(error instanceof Error ? error.message : String(error));
    return 1;
  } finally {
    screen.end();
    await stopChildren();
  }
}

async function startFresh(folder: string): Promise<'ok' | 'refused'> {
  const server = await readServer(folder);
  if (server !== undefined && isAlive(server.pid)) {
    screen.line(`a server (process ${server.pid}) runs on ${folder}: stop it first, or choose another folder with --data`);
    return 'refused';
  }
  const removal = await removeData(folder);
  switch (removal.kind) {
    case 'removed':
      return 'ok';
    case 'foreign':
      screen.line(
        `${removal.entry} is not of a data folder, so nothing is removed: move it elsewhere, or choose another folder with --data`,
      );
      return 'refused';
    case 'unknown':
      screen.line(`nothing shows that ${folder} is a data folder, so it is not removed: choose another one with --data`);
      return 'refused';
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function runOnce(options: Options): Promise<number> {
  const { folder, repeat } = options;
  const startedAt = performance.now();
  // Several of these may run side by side, so the ports are free ones.
  const env = environment(options, {
    FAAS_ADMIN_PORT: process.env.FAAS_ADMIN_PORT ?? '0',
    FAAS_GATEWAY_PORT: process.env.FAAS_GATEWAY_PORT ?? '0',
  });
  const server = keepRunning('server', () => startCli(['up'], { ...env, FAAS_LOG_LEVEL: process.env.FAAS_LOG_LEVEL ?? 'error' }, showLine));
  await orFailure(deployed(env, folder), server);
  const before = await readLedger(folder);
  const sender = keepRunning('sender', () => watchedSender(['--rounds', String(repeat)], options, env));
  const watching = watchFigures(folder);
  await orFailure(sender, server);
  const last = await orFailure(settled(folder), server);
  if (stopping.signal.aborted) return 130;
  const wrong = last === undefined ? ['the server does not answer'] : [...disagreements(last, await readLedger(folder))];
  const { sent, accepted, duplicates } = report;
  if (sent !== repeat * deliveriesPerRound || accepted + duplicates !== sent)
    wrong.push(`sent ${sent}, accepted ${accepted}, duplicates ${duplicates}`);
  stopping.abort();
  await watching;
  screen.end();
  for (const line of wrong) screen.line(`not as it should be: ${line}`);
  if (wrong.length === 0 && accepted === 0)
    screen.line('nothing is new: every delivery was known from an earlier run, and nothing was handled twice');
  else if (before.begun > 0) screen.line(`${accepted} deliveries were new, ${duplicates} were known`);
  const { handled = 0, stateRows = 0, emits = 0, deadLetters = 0 } = last ?? {};
  const seconds = Math.round((performance.now() - startedAt) / 10) / 100;
  process.stdout.write(
    `${JSON.stringify({ sent, accepted, duplicates, handled, stateRows, emits, deadLetters, seconds, ok: wrong.length === 0 })}\n`,
  );
  return wrong.length === 0 ? 0 : 1;
}

async function runLive(options: Options): Promise<number> {
  const { folder } = options;
  const env = environment(options, {});
  const server = keepRunning('server', () => startCli(['dev', '--file', manifest], env, showLine));
  await orFailure(deployed(undefined, folder), server);
  await welcome(folder);
  const sender = keepRunning('sender', () => watchedSender(['--live'], options, env));
  await Promise.race([server, sender, watchFigures(folder)]);
  return stopping.signal.aborted ? 0 : 1;
}

function environment({ folder }: Options, more: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...process.env, FAAS_DATA: folder, FAAS_SECRETS_DIR: secretsFolder(folder), ...more };
}

function watchedSender(args: readonly string[], { folder, rate }: Options, env: NodeJS.ProcessEnv): Child {
  const child = startSender(['--data', folder, '--rate', String(rate), ...args], env, showLine);
  child.process.on('message', message => {
    report = message as SenderReport;
  });
  return child;
}

/**
 * Starts it again whenever it ends without having been told to: at once after a signal, and a few times when it gives up by itself, because what it
 * met may pass (the lock of a server that was killed a moment ago). Resolves when it ends in good order.
 */
async function keepRunning(name: string, startChild: () => Child): Promise<void> {
  for (let failures = 0; ; ) {
    const startedAt = performance.now();
    const child = startChild();
    children.add(child);
    const { code, signal } = await child.ended;
    children.delete(child);
    if (stopping.signal.aborted || code === 0) return;
    failures = signal !== null || performance.now() - startedAt > failureForgottenMs ? 0 : failures + 1;
    if (failures >= failuresMax) throw new Error(`the ${name} ended with the exit code ${code}, ${failures} times in a row`);
    screen.line(
      signal === null
        ? `the ${name} ended with the exit code ${code}; starting it again`
        : `the ${name} was killed (${signal}); starting it again`,
    );
    await sleep(restartMs);
  }
}

/** The work, unless the other one fails first. */
async function orFailure<Result>(work: Promise<Result>, other: Promise<void>): Promise<Result> {
  const failed = other.then(() => {
    if (stopping.signal.aborted) throw new Error('stopped');
    return new Promise<never>(() => {});
  });
  return Promise.race([work, failed]);
}

/** With an environment this deploys; `faas dev` does it by itself. Resolves when the server knows all functions. */
async function deployed(env: NodeJS.ProcessEnv | undefined, folder: string): Promise<void> {
  const untilAt = performance.now() + readyMs;
  let lines: string[] = [];
  while (performance.now() < untilAt) {
    if ((await readServer(folder)) !== undefined && env !== undefined) {
      lines = [];
      const child = startCli(['deploy', '--file', manifest], env, line => lines.push(line));
      const { code } = await child.ended;
      if (code === 0) return;
    }
    if (env === undefined && (await readFigures(folder))?.backlog !== undefined) return;
    await sleep(pollMs);
  }
  throw new Error(['the example could not be deployed', ...lines].join('\n'));
}

/** The latest figures, for everybody who wants them: asking costs the server something too. */
async function watchFigures(folder: string): Promise<void> {
  while (!stopping.signal.aborted) {
    figures = await readFigures(folder);
    looks += 1;
    showStatus();
    await sleep(lookMs, undefined, { signal: stopping.signal }).catch(() => undefined);
  }
}

/** Resolves when nothing waits any more and the figures agree, or when they have not changed for too long. */
async function settled(folder: string): Promise<Figures | undefined> {
  let last: Figures | undefined;
  let changedAt = performance.now();
  for (let seen = looks; ; seen = looks) {
    while (looks === seen && !stopping.signal.aborted) await sleep(pollMs);
    if (figures !== undefined) {
      if (disagreements(figures, await readLedger(folder)).length === 0) return figures;
      if (figures.handled !== last?.handled || figures.summed !== last.summed) changedAt = performance.now();
      last = figures;
    }
    const patienceMs = last?.backlog === 0 ? settleMs : drainMs;
    if (stopping.signal.aborted || performance.now() - changedAt > patienceMs) return last;
  }
}

function showStatus(): void {
  const { sent, ratePerSecond, duplicates, retries } = report;
  const waiting = figures?.backlog === undefined ? 'server is away' : `${figures.backlog} waiting`;
  const counted =
    figures === undefined
      ? ''
      : ` │ repository-activity ${figures.handled} in ${figures.byRepository.size} · total ${figures.emits - figures.handled} · summary ${figures.summed}`;
  const extras = `${duplicates > 0 ? ` · ${duplicates} known` : ''}${retries > 0 ? ` · ${retries} retries` : ''}`;
  screen.status(`sent ${sent} at ${ratePerSecond}/s${extras}${counted} │ ${waiting}`);
}

async function welcome(folder: string): Promise<void> {
  const server = await readServer(folder);
  screen.line(`
Recorded webhooks of GitHub are on their way: signed, verified, stored, counted per repository, added up, reported every five seconds.

  webhook   ${server?.gatewayUrl}/hooks/github-activity/github
  dashboard npx faas dashboard
  metrics   curl -H "Authorization: Bearer $(cat ${shellWord(join(folder, 'token'))})" ${server?.adminUrl}/metrics
  look      npx faas list · npx faas describe github-activity.summary · npx faas state list github-activity.repository-activity
            npx faas logs -f · npx faas lag · npx faas dlq list github-activity.repository-activity
  change    functions-examples/github-activity/src/summary.ts: save it, and the next event runs the new code
  break     kill -9 ${server?.pid}: it comes back, and the counts stay exact
  stop      Ctrl-C; npm start goes on where it was, npm start -- --fresh does not
`);
}

/** What a child prints; while everything is being stopped it is of no interest. */
function showLine(line: string): void {
  if (!stopping.signal.aborted) screen.line(line);
}

function interrupt(): void {
  if (stopping.signal.aborted) process.exit(130);
  stopping.abort();
  screen.end();
  screen.line('stopping; Ctrl-C again ends it at once, and loses nothing');
  // Work that was cut short is no success; a demonstration that was watched is.
  void stopChildren().then(() => process.exit(process.argv.includes('--once') ? 130 : 0));
}

async function stopChildren(): Promise<void> {
  stopping.abort();
  const ending = [...children];
  for (const { process: child } of ending) child.kill('SIGINT');
  await Promise.all(ending.map(({ ended }) => ended));
}
