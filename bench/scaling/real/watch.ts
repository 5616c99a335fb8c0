import type { ScaleSummary } from '../../../controller/api/scale-schema.ts';
import { amountOf } from '../../../controller/scale/figure.ts';
import { percentile } from '../../statistics.ts';
import type { Row } from '../compare.ts';
import type { PeerScaler } from '../peers.ts';

export interface RealAction {
  readonly atMs: number;
  readonly from: number;
  readonly to: number;
  /** What scaling says about it. */
  readonly because: string;
}

export interface RealResult {
  readonly name: Row['name'];
  /** Of all events, 0..1; those that still wait at the end count by their age then. */
  readonly withinMaxAge: number;
  readonly p99AgeMs: number;
  readonly waitingAtEnd: number;
  /** Pods that start, work or drain. */
  readonly podMinutes: number;
  /** Changes of the wanted number. */
  readonly actions: readonly RealAction[];
  /** The longest time for which pods were wanted that did not work yet. */
  readonly slowestStartMs: number;
}

/** One function during a run. Times are since its start. */
export class Watch {
  readonly name: Row['name'];
  readonly #peer: PeerScaler | undefined;
  readonly #actions: RealAction[] = [];
  #wanted: number;
  #wished: number;
  #seenMs = 0;
  #podMs = 0;
  #shortSinceMs: number | undefined;
  #slowestStartMs = 0;

  constructor({ name, peer }: Pick<Row, 'name' | 'peer'>, pods: number) {
    this.name = name;
    this.#peer = peer?.();
    this.#wanted = pods;
    this.#wished = pods;
  }

  get isPeer(): boolean {
    return this.#peer !== undefined;
  }

  see({ pods, replicas, because }: Pick<ScaleSummary, 'pods' | 'replicas' | 'because'>, nowMs: number): void {
    this.#podMs += (pods.starting + pods.ready + pods.draining) * (nowMs - this.#seenMs);
    this.#seenMs = nowMs;
    if (replicas !== this.#wanted) this.#actions.push({ atMs: nowMs, from: this.#wanted, to: replicas, because });
    this.#wanted = replicas;
    if (pods.ready >= replicas) this.#shortSinceMs = undefined;
    else this.#shortSinceMs ??= nowMs;
    this.#slowestStartMs = Math.max(this.#slowestStartMs, nowMs - (this.#shortSinceMs ?? nowMs));
  }

  /** How many pods its rule wishes for, where that is another number than before. A lag that nobody knows changes nothing. */
  wish({ backlogEvents }: Pick<ScaleSummary, 'backlogEvents'>, nowMs: number, arrivedTotal: number): number | undefined {
    const lagEvents = amountOf(backlogEvents);
    if (this.#peer === undefined || lagEvents === undefined) return undefined;
    const pods = this.#peer({ nowMs, replicas: this.#wished, lagEvents, arrivedTotal });
    if (pods === this.#wished) return undefined;
    this.#wished = pods;
    return pods;
  }

  result(maxAgeMs: number, sentMs: readonly number[], finishedMs: ReadonlyMap<number, number>, endMs: number): RealResult {
    const doneMs = sentMs.map((_, index) => finishedMs.get(index) ?? Number.POSITIVE_INFINITY);
    const ages = sentMs.map((atMs, index) => Math.min(doneMs[index] ?? endMs, endMs) - atMs);
    return {
      name: this.name,
      withinMaxAge: ages.filter(age => age < maxAgeMs).length / ages.length,
      p99AgeMs: percentile(ages, 0.99),
      waitingAtEnd: doneMs.filter(atMs => atMs > endMs).length,
      podMinutes: this.#podMs / 60_000,
      actions: this.#actions,
      slowestStartMs: this.#slowestStartMs,
    };
  }
}
