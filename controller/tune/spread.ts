/**
 * How a measure is spread, in steps of a fifth: each step ends 2^(1/4) above the one before. From 0.05 ms to ten minutes; what lies outside is counted
 * in the first or the last step.
 */
const leastMs = 0.05;
const stepsPerOctave = 4;
const steps = 95;

/** Counts by step, sparse: as it is stored. */
export type SparseSpread = readonly (readonly [step: number, count: number])[];

export class Spread {
  readonly #counts = new Float64Array(steps);

  add(ms: number, count = 1): void {
    const step = ms <= leastMs ? 0 : Math.min(steps - 1, Math.ceil(Math.log2(ms / leastMs) * stepsPerOctave));
    this.#counts[step] = (this.#counts[step] ?? 0) + count;
  }

  addAll(sparse: SparseSpread): void {
    for (const [step, count] of sparse) this.#counts[step] = (this.#counts[step] ?? 0) + count;
  }

  get count(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /** The end of the step in which this part (0..1) of all is reached: at most a fifth too much. Undefined: nothing was added. */
  quantile(part: number): number | undefined {
    const due = this.count * part;
    if (due === 0) return undefined;
    let below = 0;
    for (const [step, count] of this.#counts.entries()) {
      below += count;
      if (below >= due) return leastMs * 2 ** (step / stepsPerOctave);
    }
    return leastMs * 2 ** ((steps - 1) / stepsPerOctave);
  }

  sparse(): SparseSpread {
    return [...this.#counts.entries()].filter(([, count]) => count > 0);
  }
}

export function isSparseSpread(value: unknown): value is SparseSpread {
  return (
    Array.isArray(value) &&
    value.every(
      (pair: unknown) =>
        Array.isArray(pair) &&
        pair.length === 2 &&
        Number.isInteger(pair[0]) &&
        pair[0] >= 0 &&
        pair[0] < steps &&
        Number.isFinite(pair[1]),
    )
  );
}
