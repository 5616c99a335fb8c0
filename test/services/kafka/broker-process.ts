import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { archive, classPath, jvm } from './kafka-home.ts';

const startMs = 60_000;

/** Ends the broker when our end of the pipe is gone, however we ended. */
const script =
  'exec 3<&0; java "$@" 3<&- </dev/null >>"$LOG" 2>&1 & p=$!; echo $p; (read -r _ <&3; kill -9 $p) >/dev/null 2>&1 & exec 1>&-; wait $p';

/** One broker: started, killed, frozen and started again on its own data. */
export class BrokerProcess {
  readonly port: number;
  readonly #host: string;
  readonly logFile: string;
  readonly #folder: string;
  readonly #classData: { kind: 'use' } | { kind: 'record'; file: string };
  #shell: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();
  #pid = 0;
  #asked = false;

  constructor(
    folder: string,
    { host, port }: { readonly host: string; readonly port: number },
    classData: { kind: 'use' } | { kind: 'record'; file: string },
  ) {
    this.#folder = folder;
    this.port = port;
    this.#host = host;
    this.#classData = classData;
    this.logFile = join(folder, 'server.log');
  }

  get isRunning(): boolean {
    return this.#shell !== undefined && this.#shell.exitCode === null && this.#shell.signalCode === null;
  }

  get endedByItself(): boolean {
    return !this.isRunning && !this.#asked;
  }

  /** Resolves when it listens: a broker opens its ports when it has joined its cluster. */
  async start(): Promise<void> {
    const classes =
      this.#classData.kind === 'record'
        ? [`-XX:ArchiveClassesAtExit=${this.#classData.file}`]
        : [`-XX:SharedArchiveFile=${archive}`, '-Xshare:auto', '-Xlog:cds=off', '-Xlog:cds+dynamic=off'];
    const java = [...classes, ...jvm, '-Xms32m', '-Xmx256m', '-cp', classPath, 'kafka.Kafka', join(this.#folder, 'server.properties')];
    const env = { PATH: process.env.PATH, MALLOC_ARENA_MAX: '2', LOG: this.logFile };
    const shell = spawn('sh', ['-c', script, 'sh', ...java], { env, stdio: ['pipe', 'pipe', 'ignore'] });
    this.#shell = shell;
    this.#asked = false;
    this.#ended = once(shell, 'exit').then(() => shell.stdin.end());
    shell.stdin.on('error', () => undefined);
    const [pid] = await once(createInterface(shell.stdout), 'line');
    this.#pid = Number(pid);
    const untilMs = performance.now() + startMs;
    while (!(await isOpen(this.#host, this.port))) {
      if (!this.isRunning) throw new Error('a broker ended while it started');
      if (performance.now() > untilMs) throw new Error(`a broker did not start within ${startMs} ms`);
      await sleep(50);
    }
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** An orderly end. */
  async terminate(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** It keeps its connections and answers nothing. */
  freeze(): void {
    process.kill(this.#pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.#pid, 'SIGCONT');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (!this.isRunning) return;
    this.#asked = true;
    process.kill(this.#pid, 'SIGCONT');
    process.kill(this.#pid, signal);
    await this.#ended;
  }
}

function isOpen(host: string, port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, host);
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
