import { type Clock, systemClock } from '../../controller/clock.ts';

/** Time of day as the test says; waits are real, because an adapter may have real work to do meanwhile. */
export interface SettableClock extends Clock {
  nowMs: number;
}

export function settableClock(nowMs = 1_700_000_000_000): SettableClock {
  const clock: SettableClock = {
    nowMs,
    now: () => clock.nowMs,
    steady: systemClock.steady,
    after: systemClock.after,
    sleep: systemClock.sleep,
  };
  return clock;
}
