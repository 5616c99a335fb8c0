import { createPod, type Pod } from '../../../runtime/pod/pod.ts';
import type { Clock } from '../../clock.ts';
import { entryPath } from '../../entries.ts';
import { FaasError } from '../../errors.ts';
import type { PodExit, PodInfo, PodSpec, Pods } from '../../ports/pods.ts';
import type { Random } from '../../random.ts';
import { PodsOfParent } from '../pods-of-parent.ts';

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

class MemoryPods extends PodsOfParent<RunningPod> implements Pods {
  readonly #options: MemoryPodsOptions;
  #count = 0;
  #closed = false;

  constructor(options: MemoryPodsOptions) {
    super();
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
      if (!this.running.delete(id)) return;
      pod.destroy();
      const exit: PodExit = { id, bootId, reason, code: signal === null ? codeOf(reason) : null, signal };
      this.tellExit(exit);
      ended(exit);
    };
    const pod = createPod({
      bootId,
      memoryBytes: spec.memoryBytes,
      workerFile: entryPath('pod-worker'),
      rssBytes: () => 0,
      output: (stream, text) => this.tellOutput({ id, stream, text }),
      exit: reason => over(reason, null),
    });
    const port = await pod.listen('127.0.0.1');
    pod.admit({ secret: { kind: 'token', text: token }, callbackUrl: spec.callbackUrl });
    const info: PodInfo = { id, bootId, address: `http://127.0.0.1:${port}`, token, startedAtMs: clock.now(), pid: undefined };
    this.running.set(id, { info, pod, exited, over });
    return info;
  }

  async stop(id: string, graceMs: number): Promise<PodExit> {
    const running = this.find(id);
    running.pod.stop(graceMs);
    const cancel = this.#options.clock.after(graceMs, () => running.over('stopped', 'SIGKILL'));
    const exit = await running.exited;
    cancel();
    return exit;
  }

  async kill(id: string): Promise<PodExit> {
    const running = this.find(id);
    running.over('stopped', 'SIGKILL');
    return running.exited;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.running.keys()].map(id => this.kill(id)));
  }
}

function codeOf(reason: PodExit['reason']): number {
  return reason === 'stopped' ? 0 : 1;
}
