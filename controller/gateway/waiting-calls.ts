import type { PendingCall } from './pending-call.ts';

/**
 * The calls of one unit that wait for a pod, in the order in which they came. Unless a function is known to use no state, calls of one key run one
 * after another: side by side they would only make each other's commits stale.
 */
export class WaitingCalls {
  #ready: PendingCall[] = [];
  #head = 0;
  readonly #lanes = new Map<string, Lane>();
  #inLanes = 0;

  get size(): number {
    return this.#ready.length - this.#head + this.#inLanes;
  }

  /** How many could go now. */
  get ready(): number {
    return this.#ready.length - this.#head;
  }

  /** A nested call goes first: somebody who holds a place in a pod waits for it. */
  push(call: PendingCall): void {
    if (isNested(call)) this.unshift(call);
    else this.#ready.push(call);
  }

  /** The one that is taken next. */
  get first(): PendingCall | undefined {
    return this.#ready[this.#head];
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

  /** Up to `max` calls that may run now, `bytesMax` in all but at least one; a suspect alone, nested calls apart. With `lanes`, one per key until `release`. */
  take(max: number, bytesMax: number, lanes: boolean): readonly PendingCall[] {
    const taken: PendingCall[] = [];
    let bytes = 0;
    while (taken.length < max && this.#head < this.#ready.length) {
      const call = this.#ready[this.#head];
      if (call === undefined) break;
      const [first] = taken;
      if (first !== undefined && (call.suspect || isNested(call) !== isNested(first) || bytes + call.request.data.length > bytesMax)) break;
      this.#head += 1;
      if (call.settled || (lanes && !this.#enterLane(call))) continue;
      taken.push(call);
      bytes += call.request.data.length;
      if (call.suspect) break;
    }
    this.#compact();
    return taken;
  }

  /** The call is done with its lane: answered, or about to be put back. Only the one that holds the lane can open it. */
  release(call: PendingCall): void {
    const key = call.request.key;
    const lane = key === null ? undefined : this.#lanes.get(key);
    if (key === null || lane === undefined || lane.holder !== call) return;
    this.#lanes.delete(key);
    this.#inLanes -= lane.waiting.length;
    for (const waiting of lane.waiting.reverse()) this.unshift(waiting);
  }

  /** Those that are due wait no longer; without `isDue` all, for a unit that is gone. */
  drain(isDue: (call: PendingCall) => boolean = () => true): readonly PendingCall[] {
    const due: PendingCall[] = [];
    const left = (calls: PendingCall[]): PendingCall[] =>
      calls.filter(call => {
        if (isDue(call)) due.push(call);
        return !isDue(call);
      });
    this.#ready = left(this.#ready.slice(this.#head));
    this.#head = 0;
    this.#inLanes = 0;
    for (const lane of this.#lanes.values()) {
      lane.waiting = left(lane.waiting);
      this.#inLanes += lane.waiting.length;
    }
    return due;
  }

  #enterLane(call: PendingCall): boolean {
    const key = call.request.key;
    if (key === null) return true;
    const lane = this.#lanes.get(key);
    if (lane === undefined) {
      this.#lanes.set(key, { holder: call, waiting: [] });
      return true;
    }
    if (isWithin(call, lane.holder)) return true;
    lane.waiting.push(call);
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

/** Made by a handler, which waits for it. */
export function isNested({ request }: PendingCall): boolean {
  return request.depth > 0;
}

/** The calls of one key: one is under way, the others wait for it. */
interface Lane {
  readonly holder: PendingCall;
  waiting: PendingCall[];
}

/** A call that the holder of the lane waits for: made further down in its trace. To let it wait for the holder would be a deadlock. */
function isWithin(call: PendingCall, holder: PendingCall): boolean {
  return call.request.depth > holder.request.depth && traceOf(call) === traceOf(holder);
}

/** The 32 digits of a traceparent that all calls of a chain share. */
function traceOf({ traceparent }: PendingCall): string {
  return traceparent.slice(3, 35);
}
