import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { scratchFolder } from './paths.ts';

export interface Child {
  readonly pid: number;
  /** What it wrote to both outputs, as far as it went to the file. */
  log(): string;
  /** SIGTERM, and SIGKILL after ten seconds. */
  stop(): Promise<void>;
  /** Rejects when the process ends before `stop`. */
  readonly ended: Promise<never>;
}

let count = 0;

export function startChild(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Child {
  count += 1;
  const logFile = join(scratchFolder, `child-${count}.log`);
  const output = openSync(logFile, 'w');
  const child = spawn(command, args, { stdio: ['ignore', output, output], env: { ...process.env, ...env } });
  closeSync(output);
  const log = () => readFileSync(logFile, 'utf8').slice(-4000);
  let stopping = false;
  const exited = new Promise<void>(resolve => child.once('exit', () => resolve()));
  const ended = exited.then(async (): Promise<never> => {
    if (!stopping) throw new Error(`${command} ${args.join(' ')} ended by itself:\n${log()}`);
    return new Promise(() => {});
  });
  ended.catch(() => {});
  return {
    pid: child.pid ?? -1,
    log,
    ended,
    async stop() {
      stopping = true;
      await end(child, exited);
    },
  };
}

async function end(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await exited;
  clearTimeout(killer);
}

/** Polls until the answer is there. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  timeoutMs = 30_000,
  everyMs = 20,
): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadlineMs) throw new Error(`${what}: not within ${timeoutMs / 1000} s`);
    await sleep(everyMs);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise(resolve => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}

/** Resident memory of a process, in MiB. Linux only. */
export function residentMib(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? Number.NaN) / 1024;
}

export function childrenOf(pid: number): readonly number[] {
  const tasks = readdirSync(`/proc/${pid}/task`);
  return tasks.flatMap(task => {
    const text = readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  });
}
