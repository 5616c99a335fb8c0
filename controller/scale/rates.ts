/** Rates of one function, a figure per tick, and what the last minute says about the next. */
export class RateWindow {
  readonly #spanMs: number;
  readonly #samples: { readonly atMs: number; readonly spanMs: number; readonly count: number }[] = [];

  constructor(spanMs: number) {
    this.#spanMs = spanMs;
  }

  /** `count` events came in the `spanMs` before `atMs`. */
  add(atMs: number, spanMs: number, count: number): void {
    this.#samples.push({ atMs, spanMs, count });
    const oldest = atMs - this.#spanMs;
    let drop = 0;
    while (drop < this.#samples.length - 1 && (this.#samples[drop]?.atMs ?? 0) <= oldest) drop += 1;
    if (drop > 0) this.#samples.splice(0, drop);
  }

  clear(): void {
    this.#samples.length = 0;
  }

  /** Events per second over the last `ms`; undefined before the first sample. */
  mean(ms: number): number | undefined {
    const last = this.#samples.at(-1);
    if (last === undefined) return undefined;
    let count = 0;
    let spanMs = 0;
    for (let index = this.#samples.length - 1; index >= 0; index -= 1) {
      const sample = this.#samples[index];
      if (sample === undefined || (sample.atMs <= last.atMs - ms && spanMs > 0)) break;
      count += sample.count;
      spanMs += sample.spanMs;
    }
    return spanMs === 0 ? undefined : (count * 1_000) / spanMs;
  }

  /**
   * By how much the rate grows each second: the slope of the straight line through the window by least squares, where it is above three standard errors
   * and the window is no step; else 0, because the change is no more than chance, or over.
   */
  slope(): number {
    const count = this.#samples.length;
    const last = this.#samples.at(-1);
    if (last === undefined || count < leastForLine) return 0;
    let sumX = 0;
    let sumY = 0;
    let sumXx = 0;
    let sumXy = 0;
    let sumYy = 0;
    for (const { atMs, spanMs, count: events } of this.#samples) {
      const x = (atMs - last.atMs) / 1_000;
      const y = (events * 1_000) / spanMs;
      sumX += x;
      sumY += y;
      sumXx += x * x;
      sumXy += x * y;
      sumYy += y * y;
    }
    const spreadX = sumXx - (sumX * sumX) / count;
    const spreadXy = sumXy - (sumX * sumY) / count;
    const spreadY = sumYy - (sumY * sumY) / count;
    if (spreadX <= 0) return 0;
    const slope = spreadXy / spreadX;
    const error = Math.sqrt(Math.max(0, spreadY - slope * spreadXy) / (count - 2) / spreadX);
    if (Math.abs(slope) <= 3 * error || slope === 0 || this.#isStep(slope)) return 0;
    return slope;
  }

  /** Most of the change came at once: a step has been taken, and says nothing about a next one. */
  #isStep(slope: number): boolean {
    const size = Math.floor(this.#samples.length / parts);
    const means = Array.from({ length: parts }, (_, part) => {
      const from = this.#samples.length - (parts - part) * size;
      return this.#samples.slice(from, from + size).reduce((sum, one) => sum + (one.count * 1_000) / one.spanMs, 0) / size;
    });
    const rises = means.slice(1).map((mean, index) => (mean - (means[index] ?? mean)) * Math.sign(slope));
    const total = rises.reduce((sum, rise) => sum + rise, 0);
    return rises.some(rise => rise < 0 || rise > total * stepShare);
  }
}

const parts = 6;
/** A straight line has a fifth of its rise between each part and the next; a step, at least a half between two of them. */
const stepShare = 0.4;
/** Fewer points than this make no line. */
const leastForLine = 60;
