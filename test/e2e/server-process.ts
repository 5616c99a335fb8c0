import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
/** How long something may take that always comes: tests that start processes share the machine, and a busy one takes its time. */
export const patienceMs = 180_000;

export interface Address {
  readonly pid: number;
  readonly adminUrl: string;
  readonly gatewayUrl: string;
}

/** A data folder of its own, and the real server on it: started, killed and started again as often as a test likes. Ports are free ones. */
export class ServerProcess {
  readonly folder: string;
  /** Of what is deployed on it: several servers may share their brokers. */
  readonly context: string;
  #child: ChildProcess | undefined;
  #ended: Promise<string> | undefined;
  #output = '';

  private constructor(folder: string, context: string) {
    this.folder = folder;
    this.context = context;
  }

  static async create(context = 'e2e'): Promise<ServerProcess> {
    return new ServerProcess(await mkdtemp(join(tmpdir(), 'faas-e2e-')), context);
  }

  /** Resolves when it listens, or when it has ended before it could. */
  async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    const child = spawn(process.execPath, [cli, 'up'], { env: this.#environment(env), stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text: Buffer) => {
        this.#output = `${this.#output}${text.toString()}`.slice(-60_000);
      });
    }
    this.#ended = new Promise(resolve => child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`)));
    const untilMs = performance.now() + patienceMs;
    while (performance.now() < untilMs && this.isRunning && (await this.address()) === undefined) await sleep(20);
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The last it said. */
  get output(): string {
    return this.#output;
  }

  /** The signal or exit code with which it ended; undefined when it still runs after `withinMs`. */
  async ended(withinMs: number): Promise<string | undefined> {
    const waiting = new AbortController();
    const late = sleep(withinMs, undefined, { signal: waiting.signal }).catch(() => undefined);
    const how = await Promise.race([this.#ended ?? Promise.resolve('not started'), late]);
    waiting.abort();
    return how ?? undefined;
  }

  /** SIGTERM; throws when it does not end in good order. */
  async terminate(): Promise<void> {
    this.#child?.kill('SIGTERM');
    const how = await this.ended(patienceMs);
    if (how !== 'exit code 0') throw new Error(`ended with ${how}: ${this.#output}`);
  }

  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#ended;
  }

  /** SIGSTOP: it stands still, and its connections stay open. Its pods go on. */
  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Processes that the server started: its pods. */
  async pods(): Promise<readonly number[]> {
    return childrenOf(this.#child?.pid);
  }

  /** Where it listens; undefined while it does not. A server that was killed leaves its address behind, and another test's may have the port by now. */
  async address(): Promise<Address | undefined> {
    const address = await readAddress(this.folder);
    return this.isRunning && address?.pid === this.#child?.pid ? address : undefined;
  }

  /** Runs one command of the CLI against it; answers its exit code and what it printed. */
  async cli(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<{ code: number | null; output: string }> {
    const child = spawn(process.execPath, [cli, ...args], { env: this.#environment(env), stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text: Buffer) => {
        output += text.toString();
      });
    }
    const code = await new Promise<number | null>(resolve => child.once('close', resolve));
    return { code, output };
  }

  /** A GET of the admin API. Throws when it is not answered with 2xx. */
  async ask<Answer>(path: string): Promise<Answer> {
    const address = await this.address();
    if (address === undefined) throw new Error('no server');
    const headers = { authorization: `Bearer ${await this.token()}` };
    const answer = await fetch(`${address.adminUrl}/v1${path}`, { headers, signal: AbortSignal.timeout(10_000) });
    if (!answer.ok) throw new Error(`${path} got ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as Answer;
  }

  /** The samples of a metric, each with its labels as they are printed; none while nothing was counted. Throws when there is no answer. */
  async samples(metric: string): Promise<readonly { readonly labels: string; readonly value: number }[]> {
    const address = await this.address();
    if (address === undefined) throw new Error('no server');
    const headers = { authorization: `Bearer ${await this.token()}` };
    const text = await (await fetch(`${address.adminUrl}/metrics`, { headers, signal: AbortSignal.timeout(2_000) })).text();
    const lines = text.matchAll(new RegExp(`^${metric}(?:\\{(.*)\\})? (\\S+)$`, 'gm'));
    return [...lines].map(([, labels, value]) => ({ labels: labels ?? '', value: Number(value) }));
  }

  async token(): Promise<string> {
    return (await readFile(join(this.folder, 'token'), 'utf8')).trim();
  }

  /** Ends it whatever it does, and removes its folder. */
  async dispose(): Promise<void> {
    if (this.isRunning) {
      this.#child?.kill('SIGTERM');
      if ((await this.ended(10_000)) === undefined) await this.kill();
    }
    await rm(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }

  #environment(more: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
    const { PATH, HOME, NODE_OPTIONS } = process.env;
    const own = { FAAS_DATA: this.folder, FAAS_ADMIN_PORT: '0', FAAS_GATEWAY_PORT: '0', FAAS_LOG_LEVEL: 'warn', NO_COLOR: '1' };
    return { PATH, HOME, ...(NODE_OPTIONS === undefined ? {} : { NODE_OPTIONS }), ...own, ...more };
  }
}

/** Where the server of a data folder listens; undefined while it does not say. */
export async function readAddress(folder: string): Promise<Address | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, 'server.json'), 'utf8'));
  } catch {
    return undefined;
  }
}

/** Linux only; elsewhere a process has no children that we could see. */
export async function childrenOf(pid: number | undefined): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text.trim().split(/\s+/).filter(Boolean).map(Number);
}
