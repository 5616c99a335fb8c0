import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { descendants, type Namespaces } from './namespaces.ts';

/** One program of a node, in the node's namespaces: killed, frozen and started again by those who test what then happens. */
export class RunningProgram {
  readonly name: string;
  readonly #words: readonly [string, ...string[]];
  readonly #logFile: string;
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();

  constructor(
    name: string,
    namespaces: Namespaces,
    words: readonly [string, ...string[]],
    logFile: string,
    env: Readonly<Record<string, string>>,
  ) {
    this.name = name;
    this.#words = namespaces.enter(...words);
    this.#logFile = logFile;
    this.#env = env;
  }

  start(): void {
    const [command, ...args] = this.#words;
    const log = openSync(this.#logFile, 'a');
    const child = spawn(command, args, { stdio: ['ignore', log, log], env: this.#env });
    closeSync(log);
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

  /** To the program itself, not to the one that entered the namespaces for it. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    for (const pid of await descendants(this.#child?.pid ?? -1)) process.kill(pid, signal);
  }

  async kill(): Promise<void> {
    while (this.isRunning) {
      await this.signal('SIGKILL');
      await Promise.race([this.#ended, sleep(50)]);
    }
  }
}
