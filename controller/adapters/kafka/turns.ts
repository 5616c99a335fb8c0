/** Lets so many do their work at the same time; the others wait, in the order in which they came. */
export class Turns {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** Rejects with the signal's reason when that aborts before it is its turn. */
  async take<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#next(signal);
    try {
      return await work();
    } finally {
      const [next] = this.#waiting;
      if (next === undefined) this.#free += 1;
      else next();
    }
  }

  #next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const over = (): void => {
        this.#waiting.delete(begin);
        signal.removeEventListener('abort', giveUp);
      };
      const begin = (): void => {
        over();
        resolve();
      };
      const giveUp = (): void => {
        over();
        reject(signal.reason);
      };
      if (signal.aborted) reject(signal.reason);
      else {
        this.#waiting.add(begin);
        signal.addEventListener('abort', giveUp);
      }
    });
  }
}
