import { type ChildProcess, spawn } from 'node:child_process';
import { constants, getPriority, setPriority } from 'node:os';
import type { Clock } from '../../clock.ts';
import { entryPath } from '../../entries.ts';
import { FaasError } from '../../errors.ts';
import type { PodExit, PodInfo, PodSpec, Pods } from '../../ports/pods.ts';
import type { Random } from '../../random.ts';
import type { Log } from '../../telemetry/log.ts';
import { PodsOfParent } from '../pods-of-parent.ts';
import { nodeTrust, type Trust, trustExtra } from './extra-certificates.ts';

export interface ProcessPodsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Where certificates that pods trust besides Node's own are written. */
  readonly folder: string;
  /** Where pods listen; loopback where nothing is given. */
  readonly host?: string;
  /** The pod's entry file; by default the bundled one. */
  readonly entry?: string;
}

/** Where a test ends pods. */
const faultPoint = { env: 'FAAS_POD_FAULT_POINT' } as const;
/** All of the server's environment that a pod sees (law P6). */
const environmentAllowed = ['PATH', 'TZ', 'LANG', 'LC_ALL', 'TMPDIR', faultPoint.env];
const startMsMax = 10_000;
/**
 * How much nicer pods are than the server. It feeds all of them, keeps their partitions and answers for them, and does little for each event: where
 * processors are short it is to go first.
 */
const nicerThanServer = 5;

interface RunningPod {
  readonly info: PodInfo;
  readonly child: ChildProcess;
  readonly exited: Promise<PodExit>;
  asked: boolean;
}

/** Pods as child processes of this one. The token travels over the IPC channel, whose end is how a pod knows that it lost its parent. */
export function createProcessPods(options: ProcessPodsOptions): Pods {
  return new ProcessPods(options);
}

class ProcessPods extends PodsOfParent<RunningPod> implements Pods {
  readonly #options: ProcessPodsOptions;
  readonly #starting = new Set<ChildProcess>();
  #trust: Trust | undefined;
  #count = 0;
  #closed = false;
  readonly #host: string;

  constructor(options: ProcessPodsOptions) {
    super();
    this.#options = options;
    this.#host = options.host ?? '127.0.0.1';
  }

  async start(spec: PodSpec): Promise<PodInfo> {
    if (this.#closed) throw new FaasError('FAAS_PODS_CLOSED', 'the server is stopping: no pod is started any more');
    const { random, clock } = this.#options;
    this.#count += 1;
    const id = `pod-${this.#count}-${random.token().slice(0, 6)}`;
    const bootId = random.token();
    const token = random.token();
    const child = this.#spawn(id, bootId, spec);
    this.#starting.add(child);
    const pod: { running: RunningPod | undefined; announced: PodExit['reason'] | undefined } = { running: undefined, announced: undefined };
    const exited = new Promise<PodExit>(resolve => {
      const over = (code: number | null, signal: NodeJS.Signals | null): void => {
        const exit = { id, bootId, reason: reasonOf(code, signal, pod.running?.asked ?? false, pod.announced), code, signal };
        this.#starting.delete(child);
        if (pod.running !== undefined) {
          this.running.delete(id);
          this.tellExit(exit);
        }
        resolve(exit);
      };
      child.once('exit', over);
      child.once('error', () => child.pid === undefined && over(null, null));
    });
    child.on('message', (message: unknown) => {
      pod.announced = announcedReason(message) ?? pod.announced;
    });
    const [port] = await Promise.all([
      this.#listening(child, exited, spec),
      tell(child, { kind: 'admit', token, callbackUrl: spec.callbackUrl }),
    ]);
    const info: PodInfo = { id, bootId, address: `http://${inUrl(this.#host)}:${port}`, token, startedAtMs: clock.now(), pid: child.pid };
    this.#starting.delete(child);
    pod.running = { info, child, exited, asked: false };
    this.running.set(id, pod.running);
    return info;
  }

  async stop(id: string, graceMs: number): Promise<PodExit> {
    const pod = this.find(id);
    pod.asked = true;
    await tell(pod.child, { kind: 'stop', graceMs });
    const cancel = this.#options.clock.after(graceMs, () => pod.child.kill('SIGKILL'));
    const exit = await pod.exited;
    cancel();
    return exit;
  }

  async kill(id: string): Promise<PodExit> {
    const pod = this.find(id);
    pod.asked = true;
    pod.child.kill('SIGKILL');
    return pod.exited;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const child of this.#starting) child.kill('SIGKILL');
    await Promise.all([...this.running.keys()].map(id => this.kill(id)));
  }

  #spawn(id: string, bootId: string, spec: PodSpec): ChildProcess {
    const entry = this.#options.entry ?? entryPath('pod');
    this.#trust ??= this.#readTrust();
    const child = spawn(process.execPath, [...this.#trust.flags, entry, String(spec.memoryBytes), bootId, this.#host], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...allowedEnvironment(), ...this.#trust.env },
      serialization: 'json',
    });
    yieldToServer(child);
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]?.setEncoding('utf8').on('data', (text: string) => this.tellOutput({ id, stream, text }));
    }
    return child;
  }

  /** As Node does with a file that it cannot read: it says so, and goes on without. */
  #readTrust(): Trust {
    const file = process.env.NODE_EXTRA_CA_CERTS;
    if (file === undefined || file === '') return nodeTrust;
    try {
      return trustExtra(file, this.#options.folder);
    } catch (error) {
      this.#options.log.warn('extra certificates cannot be read', { file, error: String(error) });
      return nodeTrust;
    }
  }

  /** The port at which the pod answers. Rejects, with nothing left running, when it ends or takes too long. */
  async #listening(child: ChildProcess, exited: Promise<PodExit>, { startMs = startMsMax }: PodSpec): Promise<number> {
    const withinMs = Math.min(startMs, startMsMax);
    let cancel = (): void => {};
    const port = new Promise<number>(resolve => {
      child.on('message', (message: unknown) => {
        const listening = portOf(message);
        if (listening !== undefined) resolve(listening);
      });
    });
    const late = new Promise<'late'>(resolve => {
      cancel = this.#options.clock.after(withinMs, () => resolve('late'));
    });
    const first = await Promise.race([port, exited, late]);
    cancel();
    if (typeof first === 'number') return first;
    child.kill('SIGKILL');
    await exited;
    throw new FaasError(
      'FAAS_POD_START',
      first === 'late' ? `a pod did not start within ${withinMs} ms` : `a pod ended while it started (${first.signal ?? first.code})`,
    );
  }
}

/** Linux keeps a priority for each thread, and a thread begins with that of its maker: so it is set before the pod has made any. */
function yieldToServer({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, Math.min(constants.priority.PRIORITY_LOW, getPriority() + nicerThanServer));
  } catch {
    // It has ended already, or the system does not let us: it works all the same.
  }
}

function inUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function allowedEnvironment(): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of environmentAllowed) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}

/** What the pod announced counts most; a signal that nobody here sent was somebody's kill, and V8 ends by SIGABRT when its heap is full. */
function reasonOf(code: number | null, signal: string | null, asked: boolean, announced: PodExit['reason'] | undefined): PodExit['reason'] {
  if (announced !== undefined && announced !== 'stopped') return announced;
  if (asked) return 'stopped';
  if (signal === 'SIGABRT' || code === 134) return 'memory';
  return signal === null ? 'crashed' : 'killed';
}

const reasons = ['stopped', 'crashed', 'memory', 'stuck'] as const;

function announcedReason(message: unknown): PodExit['reason'] | undefined {
  if (typeof message !== 'object' || message === null || Reflect.get(message, 'kind') !== 'exit') return undefined;
  return reasons.find(reason => reason === Reflect.get(message, 'reason'));
}

function portOf(message: unknown): number | undefined {
  if (typeof message !== 'object' || message === null || Reflect.get(message, 'kind') !== 'listening') return undefined;
  return Number(Reflect.get(message, 'port'));
}

/** A pod that is already gone cannot be told, and need not be. */
function tell(child: ChildProcess, message: object): Promise<void> {
  return new Promise(resolve => {
    if (!child.connected) return resolve();
    child.send(message, () => resolve());
  });
}
