import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { childrenOf, readAddress } from './server-process.ts';

export type Victim = 'server' | 'pod' | 'both';

export interface DemoPlan {
  readonly folder: string;
  readonly rounds: number;
  readonly ratePerSecond: number;
  /** Fractions of the time that sending takes, ascending, and whom it hits. */
  readonly kills: readonly { readonly at: number; readonly victim: Victim }[];
}

export interface DemoOutcome {
  readonly code: number | null;
  readonly figures: Readonly<Record<string, unknown>>;
  /** As `server` or `pod`, in the order of the kills that found somebody. */
  readonly killed: readonly string[];
  readonly output: string;
}

/** The figures that the demo has to print: computed from its input alone. */
export function expectedFigures(rounds: number) {
  const recorded: readonly { examples: readonly { repository?: { full_name?: string } | null }[] }[] = createRequire(import.meta.url)(
    '@octokit/webhooks-examples',
  );
  const repositories = recorded.flatMap(({ examples }) => examples.map(({ repository }) => repository?.full_name ?? '-'));
  const handled = rounds * repositories.length;
  // One state per repository, and the one of the summary; two emits for each event on its way there.
  return { sent: handled, handled, stateRows: new Set(repositories).size + 1, emits: 2 * handled, deadLetters: 0, ok: true };
}

/** `npm start -- --once` on a folder of its own, with kill -9 in the middle of it. The demo starts again what was killed; the rest is up to the server. */
export async function runDemo({ folder, rounds, ratePerSecond, kills }: DemoPlan): Promise<DemoOutcome> {
  const args = ['dist/demo/start.js', '--once', '--repeat', String(rounds), '--rate', String(ratePerSecond), '--data', folder];
  const demo = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [printed, output] = ['', ''];
  demo.stdout.on('data', (text: Buffer) => {
    printed += text.toString();
  });
  demo.stderr.on('data', (text: Buffer) => {
    output = `${output}${text.toString()}`.slice(-8_000);
  });
  const ended = new Promise<number | null>(resolve => demo.once('close', resolve));
  const over = new AbortController();
  const killing = killAtTimes(folder, kills, (expectedFigures(rounds).sent / ratePerSecond) * 1_000, over.signal);
  const code = await ended;
  over.abort();
  return { code, figures: figuresOf(printed), killed: await killing, output };
}

async function killAtTimes(folder: string, kills: DemoPlan['kills'], sendingMs: number, signal: AbortSignal): Promise<readonly string[]> {
  const killed: string[] = [];
  await firstPod(folder, signal);
  const startedAt = performance.now();
  for (const { at, victim } of kills) {
    await sleep(Math.max(0, startedAt + at * sendingMs - performance.now()), undefined, { signal }).catch(() => undefined);
    if (signal.aborted) break;
    const pid = (await readAddress(folder))?.pid;
    const pods = await childrenOf(pid);
    if (victim !== 'server') for (const pod of pods.slice(0, victim === 'pod' ? 1 : pods.length)) if (kill(pod)) killed.push('pod');
    if (victim !== 'pod' && pid !== undefined && kill(pid)) killed.push('server');
  }
  return killed;
}

/** Until the example runs: a kill before that would hit the deploy, which has tests of its own. */
async function firstPod(folder: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && (await childrenOf((await readAddress(folder))?.pid)).length < 2) {
    await sleep(50, undefined, { signal }).catch(() => undefined);
  }
}

function kill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

function figuresOf(printed: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(printed.trim().split('\n').at(-1) ?? '');
  } catch {
    return {};
  }
}
