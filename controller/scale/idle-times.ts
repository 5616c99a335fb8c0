/** Idle times are counted in steps of 9 %, from a second to four days; what lies outside is counted in the first or the last step. */
const leastMs = 1_000;
const stepsPerOctave = 8;
const steps = 148;
/** Of so many idle times an old one has lost two thirds of its weight: habits change. */
const memory = 256;

/** How long a function uses to be idle, recent times counting most. */
export class IdleTimes {
  readonly #weights: Float64Array;
  #count: number;

  private constructor(weights: Float64Array, count: number) {
    this.#weights = weights;
    this.#count = count;
  }

  static none(): IdleTimes {
    return new IdleTimes(new Float64Array(steps), 0);
  }

  add(ms: number): void {
    for (let step = 0; step < steps; step += 1) this.#weights[step] = (this.#weights[step] ?? 0) * (1 - 1 / memory);
    const step = stepOf(ms);
    this.#weights[step] = (this.#weights[step] ?? 0) + 1;
    this.#count += 1;
  }

  /** How many were added. */
  get count(): number {
    return this.#count;
  }

  /** By step, ascending: its ends, and the weight of the times in it. */
  steps(): readonly IdleStep[] {
    return [...this.#weights].map((weight, step) => ({ fromMs: edgeOf(step), toMs: edgeOf(step + 1), weight }));
  }

  /** As JSON, sparse. */
  print(): StoredIdleTimes {
    const weights = [...this.#weights.entries()].filter(([, weight]) => weight > 1e-3);
    return { version: 1, count: this.#count, weights: weights.map(([step, weight]) => [step, Number(weight.toFixed(3))]) };
  }

  /** What another version, or nobody, has written is no memory. */
  static read(stored: unknown): IdleTimes {
    const { version, count, weights } = Object(stored) as Partial<Record<keyof StoredIdleTimes, unknown>>;
    const times = IdleTimes.none();
    if (version !== 1 || typeof count !== 'number' || !Array.isArray(weights)) return times;
    for (const pair of weights) {
      const [step, weight]: unknown[] = Array.isArray(pair) ? pair : [];
      if (typeof step === 'number' && step in times.#weights && typeof weight === 'number' && weight > 0) times.#weights[step] = weight;
    }
    times.#count = count;
    return times;
  }
}

export interface IdleStep {
  readonly fromMs: number;
  readonly toMs: number;
  readonly weight: number;
}

export interface StoredIdleTimes {
  readonly version: 1;
  readonly count: number;
  readonly weights: readonly (readonly [step: number, weight: number])[];
}

function stepOf(ms: number): number {
  return ms <= leastMs ? 0 : Math.min(steps - 1, Math.floor(Math.log2(ms / leastMs) * stepsPerOctave));
}

function edgeOf(step: number): number {
  return step === 0 ? 0 : leastMs * 2 ** (step / stepsPerOctave);
}
