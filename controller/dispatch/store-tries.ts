import type { Clock } from '../clock.ts';
import type { Log } from '../telemetry/log.ts';

const triesMax = 4;
const waitMs = 100;

export interface TriesOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly facts: Readonly<Record<string, unknown>>;
  /** Ends the wait between two tries. */
  readonly signal: AbortSignal;
  readonly isOver: () => boolean;
}

/** For calls of the state store that may be made again: up to four times, then who called is to begin anew. */
export async function withStoreTries<T>(call: () => Promise<T>, options: TriesOptions): Promise<T | 'store-failed'> {
  const { clock, log, facts, signal, isOver } = options;
  for (let tries = 1; tries <= triesMax && !isOver(); tries += 1) {
    try {
      return await call();
    } catch (error) {
      log.warn('the state store failed', { ...facts, error: String(error) });
      await clock.sleep(waitMs * tries, signal);
    }
  }
  return 'store-failed';
}
