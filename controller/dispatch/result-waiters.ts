import type { Clock } from '../clock.ts';
import type { SettledResult } from './dispatcher.ts';

const waitersMax = 10_000;

type Waiter = (result: SettledResult) => void;

/** Those who wait for the result of an inbox event. Beyond the bound nobody waits: the answer is `timeout` at once. */
export class ResultWaiters {
  readonly #clock: Clock;
  readonly #waiters = new Map<string, Set<Waiter>>();
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  wait(id: string, timeoutMs: number): Promise<SettledResult> {
    if (this.#count >= waitersMax) return Promise.resolve({ kind: 'timeout' });
    return new Promise(resolve => {
      const waiters = this.#waiters.get(id) ?? new Set();
      this.#waiters.set(id, waiters);
      this.#count += 1;
      const waiter = (result: SettledResult) => {
        cancel();
        waiters.delete(waiter);
        this.#count -= 1;
        if (waiters.size === 0) this.#waiters.delete(id);
        resolve(result);
      };
      const cancel = this.#clock.after(timeoutMs, () => waiter({ kind: 'timeout' }));
      waiters.add(waiter);
    });
  }

  has(id: string): boolean {
    return this.#waiters.has(id);
  }

  settle(id: string, result: SettledResult): void {
    for (const waiter of [...(this.#waiters.get(id) ?? [])]) waiter(result);
  }
}
