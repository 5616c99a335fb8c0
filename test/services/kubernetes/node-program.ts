import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { descendants } from './namespaces.ts';

const answersWithinMs = 120_000;

/** One program of a cluster: killed, frozen and started again by those who test what then happens. */
export class RunningProgram {
  readonly name: string;
  readonly #words: readonly [string, ...string[]];
  readonly #logFile: string;
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();

  /** `words` begin with what runs the program as its child: what enters namespaces for it, or guards it. */
  constructor(name: string, words: readonly [string, ...string[]], logFile: string, env: Readonly<Record<string, string>>) {
    this.name = name;
    this.#words = words;
    this.#logFile = logFile;
    this.#env = env;
  }

  start(): void {
    const [command, ...args] = this.#words;
    const log = openSync(this.#logFile, 'a');
    const child = spawn(command, args, { stdio: ['pipe', log, log], env: this.#env });
    closeSync(log);
    child.stdin?.on('error', () => undefined);
    this.#child = child;
    this.#ended = once(child, 'exit');
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The end of what it wrote. */
  log(): string {
    return readFileSync(this.#logFile, 'utf8').slice(-4_000);
  }

  /** To the program itself, not to the one that runs it. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    for (const pid of await descendants(this.#child?.pid ?? -1)) {
      try {
        process.kill(pid, signal);
      } catch (error) {
        // It has ended since it was found.
        if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
      }
    }
  }

  /** Resolves when it answers as `holds` wants it; throws with its log when it ends before, or takes longer than two minutes. */
  async until(holds: () => Promise<boolean>): Promise<void> {
    const untilMs = performance.now() + answersWithinMs;
    while (!(await holds().catch(() => false))) {
      if (!this.isRunning) throw new Error(`${this.name} ended while the cluster started\n${this.log()}`);
      if (performance.now() > untilMs) throw new Error(`${this.name} did not answer within ${answersWithinMs / 1_000} s\n${this.log()}`);
      await sleep(50);
    }
  }

  /** With SIGKILL; started again by {@link start}. */
  async kill(): Promise<void> {
    while (this.isRunning) {
      await this.signal('SIGKILL');
      await Promise.race([this.#ended, sleep(50)]);
    }
  }
}
