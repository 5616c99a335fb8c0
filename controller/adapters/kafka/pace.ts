import type { Clock } from '../../clock.ts';

/** All members of a process together give so many signs of life per second, as long as each gives three in its session. */
const signsPerSecondMax = 20;
/** A server that comes or goes has its groups shared anew one after another. */
const livelyMs = 10_000;

export interface PaceOptions {
  /** A member learns by its signs of life that its group shares anew: the less, the sooner. */
  readonly leastMs: number;
  readonly sessionMs: number;
  /** How many there are in this process. */
  readonly members: () => number;
}

/** Whose sleep others may end. */
export interface Sleeper {
  sleep(ms: number): Promise<void>;
  wake(): void;
}

/**
 * How often members give signs of life. A few at the least time; hundreds more seldom, because each sign costs the same whether anything happens or not, and as
 * often as a few while groups share anew.
 */
export class Pace {
  readonly #options: PaceOptions;
  readonly #resting = new Set<() => void>();
  #sharedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: PaceOptions) {
    this.#options = options;
  }

  get leastMs(): number {
    return this.#options.leastMs;
  }

  /** A member has heard that its group shares anew. */
  shared(nowMs: number): void {
    this.#sharedAtMs = nowMs;
    for (const hurry of this.#resting) hurry();
  }

  everyMs(nowMs: number): number {
    const { leastMs, sessionMs, members } = this.#options;
    if (nowMs - this.#sharedAtMs < livelyMs) return leastMs;
    return Math.max(leastMs, Math.min(sessionMs / 3, (members() * 1_000) / signsPerSecondMax));
  }

  /**
   * Waits from one sign of life to the next, or until `sleeper` wakes. When groups begin to share anew meanwhile, those that rest go on at different
   * times, as they began.
   */
  async rest(clock: Pick<Clock, 'now'>, sleeper: Sleeper): Promise<void> {
    const fromMs = clock.now();
    let isHurried = false;
    const hurry = () => {
      isHurried = true;
      sleeper.wake();
    };
    this.#resting.add(hurry);
    await sleeper.sleep(this.everyMs(fromMs));
    this.#resting.delete(hurry);
    const { leastMs } = this.#options;
    if (isHurried) await sleeper.sleep(leastMs - ((clock.now() - fromMs) % leastMs));
  }
}
