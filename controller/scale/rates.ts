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
   * The straight line through the window by least squares: the level that it leads to now, and its slope per second where it is above three standard
   * errors, else the mean and 0: then the change is no more than chance.
   */
  line(): { readonly level: number; readonly slope: number } | undefined {
    const count = this.#samples.length;
    const last = this.#samples.at(-1);
    const mean = this.mean(this.#spanMs);
    if (last === undefined || mean === undefined) return undefined;
    if (count < leastForLine) return { level: mean, slope: 0 };
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
    if (spreadX <= 0) return { level: mean, slope: 0 };
    const slope = spreadXy / spreadX;
    const error = Math.sqrt(Math.max(0, spreadY - slope * spreadXy) / (count - 2) / spreadX);
    if (Math.abs(slope) <= 3 * error || slope === 0) return { level: mean, slope: 0 };
    return { level: Math.max(0, (sumY - slope * sumX) / count), slope };
  }
}

/** Fewer points than this make no line. */
const leastForLine = 12;
