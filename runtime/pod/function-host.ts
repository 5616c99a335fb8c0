import type { BatchOrigin, BatchState, LoadRequest, PodLog } from '../protocol/messages.ts';

/** What the handler's module gives and the manifest allows: the same in a pod and in `faas/testing`. */
export interface LoadedFunction {
  readonly unit: string;
  readonly context: string;
  readonly functionName: string;
  readonly revision: string;
  readonly kind: 'event' | 'batch';
  readonly handler: (...args: readonly unknown[]) => unknown;
  readonly timeoutMs: number;
  readonly emits: ReadonlySet<string>;
  /** As units. */
  readonly calls: ReadonlySet<string>;
  /** Per stream, by the name that the handler uses. */
  readonly schemas: ReadonlyMap<string, (data: unknown) => unknown>;
  readonly dataFilters: LoadRequest['dataFilters'];
}

/** Where the function runs: what it reads, calls and says goes through here. */
export interface FunctionHost {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds with fractions, for durations. */
  readonly monotonic: () => number;
  /** `bytes` random bytes as hex digits; for span ids. */
  readonly randomHex: (bytes: number) => string;
  readState(batch: BatchOrigin, keys: readonly string[]): Promise<readonly BatchState[]>;
  call(batch: BatchOrigin, request: CallRequest): Promise<CallAnswer>;
  /** For people; `batchId` says with which batch it travels. */
  log(batchId: number, log: PodLog): void;
}

export interface CallRequest {
  readonly target: string;
  readonly key: string | null;
  /** JSON text. */
  readonly data: string;
  readonly timeoutMs: number;
  readonly idempotencyKey: string | undefined;
  readonly traceparent: string;
  /** forget: answered as soon as the call was accepted. */
  readonly wait: 'answer' | 'forget';
}

export type CallAnswer =
  /** JSON text; undefined where the callee returned nothing. */
  | { readonly kind: 'ok'; readonly answer: string | undefined }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };
