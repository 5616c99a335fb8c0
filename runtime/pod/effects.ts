import type { OkOutcome, WireEmit } from '../protocol/messages.ts';
import { FaasError } from '../sdk/errors.ts';
import type { StateBase } from './batch-state.ts';
import { SmallMap } from './small-map.ts';

interface StateVersion {
  readonly key: string;
  readonly version: string | null;
}

/** null deletes. `order` numbers the writes of all events of a `batch` call. */
interface StateWrite {
  readonly value: Uint8Array | null;
  readonly order: number;
}

/** Everything one event read, wrote and emitted, until it is committed or forgotten. Most events do little of it: maps are made when needed. */
export class EventEffects {
  #seen: SmallMap<StateBase> | undefined;
  #writes: SmallMap<StateWrite> | undefined;
  #emits: WireEmit[] | undefined;
  #reads: StateVersion[] | undefined;
  #starts = 0;
  #over = false;
  #isUnread = false;

  /** What a handler does after it resolved, or after its time was over, goes nowhere: it is told so. */
  close(): void {
    this.#over = true;
  }

  assertOpen(): void {
    if (this.#over)
      throw new FaasError('FAAS_EVENT_OVER', 'the handling of this event is over', 'Await everything before the handler returns.');
  }

  /** A read of state failed, and not by the handler's fault: what it makes of that would stand on state that it has not seen. */
  stateUnread(): void {
    this.#isUnread = true;
  }

  get isUnread(): boolean {
    return this.#isUnread;
  }

  get reads(): readonly StateVersion[] {
    return this.#reads ?? none;
  }

  /** The last write of a key. */
  written(key: string): StateWrite | undefined {
    return this.#writes?.get(key);
  }

  /** The keys that are written, in the order of their first writes. */
  eachWrite(take: (key: string, write: StateWrite) => void): void {
    this.#writes?.map(take);
  }

  /** The first value seen of a key: a handler that reads twice sees the same. */
  seen(key: string): StateBase | undefined {
    return this.#seen?.get(key);
  }

  see(key: string, base: StateBase): void {
    this.#seen ??= new SmallMap();
    this.#seen.set(key, base);
    this.recordRead(key, base.version);
  }

  write(key: string, value: Uint8Array | null, order = 0): void {
    this.#writes ??= new SmallMap();
    this.#writes.set(key, { value, order });
  }

  /** Takes back a write that a later one of another event has replaced. */
  dropWrite(key: string): void {
    this.#writes?.delete(key);
  }

  emit(emit: WireEmit): void {
    // An empty array that is pushed to takes room for seventeen; here and below.
    if (this.#emits === undefined) this.#emits = [emit];
    else this.#emits.push(emit);
  }

  recordRead(key: string, version: string | null): void {
    if (this.#reads === undefined) this.#reads = [{ key, version }];
    else if (!this.#reads.some(read => read.key === key && read.version === version)) this.#reads.push({ key, version });
  }

  startId(idempotencyKey: string): string {
    this.#starts += 1;
    return `${idempotencyKey}:start:${this.#starts}`;
  }

  outcome(times: { enteredAtMs: number; busyMs: number }, answer: Uint8Array | undefined): OkOutcome {
    return {
      kind: 'ok',
      reads: this.reads,
      writes: this.#writes?.map((key, { value }) => ({ key, value })) ?? none,
      emits: this.#emits ?? none,
      answer,
      filtered: false,
      busyMs: times.busyMs,
      enteredAtMs: times.enteredAtMs,
    };
  }
}

const none: readonly never[] = [];
