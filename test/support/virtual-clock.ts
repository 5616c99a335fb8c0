import type { Clock } from '../../controller/clock.ts';

interface Timer {
  readonly atMs: number;
  /** Among timers of one instant the older one goes first, so that a run is the same each time. */
  readonly order: number;
  callback: (() => void) | undefined;
}

export type RunEnd = 'done' | 'idle' | 'limit';

/** How many timers are queued as immediates at once; between two immediates Node drains all microtasks. */
const stepsPerTurn = 32;

/**
 * Time that stands still until everything that waits for a promise has gone on, and then jumps to the earliest timer.
 * What runs under it must wait for nothing but promises and this clock's timers: real input or output is not seen.
 */
export class VirtualClock implements Clock {
  #nowMs: number;
  #orders = 0;
  #size = 0;
  /** A binary heap by (atMs, order); cancelled timers stay until they are due. */
  readonly #heap: Timer[] = [];

  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
  }

  /** Whole milliseconds, as real clocks have them; timers may lie between them. */
  now(): number {
    return Math.floor(this.#nowMs);
  }

  steady(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer: Timer = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#orders, callback };
    this.#orders += 1;
    this.#push(timer);
    return () => {
      timer.callback = undefined;
    };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      if (signal?.aborted) return resolve();
      const done = () => {
        cancel();
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const cancel = this.after(delayMs, done);
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  /** Lets `forMs` pass. */
  advance(forMs: number): Promise<RunEnd> {
    return this.run(() => false, this.#nowMs + forMs);
  }

  /**
   * Runs timers in order until `until` holds (asked after each one), none is left, or the next one is later than `limitMs`; time then
   * stands at `limitMs`. What a timer throws ends the run and is thrown here.
   */
  run(until: () => boolean, limitMs = Number.POSITIVE_INFINITY): Promise<RunEnd> {
    return new Promise((resolve, reject) => {
      let over = false;
      const end = (how: RunEnd) => {
        over = true;
        if (how === 'limit') this.#nowMs = limitMs;
        resolve(how);
      };
      const step = () => {
        if (over) return;
        try {
          if (until()) return end('done');
          const next = this.#next();
          if (next === undefined) return end(limitMs === Number.POSITIVE_INFINITY ? 'idle' : 'limit');
          if (next.atMs > limitMs) return end('limit');
          this.#pop();
          this.#nowMs = next.atMs;
          next.callback?.();
        } catch (error) {
          over = true;
          reject(error);
        }
      };
      const turn = () => {
        for (let i = 0; i < stepsPerTurn; i += 1) setImmediate(step);
        setImmediate(() => {
          if (!over) turn();
        });
      };
      turn();
    });
  }

  /** The earliest timer that was not cancelled. */
  #next(): Timer | undefined {
    while (this.#heap[0] !== undefined && this.#heap[0].callback === undefined) this.#pop();
    return this.#heap[0];
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = this.#size;
    this.#size += 1;
    heap[at] = timer;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(timer, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    this.#size -= 1;
    if (last === undefined || this.#size === 0) return;
    let at = 0;
    while (true) {
      let child = 2 * at + 1;
      const [left, right] = [heap[child], heap[child + 1]];
      if (left === undefined) break;
      let smaller = left;
      if (right !== undefined && isBefore(right, left)) {
        smaller = right;
        child += 1;
      }
      if (!isBefore(smaller, last)) break;
      heap[at] = smaller;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
