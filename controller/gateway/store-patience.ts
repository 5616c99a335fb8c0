import type { Clock } from '../clock.ts';

/** A store that pauses, or is reached again, within this time costs its callers patience and no answer. */
export const storePatienceMs = 5_000;
export const storeAgainMs = 200;

/** Asks again and again until then while the store does not answer; throws what the last asking threw. Only for what may be asked twice. */
export async function askPatiently<T>(clock: Clock, untilMs: number, ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (clock.now() + storeAgainMs > untilMs) throw error;
    }
    await clock.sleep(storeAgainMs);
  }
}
