import type { TriggerKind } from '../sdk/event.ts';
import type { PackedRecord } from './record.ts';

/** The version of the wire between dispatcher or gateway and pod; part of each revision's hash. */
export const wireVersion = 1;

/** Bounds of the wire: what is larger is refused at the edge with a named error. */
export const wireLimits = {
  frameBytesMax: 8 * 2 ** 20,
  batchEventsMax: 2_000,
  batchBytesMax: 16 * 2 ** 20,
  bundleBytesMax: 50 * 2 ** 20,
  /** Of a payload: deeper JSON parses, but nothing can serialise it again. */
  jsonDepthMax: 256,
  emitValueBytesMax: 2 ** 20,
  answerBytesMax: 2 ** 20,
  stateValueBytesMax: 2 ** 20,
  errorMessageBytesMax: 4_096,
  errorStackBytesMax: 16_384,
  logLineBytesMax: 16_384,
} as const;

export type WireHeader = readonly [name: string, value: Uint8Array];

/** Makes a generic pod one function. Sent once in a pod's life. */
export interface LoadRequest {
  readonly unit: string;
  readonly context: string;
  readonly functionName: string;
  readonly revision: string;
  /** sha256 of `code`, hex; the pod checks it. */
  readonly bundleHash: string;
  readonly code: Uint8Array;
  readonly sourceMap: Uint8Array | undefined;
  readonly timeoutMs: number;
  readonly lifespanMs: number;
  readonly memoryBytes: number;
  readonly concurrency: number;
  readonly emits: readonly string[];
  /** As units. */
  readonly calls: readonly string[];
  /** The worker's whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Filters on payload fields, per stream name: JSON pointer → value. */
  readonly dataFilters: Readonly<Record<string, Readonly<Record<string, string | number | boolean | null>>>>;
}

/** FAAS_LOAD_SYNTAX, FAAS_LOAD_EXPORT, FAAS_LOAD_IMPORT (threw), FAAS_LOAD_TIMEOUT, FAAS_LOAD_INIT, FAAS_LOAD_HASH. */
export type LoadResult =
  | { readonly kind: 'ready'; readonly handler: 'event' | 'batch'; readonly phases: { readonly loadMs: number; readonly initMs: number } }
  | { readonly kind: 'failed'; readonly error: WireError };

export interface Batch {
  /** 128 random bits, hex; authorises reads of this function's state and its declared calls until the batch ends. */
  readonly batchToken: string;
  readonly unit: string;
  readonly revision: string;
  /**
   * key (also when undefined): events of one key run one after another, keys side by side. partition: all run one after another. none: all side by
   * side while no state comes with them, else as key, but an event that failed holds nobody up. With key and partition, what follows a failed event in its row is `returned` as `after-failure`.
   */
  readonly order?: 'key' | 'partition' | 'none';
  /** Base URL of the server that knows the token; undefined: the one that the pod was told at its start. */
  readonly callbackUrl?: string;
  /** Nothing else may run on the pod beside it: a pod that others use is `busy` until they have finished, and takes nothing from them until it has. */
  readonly exclusive?: boolean;
  /** The pod may still be loading the function: it keeps the batch until it has, and sends the first byte of its answer's body when the batch begins. */
  readonly waits?: boolean;
  readonly events: readonly BatchEvent[];
  /** Prefetched state of the events' keys. */
  readonly state: readonly BatchState[];
}

/** Who asks when the events of a batch read state or call. */
export type BatchOrigin = Pick<Batch, 'batchToken' | 'callbackUrl'>;

export interface BatchEvent {
  /** Position in the batch; results name it. */
  readonly index: number;
  readonly attempt: number;
  readonly trigger: TriggerKind;
  /** The manifest's name of the stream; '' where there is none. */
  readonly stream: string;
  readonly topic: string;
  readonly partition: number;
  /** −1 for a direct call. */
  readonly offset: number;
  readonly appendedAtMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly WireHeader[];
  /** Direct calls: what is left of the caller's time; undefined: the function's timeout alone counts. */
  readonly remainingMs: number | undefined;
  /** Nobody waits for what the handler returns: it is neither encoded nor sent, whatever it is. */
  readonly noAnswer?: boolean;
  readonly idempotencyKey: string;
  /** The idempotency key is `<unit>/<topic>/<partition>/<offset>`, and need not be sent. */
  readonly keyedByPlace?: boolean;
  /** Key, value and headers as they are sent, where somebody has them already. */
  readonly packed?: PackedRecord;
}

export interface BatchState {
  readonly key: string;
  /** null: the key has no state. */
  readonly version: string | null;
  readonly value: Uint8Array | undefined;
}

/** One per event, in the order in which they finish. */
export interface EventResult {
  readonly index: number;
  readonly outcome: Outcome;
}

export type Outcome =
  | OkOutcome
  /**
   * Counts as an attempt of this event, unless `retryable` is false: then it is dead-lettered at once. A `batch` handler that throws without naming
   * events fails all of them alike: who sent more than one bisects instead of counting.
   */
  | { readonly kind: 'failed'; readonly reason: FailureReason; readonly retryable: boolean; readonly error: WireError }
  /**
   * Was not run, or was stopped for somebody else's sake: send again without an attempt. `worker-ended`: it was running, with others, when the worker
   * ended or hung, and nobody knows whose fault it was: send it alone (a suspect). `neighbour-crash`, `neighbour-timeout`: the guilty one is known.
   * `state-unread`: the server could not read state that it asked for, whatever the handler made of that.
   */
  | { readonly kind: 'returned'; readonly why: ReturnReason };

export type ReturnReason = 'neighbour-timeout' | 'neighbour-crash' | 'worker-ended' | 'draining' | 'after-failure' | 'state-unread';

export interface OkOutcome {
  readonly kind: 'ok';
  /** Keys read, with the version that was seen; null: had no state; `@<index>`: what the event with that index wrote in this same batch. */
  readonly reads: readonly { readonly key: string; readonly version: string | null }[];
  /** The last write of each key; null deletes. */
  readonly writes: readonly { readonly key: string; readonly value: Uint8Array | null }[];
  readonly emits: readonly WireEmit[];
  /** JSON of what the handler returned; undefined where it returned nothing. Only for the triggers `call` and `webhook`, and not with `noAnswer`. */
  readonly answer: Uint8Array | undefined;
  /** A payload filter did not match: the handler did not run. */
  readonly filtered: boolean;
  /** Milliseconds in the handler. */
  readonly busyMs: number;
  /** Milliseconds since the epoch at which the handler was entered. */
  readonly enteredAtMs: number;
}

export interface WireEmit {
  /** emit: `target` is a stream as the manifest names it. start: a unit. */
  readonly kind: 'emit' | 'start';
  readonly target: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array;
  readonly contentType: string;
  /** CloudEvents id of a start (answered to the handler); undefined for emits: the dispatcher derives it from the cause. */
  readonly id: string | undefined;
  readonly type: string | undefined;
  /** The author's, and `traceparent` of the attempt that emitted; causation, correlation and hop are the dispatcher's to add. */
  readonly headers: readonly WireHeader[];
  /** Key, value and headers as they were sent, where it came over the wire. */
  readonly packed?: PackedRecord;
}

export type FailureReason = 'error' | 'timeout' | 'crash' | 'decode' | 'schema' | 'undeclared' | 'floating-call' | 'too-large' | 'memory';

/** Bounded by wireLimits; never holds payload, key or secret by itself (an author's message may). */
export interface WireError {
  readonly code: string;
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
}

/** What a handler prints or logs, attributed to its event where that is known. */
export interface PodLog {
  readonly index: number | undefined;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>> | undefined;
  readonly atMs: number;
  readonly traceparent: string | undefined;
}

/**
 * How a batch request ended. After `lost`, results already received stand; the rest is suspect only if the pod has ended. `unreached`: no handler
 * has seen anything of it: no connection came about, or it waited for its function.
 */
export type BatchEnd =
  | { readonly kind: 'done' }
  | { readonly kind: 'busy' }
  | { readonly kind: 'draining' }
  | { readonly kind: 'lost'; readonly detail: string }
  | { readonly kind: 'unreached'; readonly detail: string };

export type PodState = 'empty' | 'loading' | 'ready' | 'draining' | 'gone';

export interface PodStatus {
  readonly wireVersions: readonly number[];
  readonly state: PodState;
  readonly bootId: string;
  readonly unit: string | undefined;
  readonly revision: string | undefined;
  /** Whether its handler takes one event or a batch; undefined before it has loaded. */
  readonly handler: 'event' | 'batch' | undefined;
  readonly eventsInFlight: number;
  readonly rssBytes: number;
}
