import type { FaasEvent } from './event.ts';

/** JSON value; `undefined` members are dropped as JSON.stringify drops them. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/**
 * The state of one key of this function. Reads see the handler's own writes. Nothing is visible to others, and nothing survives a
 * failure, until the event is committed. Values are JSON of at most 1 MiB (FAAS_STATE_TOO_LARGE).
 */
export interface StateHandle<State> {
  get(): Promise<State | undefined>;
  set(value: State): void;
  delete(): void;
  /** Adds `by` (default 1) to a numeric field of an object state, 0 where there is none; answers the new value. */
  increment(field: string, by?: number): Promise<number>;
}

export interface CallOptions {
  /** The smaller one of this and the time that the event has left counts. */
  readonly timeoutMs?: number;
  readonly idempotencyKey?: string;
}

export interface Log {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** What per-event and batch contexts share. */
export interface BaseContext {
  /** Aborts at the deadline, and shortly before a pod that was told to end runs out of its time to drain. */
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch at which the event is given up. */
  readonly deadline: number;
  /** The first event that this worker handles. */
  readonly cold: boolean;
  readonly log: Log;
  readonly functionName: string;
  readonly revision: string;
}

/** The context of a handler that gets one event at a time. */
export interface Context<State = unknown> extends BaseContext {
  /** The state of `event.key`; throws FAAS_STATE_NO_KEY when the event has none. */
  readonly state: StateHandle<State>;
  /** The state of another key of this function. */
  stateOf<Other = State>(key: string): StateHandle<Other>;
  /** Sends an event to a stream that the manifest's `emits` declares; it becomes visible with the commit of this event. */
  emit(stream: string, key: string | null, data: unknown, options?: EmitOptions): void;
  /** Calls a function that `calls` declares and waits for its answer: `tax`, or `billing.tax` in another context. */
  call<Result = unknown>(target: string, key: string | null, data: unknown, options?: CallOptions): Promise<Result>;
  /** Starts a function durably, in this event's commit; answers the id of the started event. */
  start(target: string, key: string | null, data: unknown): string;
  /** Calls without waiting and without any promise that it arrives. Counted in `faas_fire_and_forget_total`. */
  fireAndForget(target: string, key: string | null, data: unknown): void;
  /** Counts from 1. */
  readonly attempt: number;
  /** Stable over all attempts of this event: give it to outside services. */
  readonly idempotencyKey: string;
  /** W3C trace context of this attempt. */
  readonly trace: { readonly traceparent: string };
}

export interface EmitOptions {
  /** CloudEvents type; default `<context>.<stream>`. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The context of a `batch` handler: writes and emits name the event that they belong to. */
export interface BatchContext<State = unknown> extends BaseContext {
  stateOf<Other = State>(key: string, event: FaasEvent): StateHandle<Other>;
  emit(event: FaasEvent, stream: string, key: string | null, data: unknown, options?: EmitOptions): void;
  start(event: FaasEvent, target: string, key: string | null, data: unknown): string;
  idempotencyKeyOf(event: FaasEvent): string;
  attemptOf(event: FaasEvent): number;
}
