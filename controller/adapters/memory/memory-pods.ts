import { createPod, type Pod } from '../../../runtime/pod/pod.ts';
import type { Clock } from '../../clock.ts';
import { entryPath } from '../../entries.ts';
import { FaasError } from '../../errors.ts';
import type { PodExit, PodInfo, PodSpec, Pods } from '../../ports/pods.ts';
import type { Random } from '../../random.ts';

export interface MemoryPodsOptions {
  readonly clock: Clock;
  readonly random: Random;
}

interface RunningPod {
  readonly info: PodInfo;
  readonly pod: Pod;
  readonly exited: Promise<PodExit>;
  readonly over: (reason: PodExit['reason'], signal: string | null) => void;
}

/**
 * The executable spec of the port: the same shim, with its server and its worker threads, inside this process. There is no process to
 * measure or to lose: no memory watch, and law P5 holds trivially. A worker that cannot be terminated stays until the process ends.
 */
export function createMemoryPods(options: MemoryPodsOptions): Pods {
  return new MemoryPods(options);
}

class MemoryPods implements Pods {
  readonly capabilities = { memoryFixed: false };
  readonly #options: MemoryPodsOptions;
  readonly #pods = new Map<string, RunningPod>();
  readonly #exitListeners = new Set<(exit: PodExit) => void>();
  readonly #outputListeners = new Set<(output: { id: string; stream: 'stdout' | 'stderr'; text: string }) => void>();
  #count = 0;
  #closed = false;

  constructor(options: MemoryPodsOptions) {
    this.#options = options;
  }

  async start(spec: PodSpec): Promise<PodInfo> {
    if (this.#closed) throw new FaasError('FAAS_PODS_CLOSED', 'the server is stopping: no pod is started any more');
    const { random, clock } = this.#options;
    this.#count += 1;
    const id = `pod-${this.#count}-${random.token().slice(0, 6)}`;
    const bootId = random.token();
    const token = random.token();
    let ended: (exit: PodExit) => void = () => {};
    const exited = new Promise<PodExit>(resolve => {
      ended = resolve;
    });
    const over = (reason: PodExit['reason'], signal: string | null): void => {
      if (!this.#pods.delete(id)) return;
      pod.destroy();
      const exit: PodExit = { id, bootId, reason, code: signal === null ? codeOf(reason) : null, signal };
      for (const listener of this.#exitListeners) listener(exit);
      ended(exit);
    };
    const pod = createPod({
      bootId,
      memoryBytes: spec.memoryBytes,
      workerFile: entryPath('pod-worker'),
      rssBytes: () => 0,
      output: (stream, text) => {
        for (const listener of this.#outputListeners) listener({ id, stream, text });
      },
      exit: reason => over(reason, null),
    });
    const port = await pod.listen('127.0.0.1');
    pod.admit({ secret: { kind: 'token', text: token }, callbackUrl: spec.callbackUrl });
    const info: PodInfo = { id, bootId, address: `http://127.0.0.1:${port}`, token, startedAtMs: clock.now(), pid: undefined };
    this.#pods.set(id, { info, pod, exited, over });
    return info;
  }

  /** They end with their parent. */
  async adopt(): Promise<readonly never[]> {
    return [];
  }

  /** A start takes milliseconds, or fails. */
  waiting(): readonly never[] {
    return [];
  }

  mark(): void {}

  /** Nobody else rules over them: they end, and that is all. */
  onLeaving(): () => void {
    return () => {};
  }

  list(): readonly PodInfo[] {
    return [...this.#pods.values()].map(({ info }) => info);
  }

  async stop(id: string, graceMs: number): Promise<PodExit> {
    const running = this.#find(id);
    running.pod.stop(graceMs);
    const cancel = this.#options.clock.after(graceMs, () => running.over('stopped', 'SIGKILL'));
    const exit = await running.exited;
    cancel();
    return exit;
  }

  async kill(id: string): Promise<PodExit> {
    const running = this.#find(id);
    running.over('stopped', 'SIGKILL');
    return running.exited;
  }

  onExit(listener: (exit: PodExit) => void): () => void {
    this.#exitListeners.add(listener);
    return () => this.#exitListeners.delete(listener);
  }

  onOutput(listener: (output: { id: string; stream: 'stdout' | 'stderr'; text: string }) => void): () => void {
    this.#outputListeners.add(listener);
    return () => this.#outputListeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#pods.keys()].map(id => this.kill(id)));
  }

  #find(id: string): RunningPod {
    const running = this.#pods.get(id);
    if (running === undefined) throw new FaasError('FAAS_PODS_UNKNOWN', `there is no pod ${id}`);
    return running;
  }
}

function codeOf(reason: PodExit['reason']): number {
  return reason === 'stopped' ? 0 : 1;
}
