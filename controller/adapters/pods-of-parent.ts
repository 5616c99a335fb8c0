import { FaasError } from '../errors.ts';
import type { PodInfo } from '../ports/pods.ts';
import { PodListeners } from './pod-listeners.ts';

/** Pods that end with the process that started them: nothing is there to be found again, and nobody else rules over them. */
export abstract class PodsOfParent<Running extends { readonly info: PodInfo }> extends PodListeners {
  readonly capabilities = { memoryFixed: false };
  protected readonly running = new Map<string, Running>();

  list(): readonly PodInfo[] {
    return [...this.running.values()].map(({ info }) => info);
  }

  async adopt(): Promise<readonly never[]> {
    return [];
  }

  /** A start takes milliseconds, or fails. */
  waiting(): readonly never[] {
    return [];
  }

  mark(): void {}

  protected find(id: string): Running {
    const running = this.running.get(id);
    if (running === undefined) throw new FaasError('FAAS_PODS_UNKNOWN', `there is no pod ${id}`);
    return running;
  }
}
