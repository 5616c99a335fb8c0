import type { LoadRequest, WireError } from '../protocol/messages.ts';

/** Shim → worker, on a port that the author's code never sees. */
export type ToWorker =
  | {
      readonly kind: 'load';
      readonly request: Omit<LoadRequest, 'code' | 'sourceMap'>;
      /** URL of the bundle's file. */
      readonly bundleUrl: string;
      readonly board: SharedArrayBuffer;
      /** For lines that are not handed over yet. */
      readonly lines: SharedArrayBuffer;
      readonly callbackUrl: string;
      /** Where a test ends the pod. */
      readonly faultPoint: string | undefined;
    }
  | { readonly kind: 'batch'; readonly batchId: number; readonly bytes: Uint8Array; readonly receivedAtMs: number }
  /** Nobody waits for the batch any more: what has not begun does not begin. */
  | { readonly kind: 'cancel'; readonly batchId: number }
  /** The server is elsewhere from now on. */
  | { readonly kind: 'callback'; readonly callbackUrl: string }
  /** What has not begun is returned. */
  | { readonly kind: 'drain' }
  /** What runs is asked to stop: its signals abort. */
  | { readonly kind: 'abort' }
  | { readonly kind: 'shutdown' };

/** Worker → shim. */
export type FromWorker =
  | { readonly kind: 'loaded'; readonly handler: 'event' | 'batch'; readonly loadMs: number; readonly initMs: number }
  | { readonly kind: 'load-failed'; readonly error: WireError }
  /** Reply frames, ready to be sent, and which events they answer. */
  | { readonly kind: 'replies'; readonly batchId: number; readonly frames: Uint8Array; readonly answered: readonly number[] }
  /** The batch cannot be read. */
  | { readonly kind: 'bad-batch'; readonly batchId: number; readonly detail: string }
  /** Printed outside of any event that is still running. */
  | { readonly kind: 'output'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  /** Something was thrown that nobody caught: the worker goes on, but should not for long. */
  | { readonly kind: 'tainted' }
  /** Thrown by nobody knows whom while several events ran. */
  | { readonly kind: 'unattributed'; readonly error: WireError }
  | { readonly kind: 'shut-down' };
