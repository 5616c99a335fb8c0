import type { Doom, PendingEvent } from './pending-event.ts';
import { backoffMs } from './retry.ts';

/** Mass failure: so many of the last distinct events failed. Fewer is bad luck or poison; a longer memory would dead-letter more before it sees. */
export const breakerBounds = { events: 20, failed: 18 } as const;

/** A single event that goes well may be luck: so many in a row are believed. */
const probesWanted = 3;
const probeMs = { min: 250, max: 30_000 };

/** Why a function is paused. */
export interface Failing {
  readonly sinceMs: number;
  /** Of the last `of` distinct events. */
  readonly failed: number;
  readonly of: number;
  /** The revision under which they failed; undefined: an earlier process had seen it. */
  readonly under: string | undefined;
  /** Single events tried since then that failed, under the revision that is live now. */
  readonly probesFailed: number;
  readonly last: Doom | undefined;
}

/**
 * Tells mass failure from poison, for one function in this process. Closed: events are handled, and each distinct event counts once as failed, and
 * once when it goes well. When nearly all of the last ones failed it opens: nothing is dead-lettered or parked, no attempt counts, and single events
 * are tried, more and more seldom, until some in a row go well.
 */
export class Breaker {
  /** Bit i: the i-th last outcome was a failure. */
  #failures = 0;
  #outcomes = 0;
  /** Changes when counting begins anew: an event counts once in each. */
  #epoch = 1;
  #open: Failing | undefined;
  #probe: PendingEvent | undefined;
  #probesWell = 0;
  #probeAtMs = 0;

  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  get failing(): Failing | undefined {
    return this.#open;
  }

  /** When the next single event may be tried; undefined: closed, or one is on its way. */
  get probeAtMs(): number | undefined {
    return this.#open === undefined || this.#probe !== undefined ? undefined : this.#probeAtMs;
  }

  /** An earlier process had opened it. */
  restore(nowMs: number): void {
    this.#open = {
      sinceMs: nowMs,
      failed: breakerBounds.failed,
      of: breakerBounds.events,
      under: undefined,
      probesFailed: 0,
      last: undefined,
    };
    this.#probeAtMs = nowMs;
  }

  /** This event is sent alone to see how it goes. */
  probing(event: PendingEvent): void {
    this.#probe = event;
  }

  /** It came back without an outcome. */
  probeEnded(event: PendingEvent, nowMs: number): void {
    if (this.#probe !== event) return;
    this.#probe = undefined;
    this.#probeAtMs = nowMs + probeMs.min;
  }

  wentWell(event: PendingEvent, nowMs: number): void {
    if (this.#open === undefined) {
      this.#failures = (this.#failures << 1) & windowMask;
      if (this.#outcomes < breakerBounds.events) this.#outcomes += 1;
      return;
    }
    if (this.#probe !== event) return;
    this.#probe = undefined;
    this.#probesWell += 1;
    this.#probeAtMs = nowMs;
    if (this.#probesWell >= probesWanted) this.close();
  }

  /** Counts the failure under the live revision, unless this event has failed before. */
  failed(event: PendingEvent, doom: Doom, nowMs: number, revision: string): void {
    if (this.#open !== undefined) this.#probeFailed(event, doom, nowMs, this.#open);
    if (this.#open !== undefined || event.failedInEpoch === this.#epoch) return;
    event.failedInEpoch = this.#epoch;
    this.#failures = ((this.#failures << 1) | 1) & windowMask;
    this.#outcomes = Math.min(breakerBounds.events, this.#outcomes + 1);
    const failed = ones(this.#failures);
    if (this.#outcomes < breakerBounds.events || failed < breakerBounds.failed) return;
    this.#open = { sinceMs: nowMs, failed, of: breakerBounds.events, under: revision, probesFailed: 0, last: doom };
    this.#probesWell = 0;
    this.#probeAtMs = nowMs + probeMs.min;
  }

  /** What was counted was another revision's. One that follows on a failing one has to show first that it does better. */
  revised(nowMs: number): void {
    if (this.#open === undefined) {
      this.close();
      return;
    }
    this.#open = { ...this.#open, probesFailed: 0 };
    this.#probe = undefined;
    this.#probesWell = 0;
    this.#probeAtMs = nowMs;
  }

  /** Counting begins anew. */
  close(): void {
    this.#open = undefined;
    this.#probe = undefined;
    this.#failures = 0;
    this.#outcomes = 0;
    this.#epoch += 1;
  }

  #probeFailed(event: PendingEvent, doom: Doom, nowMs: number, open: Failing): void {
    if (this.#probe !== event) return;
    const probesFailed = open.probesFailed + 1;
    this.#probe = undefined;
    this.#probesWell = 0;
    this.#open = { ...open, probesFailed, last: doom };
    this.#probeAtMs = nowMs + backoffMs(probesFailed + 1, probeMs, 0);
  }
}

const windowMask = 2 ** breakerBounds.events - 1;

function ones(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}
