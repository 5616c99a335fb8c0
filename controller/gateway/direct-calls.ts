import type { WireError } from '../../runtime/protocol/messages.ts';

/** Direct calls: straight to a pod, answered after the commit of the callee's state and emits. */
export interface DirectCalls {
  call(request: DirectCall): Promise<DirectAnswer>;
  /** Answers whoever still waits: the server ends without having an answer. */
  giveUp(): void;
  /** Stops taking calls and waits for those under way, at most `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

export interface DirectCall {
  readonly unit: string;
  readonly key: string | null;
  readonly data: Uint8Array;
  readonly contentType: string;
  /** Undefined: a random one, so that nothing is de-duplicated. */
  readonly idempotencyKey: string | undefined;
  readonly timeoutMs: number;
  /** Calls above this one; 16 is the most. */
  readonly depth: number;
  readonly traceparent: string | undefined;
}

export type DirectAnswer =
  /** `repeated`: the stored answer of an earlier call with the same idempotency key. */
  | { readonly kind: 'ok'; readonly answer: Uint8Array | undefined; readonly repeated: boolean }
  | { readonly kind: 'failed'; readonly error: WireError; readonly reason: string }
  /** Re-run 5 times and still in conflict with other writers of the same keys. */
  | { readonly kind: 'conflict'; readonly keys: readonly string[] }
  | { readonly kind: 'unknown-function' }
  | { readonly kind: 'too-deep' }
  | { readonly kind: 'timeout' }
  /** No pod within the time, or a store that does not answer; try again after `retryAfterMs`. */
  | { readonly kind: 'unavailable'; readonly retryAfterMs: number }
  /** The server ended before there was an answer; try again after `retryAfterMs`. */
  | { readonly kind: 'stopped'; readonly retryAfterMs: number };
