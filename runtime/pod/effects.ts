import type { OkOutcome, WireEmit } from '../protocol/messages.ts';
import { FaasError } from '../sdk/errors.ts';
import type { StateBase } from './batch-state.ts';

/** Everything one event read, wrote and emitted, until it is committed or forgotten. */
export class EventEffects {
  /** The first value seen of each key: a handler that reads twice sees the same. */
  readonly seen = new Map<string, StateBase>();
  readonly reads: { readonly key: string; readonly version: string | null }[] = [];
  readonly writes = new Map<string, Uint8Array | null>();
  /** When each key was last written, among all events of a `batch` call. */
  readonly writeOrder = new Map<string, number>();
  readonly emits: WireEmit[] = [];
  #starts = 0;
  #over = false;

  /** What a handler does after it resolved, or after its time was over, goes nowhere: it is told so. */
  close(): void {
    this.#over = true;
  }

  assertOpen(): void {
    if (this.#over)
      throw new FaasError('FAAS_EVENT_OVER', 'the handling of this event is over', 'Await everything before the handler returns.');
  }

  recordRead(key: string, version: string | null): void {
    if (!this.reads.some(read => read.key === key && read.version === version)) this.reads.push({ key, version });
  }

  startId(idempotencyKey: string): string {
    this.#starts += 1;
    return `${idempotencyKey}:start:${this.#starts}`;
  }

  outcome(times: { enteredAtMs: number; busyMs: number }, answer: Uint8Array | undefined): OkOutcome {
    return {
      kind: 'ok',
      reads: this.reads,
      writes: this.writes.size === 0 ? none : [...this.writes].map(([key, value]) => ({ key, value })),
      emits: this.emits,
      answer,
      filtered: false,
      ...times,
    };
  }
}

const none: readonly never[] = [];
