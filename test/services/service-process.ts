import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A real server that a test started, in a temporary folder of its own. */
export interface ServiceProcess {
  readonly folder: string;
  /** Of the server itself: for SIGKILL, SIGSTOP, SIGCONT. */
  readonly pid: number;
  /** The end of what it wrote. */
  log(): string;
  /** Sends a signal; resolves when it has ended, for those that end it. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again with the same arguments on the same folder. */
  restart(): Promise<void>;
  /** Ends it and removes its folder, or keeps that for whoever wants to know why. */
  stop(keep?: boolean): Promise<void>;
}

export interface ServiceCommand {
  readonly name: string;
  readonly command: string;
  /** Given the folder that was made for it. */
  args(folder: string): readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it answers; asked until it does. */
  ready(): Promise<boolean>;
  readonly readyWithinMs?: number;
}

/**
 * The server is the child of a shell that reads its input: when this process ends in whatever way, the input ends, and the shell kills the
 * server. Nothing is left running by a test that was killed.
 */
const guard = `exec 3<&0; "$@" </dev/null & child=$!; echo $child >pid.tmp; mv pid.tmp pid
(cat <&3 >/dev/null; kill -9 $child 2>/dev/null) & reader=$!
wait $child; code=$?; kill $reader 2>/dev/null; exit $code`;

export async function startService(what: ServiceCommand): Promise<ServiceProcess> {
  const folder = mkdtempSync(join(tmpdir(), `faas-${what.name}-`));
  const logFile = join(folder, 'output.log');
  const log = () => readFileSync(logFile, 'utf8').slice(-8_000);
  let shell: ChildProcess | undefined;
  let ended: Promise<void> = Promise.resolve();
  let pid = -1;

  const start = async () => {
    rmSync(join(folder, 'pid'), { force: true });
    const output = openSync(logFile, 'a');
    const child = spawn('sh', ['-c', guard, what.name, what.command, ...what.args(folder)], {
      cwd: folder,
      stdio: ['pipe', output, output],
      env: { ...process.env, ...what.env },
    });
    closeSync(output);
    child.stdin?.on('error', () => {});
    shell = child;
    ended = new Promise(resolve => child.once('exit', () => resolve()));
    try {
      // The server may answer before its shell has written the number of its process.
      await untilReady({ ...what, ready: async () => existsSync(join(folder, 'pid')) && (await what.ready()) }, child);
    } catch (error) {
      await end();
      throw new Error(`${String(error)}\n${log()}`);
    }
    pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
  };
  /** Closing its input makes the shell kill the server. */
  const end = async () => {
    shell?.stdin?.end();
    await ended;
  };

  await start().catch(error => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    throw error;
  });
  return {
    folder,
    get pid() {
      return pid;
    },
    log,
    async kill(signal = 'SIGKILL') {
      process.kill(pid, signal);
      if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await ended;
    },
    restart: start,
    async stop(keep = false) {
      await end();
      if (keep) process.stdout.write(`${what.name}: its folder is kept: ${folder}\n`);
      else rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function untilReady({ name, ready, readyWithinMs = 30_000 }: ServiceCommand, child: ChildProcess): Promise<void> {
  const deadlineMs = performance.now() + readyWithinMs;
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${name} ended before it was ready`);
    if (await ready()) return;
    if (performance.now() > deadlineMs) throw new Error(`${name} was not ready within ${readyWithinMs / 1_000} s`);
    await sleep(10);
  }
}

/**
 * Free at this moment, and below those that the system gives to outgoing connections, so that it stays free until a server takes it. A node of a Redis
 * cluster takes the port 10 000 above as well.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 11_000 + Math.floor(Math.random() * 10_000);
    if ((await canListen(port)) && (await canListen(port + 10_000))) return port;
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
