import { packedSizeOf } from '../../runtime/protocol/record.ts';
import type { OutboxEntry, Seq } from '../ports/state.ts';
import { isAbove } from './duplicate-filter.ts';
import { Fifo } from './fifo.ts';
import { LateMap } from './late-map.ts';

/** More than this waits for the broker: nothing new is dispatched. */
export const outboxBounds = { entries: 10_000, bytes: 16 * 2 ** 20 } as const;

const requestBounds = { entries: 200, bytes: 2 ** 20 } as const;

/** Records for one partition of a topic, sent together. */
export interface PublishRequest {
  readonly topic: string;
  readonly partition: number;
  readonly entries: readonly Waiting[];
}

export interface Waiting {
  readonly entry: OutboxEntry;
  /** The commit that it came with. */
  readonly ordinal: number;
  readonly bytes: number;
  acked: boolean;
}

interface Target {
  readonly topic: string;
  readonly partition: number;
  readonly waiting: Fifo<Waiting>;
  request: PublishRequest | undefined;
}

/**
 * What a session has committed and not published yet: per target partition in order, one request in flight for each. Only an acknowledged prefix
 * of all may be trimmed from the store.
 */
export class Outbox {
  readonly #all = new Fifo<Waiting>();
  readonly #targets = new LateMap<string, Target>();
  #bytes = 0;
  #trimmable: Seq | undefined;

  get isEmpty(): boolean {
    return this.#all.length === 0 && this.#trimmable === undefined;
  }

  get isFull(): boolean {
    return this.#all.length >= outboxBounds.entries || this.#bytes >= outboxBounds.bytes;
  }

  /** In the order of their seq. */
  add(entry: OutboxEntry, ordinal: number): void {
    const waiting = { entry, ordinal, bytes: bytesOf(entry), acked: false };
    this.#all.push(waiting);
    this.#bytes += waiting.bytes;
    const { topic, partition } = entry.emit;
    const key = `${topic}.${partition}`;
    let target = this.#targets.get(key);
    if (target === undefined) {
      target = { topic, partition, waiting: new Fifo(), request: undefined };
      this.#targets.set(key, target);
    }
    target.waiting.push(waiting);
  }

  /** Requests that may go now. A target stops at its first entry above `ordinalMax`. */
  nextRequests(ordinalMax: number): PublishRequest[] {
    const requests: PublishRequest[] = [];
    for (const target of this.#targets.values()) {
      if (target.request !== undefined) continue;
      const entries = takeRequest(target.waiting, ordinalMax);
      if (entries.length === 0) continue;
      target.request = { topic: target.topic, partition: target.partition, entries };
      requests.push(target.request);
    }
    return requests;
  }

  acked(request: PublishRequest): void {
    for (const waiting of request.entries) waiting.acked = true;
    const key = `${request.topic}.${request.partition}`;
    const target = this.#targets.get(key);
    if (target !== undefined) {
      target.request = undefined;
      if (target.waiting.length === 0) this.#targets.delete(key);
    }
    for (let first = this.#all.peek(); first?.acked === true; first = this.#all.peek()) {
      this.#all.shift();
      this.#bytes -= first.bytes;
      this.#trimmable = first.entry.seq;
    }
  }

  get isTrimmed(): boolean {
    return this.#trimmable === undefined;
  }

  /** A trim that may not have happened. */
  trimAgain(upTo: Seq): void {
    if (this.#trimmable === undefined || isAbove(upTo, this.#trimmable)) this.#trimmable = upTo;
  }

  /** The end of the acknowledged prefix, once. */
  takeTrimmable(): Seq | undefined {
    const seq = this.#trimmable;
    this.#trimmable = undefined;
    return seq;
  }
}

function takeRequest(waiting: Fifo<Waiting>, ordinalMax: number): Waiting[] {
  const entries: Waiting[] = [];
  let bytes = 0;
  for (let first = waiting.peek(); first !== undefined; first = waiting.peek()) {
    bytes += first.bytes;
    if (first.ordinal > ordinalMax || entries.length >= requestBounds.entries || (entries.length > 0 && bytes > requestBounds.bytes)) break;
    waiting.shift();
    entries.push(first);
  }
  return entries;
}

function bytesOf({ emit }: OutboxEntry): number {
  return packedSizeOf(emit);
}
