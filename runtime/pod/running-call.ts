import type { Batch, Outcome } from '../protocol/messages.ts';
import type { BatchStateView } from './batch-state.ts';
import type { EventEffects } from './effects.ts';
import type { CallScope, EventRun } from './event-run.ts';

export interface QueuedBatch {
  readonly id: number;
  readonly batch: Batch;
  readonly receivedAtMs: number;
  readonly view: BatchStateView;
  cancelled: boolean;
}

/** One call of the handler, from its entry until it is settled. */
export interface RunningCall {
  readonly queued: QueuedBatch;
  /** Positions in the batch that it handles. */
  readonly positions: readonly number[];
  readonly scope: CallScope;
  readonly slot: number | undefined;
  /** Where it is in the list of those that run. */
  place: number;
  readonly enteredAtMs: number;
  /** Closed when the call is settled. */
  readonly effects: EventEffects[];
  state: 'running' | 'ok' | 'failed';
  /** The row of events that it belongs to goes on. */
  onSettled: () => void;
  /** It is settled, before anything follows from that. */
  onOver: () => void;
}

/** `run` is undefined in a `batch` handler: what it says belongs to the batch as a whole. */
export type EnterCall = <Result>(call: RunningCall, run: EventRun | undefined, handle: () => Result) => Result;

export type PositionOutcome = readonly [position: number, outcome: Outcome];
