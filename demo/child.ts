import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { youngSpaceFlag } from '../cli/young-space.ts';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const cli = path('../cli/main.js');
const sender = path('./send.js');
const endWithParent = new URL('./end-with-parent.js', import.meta.url).href;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Child {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
}

/**
 * Starts a child that ends with this process, however that ends. In a process group of its own: a Ctrl-C in the terminal reaches this process alone,
 * which passes it on once.
 */
function start(args: readonly string[], env: NodeJS.ProcessEnv, onLine: (line: string) => void): Child {
  const child = spawn(process.execPath, ['--import', endWithParent, ...args], {
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let killed = false;
  child.once('exit', (_, signal) => {
    killed = signal !== null;
  });
  // What a killed server's own children say in their last moment explains nothing.
  const show = (line: string) => {
    if (!killed) onLine(line);
  };
  for (const stream of [child.stdout, child.stderr]) if (stream !== null) createInterface({ input: stream }).on('line', show);
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  return { process: child, ended };
}

export function startCli(args: readonly string[], env: NodeJS.ProcessEnv, onLine: (line: string) => void): Child {
  return start([youngSpaceFlag, cli, ...args], env, onLine);
}

export function startSender(args: readonly string[], env: NodeJS.ProcessEnv, onLine: (line: string) => void): Child {
  return start([sender, ...args], env, onLine);
}
