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

/** Why pods ended, for who has lost the connection to one: that breaks before the end is told as often as after it. One for all roles of a process. */
export class PodExits {
  readonly #options: PodExitsOptions;
  /** Boot id → why it ended. */
  readonly #exits = new Map<string, PodExit['reason']>();
  /** By boot id. */
  readonly #waiters = new Map<string, Set<() => void>>();

  constructor(options: PodExitsOptions) {
    this.#options = options;
    options.pods.onExit(exit => this.#ended(exit));
  }

  /**
   * Whether the pod ended with what it had not answered; one that was told to stop has not crashed. undefined: it lives, or nothing was heard of its end within 3 s.
   * Never throws.
   */
  async hasCrashed(pod: PodInfo): Promise<boolean | undefined> {
    const reason = await this.#exitOf(pod);
    return reason === undefined ? undefined : reason !== 'stopped';
  }

  #ended({ bootId, reason }: PodExit): void {
    this.#exits.set(bootId, reason);
    for (const wake of this.#waiters.get(bootId) ?? []) wake();
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
    const waiters = this.#waiters.get(bootId) ?? new Set();
    this.#waiters.set(bootId, waiters);
    return new Promise(resolve => {
      const done = () => {
        cancel();
        waiters.delete(done);
        if (waiters.size === 0) this.#waiters.delete(bootId);
        resolve();
      };
      const cancel = this.#options.clock.after(exitWaitMs, done);
      waiters.add(done);
    });
  }
}
