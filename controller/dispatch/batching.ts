import { wireLimits } from '../../runtime/protocol/messages.ts';

/** Bytes of one batch: well below what the wire carries, so that headers and prefetched state have room. */
export const batchBytesMax = wireLimits.batchBytesMax / 4;

/** The largest batch that a function is known to finish in time: halved when a batch runs out of time, and remembered. */
export class BatchCeiling {
  #events: number = wireLimits.batchEventsMax;

  timedOut(events: number): void {
    this.#events = Math.max(1, Math.min(this.#events, Math.floor(events / 2)));
  }

  limit(batchSize: number): number {
    return Math.min(batchSize, this.#events);
  }
}
