import type { Clock } from '../clock.ts';
import type { PodExit, PodInfo } from '../ports/pods.ts';
import type { PodClient } from './pod-client.ts';
import type { PodDirectory } from './pod-directory.ts';

/** How long the end of a pod is waited for after its connection broke. */
const exitWaitMs = 3_000;
const exitsKept = 256;

export interface PodExitsOptions {
  readonly pods: Pick<PodDirectory, 'onExit'>;
  readonly client: Pick<PodClient, 'status'>;
  readonly clock: Clock;
}

/** Why pods ended, for who has lost the connection to one: that breaks before the end is told as often as after it. */
export class PodExits {
  readonly #options: PodExitsOptions;
  /** Boot id → why it ended. */
  readonly #exits = new Map<string, PodExit['reason']>();
  readonly #waiters = new Map<string, () => void>();
  readonly #unsubscribe: () => void;

  constructor(options: PodExitsOptions) {
    this.#options = options;
    this.#unsubscribe = options.pods.onExit(exit => this.#ended(exit));
  }

  /** Whether the pod ended with what it had not answered. One that was told to stop has not crashed. undefined: it lives, or nothing is known of its end. */
  async hasCrashed(pod: PodInfo): Promise<boolean | undefined> {
    const reason = await this.#exitOf(pod);
    return reason === undefined ? undefined : reason !== 'stopped';
  }

  close(): void {
    this.#unsubscribe();
  }

  #ended({ bootId, reason }: PodExit): void {
    this.#exits.set(bootId, reason);
    this.#waiters.get(bootId)?.();
    for (const old of this.#exits.keys()) {
      if (this.#exits.size <= exitsKept) break;
      this.#exits.delete(old);
    }
  }

  async #exitOf(pod: PodInfo): Promise<PodExit['reason'] | undefined> {
    if (this.#exits.has(pod.bootId)) return this.#exits.get(pod.bootId);
    const status = await this.#options.client.status(pod).catch(() => undefined);
    if (status?.bootId === pod.bootId) return undefined;
    if (!this.#exits.has(pod.bootId)) await this.#nextExit(pod.bootId);
    return this.#exits.get(pod.bootId);
  }

  #nextExit(bootId: string): Promise<void> {
    const before = this.#waiters.get(bootId);
    return new Promise(resolve => {
      const done = () => {
        cancel();
        before?.();
        this.#waiters.delete(bootId);
        resolve();
      };
      const cancel = this.#options.clock.after(exitWaitMs, done);
      this.#waiters.set(bootId, done);
    });
  }
}
