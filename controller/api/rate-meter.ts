import type { UnitReport } from '../dispatch/dispatcher.ts';

/** Rates are means over so long: short enough to see a change, long enough not to flicker. */
const windowMs = 5_000;
/** Below this nothing is said about how quick a pod is. */
const busyMsLeast = 20;

interface Totals {
  readonly atMs: number;
  /** By topic. */
  readonly arrived: ReadonlyMap<string, number>;
  readonly finished: number;
  readonly failed: number;
  readonly emits: number;
  readonly busyMs: number;
}

export interface Rates {
  readonly arrivalRate: number | undefined;
  readonly topicRates: ReadonlyMap<string, number>;
  readonly finishedRate: number | undefined;
  readonly failureRate: number | undefined;
  readonly emitRate: number | undefined;
  /** What one pod finishes while it works; the last that was seen. */
  readonly podRate: number | undefined;
}

/** Turns the totals of one function into rates. */
export class RateMeter {
  readonly #ends = new Map<string, number>();
  #window: Totals[] = [];
  readonly #arrived = new Map<string, number>();
  #podRate: number | undefined;

  take(report: UnitReport, concurrency: number, nowMs: number): Rates {
    this.#countArrivals(report);
    const { finishedTotal: finished, failedTotal: failed, emitsTotal: emits, busyMsTotal: busyMs } = report;
    const now = { atMs: nowMs, arrived: new Map(this.#arrived), finished, failed, emits, busyMs };
    // Totals that went back are those of another life of the dispatcher.
    const before = this.#window.at(-1);
    if (before !== undefined && before.finished > finished) this.#window = [];
    this.#window = [...this.#window.filter(one => one.atMs >= nowMs - windowMs - 500), now];
    return this.#ratesSince(this.#window[0] ?? now, now, concurrency);
  }

  #countArrivals(report: UnitReport): void {
    for (const { topic, partition, endOffset } of report.partitions) {
      if (endOffset === undefined) continue;
      const name = `${topic}.${partition}`;
      const more = Math.max(0, endOffset - (this.#ends.get(name) ?? endOffset));
      this.#arrived.set(topic, (this.#arrived.get(topic) ?? 0) + more);
      this.#ends.set(name, endOffset);
    }
  }

  #ratesSince(from: Totals, to: Totals, concurrency: number): Rates {
    const seconds = (to.atMs - from.atMs) / 1_000;
    if (to.busyMs - from.busyMs >= busyMsLeast && to.finished > from.finished) {
      this.#podRate = ((to.finished - from.finished) / (to.busyMs - from.busyMs)) * 1_000 * concurrency;
    }
    const rate = (name: 'finished' | 'failed' | 'emits') => (seconds <= 0 ? undefined : (to[name] - from[name]) / seconds);
    const topicRates = new Map<string, number>();
    if (seconds > 0) for (const [topic, count] of to.arrived) topicRates.set(topic, (count - (from.arrived.get(topic) ?? count)) / seconds);
    return {
      arrivalRate: seconds <= 0 ? undefined : [...topicRates.values()].reduce((sum, one) => sum + one, 0),
      topicRates,
      finishedRate: rate('finished'),
      failureRate: rate('failed'),
      emitRate: rate('emits'),
      podRate: this.#podRate,
    };
  }
}
