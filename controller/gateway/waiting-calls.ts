import type { PendingCall } from './pending-call.ts';

/**
 * The calls of one unit that wait for a pod, in the order in which they came. Once a function is known to use state, calls of one key run one after
 * another: side by side they would only make each other's commits stale.
 */
export class WaitingCalls {
  readonly #ready: PendingCall[] = [];
  #head = 0;
  readonly #busyLanes = new Map<string, PendingCall[]>();
  #inLanes = 0;

  get size(): number {
    return this.#ready.length - this.#head + this.#inLanes;
  }

  /** How many could go now. */
  get ready(): number {
    return this.#ready.length - this.#head;
  }

  push(call: PendingCall): void {
    this.#ready.push(call);
  }

  /** To the front: it has been waiting the longest. */
  unshift(call: PendingCall): void {
    if (this.#head > 0) {
      this.#head -= 1;
      this.#ready[this.#head] = call;
    } else {
      this.#ready.unshift(call);
    }
  }

  /** Up to `max` calls that may run now, `bytesMax` in all but at least one; a suspect alone. With `lanes`, one per key until `release`. */
  take(max: number, bytesMax: number, lanes: boolean): readonly PendingCall[] {
    const taken: PendingCall[] = [];
    let bytes = 0;
    while (taken.length < max && this.#head < this.#ready.length) {
      const call = this.#ready[this.#head];
      if (call === undefined) break;
      if (taken.length > 0 && (call.suspect || bytes + call.request.data.length > bytesMax)) break;
      this.#head += 1;
      if (call.settled || (lanes && !this.#enterLane(call))) continue;
      taken.push(call);
      bytes += call.request.data.length;
      if (call.suspect) break;
    }
    this.#compact();
    return taken;
  }

  /** The call is done with its lane: answered, or about to be put back. */
  release(call: PendingCall): void {
    const lane = laneOf(call);
    const next = lane === undefined ? undefined : this.#busyLanes.get(lane);
    if (lane === undefined || next === undefined) return;
    this.#busyLanes.delete(lane);
    this.#inLanes -= next.length;
    for (const waiting of next.reverse()) this.unshift(waiting);
  }

  /** All that wait, for a unit that is gone. */
  drain(): readonly PendingCall[] {
    const all = [...this.#ready.slice(this.#head), ...[...this.#busyLanes.values()].flat()];
    this.#ready.length = 0;
    this.#head = 0;
    this.#inLanes = 0;
    for (const lane of this.#busyLanes.keys()) this.#busyLanes.set(lane, []);
    return all;
  }

  #enterLane(call: PendingCall): boolean {
    const lane = laneOf(call);
    if (lane === undefined) return true;
    const waiting = this.#busyLanes.get(lane);
    if (waiting === undefined) {
      this.#busyLanes.set(lane, []);
      return true;
    }
    waiting.push(call);
    this.#inLanes += 1;
    return false;
  }

  #compact(): void {
    if (this.#head === this.#ready.length) {
      this.#ready.length = 0;
      this.#head = 0;
    } else if (this.#head > 1_024) {
      this.#ready.splice(0, this.#head);
      this.#head = 0;
    }
  }
}

function laneOf(call: PendingCall): string | undefined {
  return call.request.key ?? undefined;
}
