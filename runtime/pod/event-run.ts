import type { BatchEvent, PodLog } from '../protocol/messages.ts';
import { FaasError } from '../sdk/errors.ts';
import type { FaasEvent } from '../sdk/event.ts';
import { decodeEvent } from './decode-event.ts';
import { EventEffects } from './effects.ts';
import type { FunctionHost } from './function-host.ts';
import { childTraceparent } from './traceparent.ts';

/** One attempt of one event: what its context, its logs and its outcome have in common. */
export class EventRun {
  readonly wire: BatchEvent;
  readonly event: FaasEvent;
  readonly effects = new EventEffects();
  readonly #batchId: number;
  readonly #host: FunctionHost;
  readonly #parent: string | undefined;
  #traceparent: string | undefined;

  /** Throws FAAS_DECODE. */
  constructor(batchId: number, wire: BatchEvent, host: FunctionHost) {
    const decoded = decodeEvent(wire);
    this.#batchId = batchId;
    this.wire = wire;
    this.event = decoded.event;
    this.#host = host;
    this.#parent = decoded.traceparent;
  }

  /** Made when somebody asks: most handlers neither log nor emit. */
  get traceparent(): string {
    this.#traceparent ??= childTraceparent(this.#parent, this.#host.randomHex);
    return this.#traceparent;
  }

  log(level: PodLog['level'], message: string, fields: PodLog['fields']): void {
    this.#host.log(this.#batchId, {
      index: this.wire.index,
      level,
      message,
      fields,
      atMs: this.#host.now(),
      traceparent: this.traceparent,
    });
  }
}

/** The deadline and the end of one call of the handler, shared by all events of the call. */
export class CallScope {
  readonly deadlineMs: number;
  readonly #now: () => number;
  #controller: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #aborted: FaasError | undefined;
  /** Calls of other functions that are not answered yet. */
  openCalls = 0;
  #forgets: Promise<unknown>[] | undefined;

  constructor(deadlineMs: number, now: () => number) {
    this.deadlineMs = deadlineMs;
    this.#now = now;
  }

  get remainingMs(): number {
    return Math.max(0, this.deadlineMs - this.#now());
  }

  /** Why the signal aborted; undefined while it has not. */
  get aborted(): FaasError | undefined {
    return this.#aborted;
  }

  /** Made when somebody asks, with its timer. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted);
      else this.#timer = setTimeout(() => this.abort(timeoutError()), this.remainingMs);
    }
    return this.#controller.signal;
  }

  abort(reason: FaasError): void {
    if (this.#aborted !== undefined) return;
    this.#aborted = reason;
    this.#controller?.abort(reason);
  }

  /** No call of another function is open or on its way. */
  get isClear(): boolean {
    return this.openCalls === 0 && this.#forgets === undefined;
  }

  addForget(sent: Promise<unknown>): void {
    this.#forgets ??= [];
    this.#forgets.push(sent);
  }

  /** Fire-and-forget calls that were not handed over yet; undefined: none. */
  get forgets(): readonly Promise<unknown>[] | undefined {
    return this.#forgets;
  }

  end(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
  }
}

export function timeoutError(): FaasError {
  return new FaasError('FAAS_TIMEOUT', 'the time of this event is over', 'Raise limits.timeout of the function, or do less per event.');
}
