import type { HistogramName, Metrics } from '../telemetry/metrics.ts';
import { type SparseSpread, Spread } from './spread.ts';

/** What was handled of a function in a stretch of time. */
export interface Handling {
  /** Events that went well, by their time in the handler. */
  readonly times: SparseSpread;
  readonly slowestMs: number;
  readonly batches: number;
  readonly batchEvents: number;
  readonly largestBatch: number;
}

interface Counting {
  readonly times: Spread;
  slowestMs: number;
  batches: number;
  batchEvents: number;
  largestBatch: number;
}

/** Keeps of what is observed for the metrics what `faas tune` goes by, finer than the buckets of a metric, until it is taken. */
export class HandlingMeter {
  #units = new Map<string, Counting>();

  /** The same metrics, looked at on the way. */
  watching(metrics: Metrics): Metrics {
    const see = (name: HistogramName, labels: Readonly<Record<string, string>>, value: number) => this.#see(name, labels.unit ?? '', value);
    return {
      count: (name, labels, by) => metrics.count(name, labels, by),
      set: (name, labels, value) => metrics.set(name, labels, value),
      forget: unit => metrics.forget(unit),
      observe(name, labels, value) {
        see(name, labels, value);
        metrics.observe(name, labels, value);
      },
      observeAll(name, labels, values) {
        for (const value of values) see(name, labels, value);
        metrics.observeAll(name, labels, values);
      },
    };
  }

  /** By unit, since it was taken last. */
  take(): ReadonlyMap<string, Handling> {
    const taken = this.#units;
    this.#units = new Map();
    return new Map([...taken].map(([unit, { times, ...rest }]) => [unit, { times: times.sparse(), ...rest }]));
  }

  #see(name: HistogramName, unit: string, value: number): void {
    if (name === 'faas_handler_seconds') {
      const counting = this.#of(unit);
      counting.times.add(value * 1_000);
      counting.slowestMs = Math.max(counting.slowestMs, value * 1_000);
    } else if (name === 'faas_batch_events') {
      const counting = this.#of(unit);
      counting.batches += 1;
      counting.batchEvents += value;
      counting.largestBatch = Math.max(counting.largestBatch, value);
    }
  }

  #of(unit: string): Counting {
    const found = this.#units.get(unit) ?? { times: new Spread(), slowestMs: 0, batches: 0, batchEvents: 0, largestBatch: 0 };
    this.#units.set(unit, found);
    return found;
  }
}
