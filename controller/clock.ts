import { performance } from 'node:perf_hooks';

/** Time comes in through here alone; the simulation passes a virtual one. All times are milliseconds since the epoch. */
export interface Clock {
  now(): number;
  /** Milliseconds since some moment; unlike `now` nobody can set it, so that differences are what has passed. */
  steady(): number;
  /** Calls back once after `delayMs`; the answer cancels it. A timer never keeps the process alive by itself. */
  after(delayMs: number, callback: () => void): () => void;
  /** Resolves after `delayMs`, or at once when the signal aborts (it never rejects: look at the signal). */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  steady: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
  sleep(delayMs, signal) {
    return new Promise(resolve => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, delayMs);
      signal?.addEventListener('abort', done, { once: true });
    });
  },
};
