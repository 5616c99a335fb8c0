import type { LoadResult, Outcome, PodState, WireError } from '../protocol/messages.ts';
import type { BoardView } from './board.ts';
import type { Verdict } from './verdict.ts';

/** A pod as its main thread knows it. */
export interface Shim {
  readonly phase: PodState;
  readonly workers: readonly WorkerState[];
  readonly batches: readonly HeldBatch[];
  /** Until then nothing but an exclusive batch is admitted: one was refused because of others, and comes again. */
  readonly reservedUntilMs: number;
  readonly limits: ShimLimits | undefined;
  readonly nextWorkerId: number;
  readonly drain: { readonly abortAtMs: number; readonly giveUpAtMs: number; readonly aborted: boolean } | undefined;
  /** Set as soon as the pod is to end; it does when its workers have. */
  readonly exit: ExitReason | undefined;
}

export type ExitReason = 'stopped' | 'crashed' | 'memory' | 'stuck';

export interface ShimLimits {
  readonly concurrency: number;
  readonly lifespanMs: number;
  readonly memoryBytes: number;
  readonly loadTimeoutMs: number;
}

export interface WorkerState {
  readonly id: number;
  /** idle: started before there is a function. retiring: takes no new batches, because a fresh one does. ending: terminated, and not gone yet. */
  readonly phase: 'idle' | 'loading' | 'ready' | 'retiring' | 'shutting-down' | 'ending';
  /** When the phase is over at the latest: of loading, shutting-down and ending. */
  readonly dueAtMs: number;
  readonly loadedAtMs: number;
  readonly used: boolean;
  readonly verdict: Verdict | undefined;
}

export interface HeldBatch {
  readonly id: number;
  readonly events: number;
  readonly open: number;
  readonly bytes: number;
  /** undefined: waits for a worker. */
  readonly workerId: number | undefined;
  /** Nothing else may run beside it. */
  readonly exclusive: boolean;
}

export type ShimInput =
  | { readonly kind: 'load'; readonly nowMs: number; readonly limits: ShimLimits }
  | {
      readonly kind: 'loaded';
      readonly nowMs: number;
      readonly workerId: number;
      readonly result: LoadResult & { readonly kind: 'ready' };
    }
  | { readonly kind: 'load-failed'; readonly nowMs: number; readonly workerId: number; readonly error: WireError }
  | {
      readonly kind: 'batch';
      readonly batchId: number;
      readonly nowMs: number;
      readonly events: number;
      readonly bytes: number;
      readonly exclusive: boolean;
      /** It may wait for the function. */
      readonly waits: boolean;
    }
  | { readonly kind: 'answered'; readonly nowMs: number; readonly batchId: number; readonly count: number }
  /** Nobody listens to the batch any more, or the worker cannot read it. */
  | { readonly kind: 'batch-gone'; readonly nowMs: number; readonly batchId: number }
  | { readonly kind: 'tick'; readonly nowMs: number; readonly rssBytes: number; readonly boards: ReadonlyMap<number, BoardView> }
  /** Something was thrown that nobody caught: the worker is replaced when its batches are done. */
  | { readonly kind: 'tainted'; readonly nowMs: number; readonly workerId: number }
  /** The same, by one of several running events: it is ended. Also for a worker that says what no worker says. */
  | { readonly kind: 'unattributed'; readonly nowMs: number; readonly workerId: number; readonly board: BoardView }
  | {
      readonly kind: 'worker-ended';
      readonly nowMs: number;
      readonly workerId: number;
      readonly board: BoardView;
      readonly error: { readonly code: string; readonly message: string };
    }
  | { readonly kind: 'shut-down'; readonly nowMs: number; readonly workerId: number }
  | { readonly kind: 'stop'; readonly nowMs: number; readonly graceMs: number };

export type ShimEffect =
  | { readonly kind: 'start-worker'; readonly workerId: number }
  | { readonly kind: 'load-worker'; readonly workerId: number }
  | { readonly kind: 'answer-load'; readonly result: LoadResult }
  | { readonly kind: 'run'; readonly workerId: number; readonly batchId: number }
  | { readonly kind: 'cancel'; readonly workerId: number; readonly batchId: number }
  | { readonly kind: 'tell'; readonly workerId: number; readonly what: 'drain' | 'abort' | 'shutdown' }
  /** Answers all events of the batch that are not answered yet, then ends it. `running` by index, −1 for all. */
  | { readonly kind: 'settle'; readonly batchId: number; readonly running: ReadonlyMap<number, Outcome>; readonly rest: Outcome }
  | { readonly kind: 'end-batch'; readonly batchId: number; readonly end: 'done' | 'busy' | 'draining' }
  | { readonly kind: 'terminate'; readonly workerId: number }
  | { readonly kind: 'exit'; readonly reason: ExitReason };

export interface Step {
  readonly shim: Shim;
  readonly effects: readonly ShimEffect[];
}
