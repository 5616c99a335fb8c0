import { resultCode, resultCodeOf } from './driver.ts';

/** Others that look into the file, such as a shell or a backup, hold it for moments; this is long for them and short for whoever waits for us. */
export const patienceMs = 5_000;
const stepMs = 20;

/**
 * Carries out `work`, again and again while another connection has the file locked, and throws what it threw last. Not by SQLite's own
 * `busy_timeout`: that waits within native code, where a thread cannot be told to end. `work` must leave nothing behind when it is refused.
 */
export function patiently<Result>(work: () => Result, waitMs = patienceMs): Result {
  for (let leftMs = waitMs; ; leftMs -= stepMs) {
    try {
      return work();
    } catch (error) {
      if (leftMs <= 0 || !isLocked(error)) throw error;
    }
    // Blocks this thread, as SQLite's wait would.
    Atomics.wait(quiet, 0, 0, stepMs);
  }
}

export function isLocked(error: unknown): boolean {
  const code = resultCodeOf(error);
  return code === resultCode.busy || code === resultCode.locked;
}

const quiet = new Int32Array(new SharedArrayBuffer(4));
