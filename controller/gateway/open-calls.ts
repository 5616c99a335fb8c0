import type { DirectAnswer } from './direct-calls.ts';
import type { PendingCall } from './pending-call.ts';

/** Calls that nobody has answered yet. Places are used again: a Set that is added to and deleted from for every call leaves a trail of tables. */
export class OpenCalls {
  readonly #calls: (PendingCall | undefined)[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#calls.length - this.#free.length;
  }

  /** Answers its place, for `remove`. */
  add(call: PendingCall): number {
    const place = this.#free.pop() ?? this.#calls.length;
    this.#calls[place] = call;
    return place;
  }

  remove(place: number): void {
    this.#calls[place] = undefined;
    this.#free.push(place);
  }

  settleAll(answer: DirectAnswer): void {
    for (const call of this.#calls) call?.settle(answer);
  }
}
