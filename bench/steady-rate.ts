/** Until then a process compiles what it runs, finds the size of its young space, and fills what it reads ahead: so long a server's rate rises. */
const warmUpMs = 6_000;

/** The rate at which a backlog is worked through once it is under way: from six seconds after the first are done to the last. */
export class SteadyRate {
  readonly #count: number;
  #beganAtMs: number | undefined;
  #warm: { readonly atMs: number; readonly done: number } | undefined;

  constructor(count: number) {
    this.#count = count;
  }

  /** So many are done now. Answers their rate per second when all are. Throws for a backlog that was over before. */
  saw(done: number): number | undefined {
    if (done === 0) return undefined;
    const atMs = performance.now();
    this.#beganAtMs ??= atMs;
    if (done >= this.#count) {
      if (this.#warm === undefined) throw new Error(`a backlog of ${this.#count} is too short: it was over within ${warmUpMs / 1_000} s`);
      return ((done - this.#warm.done) * 1_000) / (atMs - this.#warm.atMs);
    }
    if (this.#warm === undefined && atMs - this.#beganAtMs >= warmUpMs) this.#warm = { atMs, done };
    return undefined;
  }
}
