import { isArray, NativePromise } from '../protocol/intrinsics.ts';
import type { Batch, EventResult, Outcome, ReturnReason } from '../protocol/messages.ts';
import { FaasError } from '../sdk/errors.ts';
import { BatchStateView } from './batch-state.ts';
import { wholeBatch } from './board.ts';
import { callBatchHandler } from './call-batch.ts';
import { callEventHandler } from './call-event.ts';
import { failureOf } from './describe-error.ts';
import { CallScope } from './event-run.ts';
import type { FunctionHost, LoadedFunction } from './function-host.ts';
import { lanesOf } from './lanes.ts';
import type { EnterCall, PositionOutcome, QueuedBatch, RunningCall } from './running-call.ts';

/** Where calls of the handler are written down while they run: the pod's board, so that the shim sees them. */
export interface CallBoard {
  enter(batchId: number, index: number, enteredAtMs: number, deadlineMs: number): number | undefined;
  leave(slot: number): void;
}

export interface WorkQueueOptions {
  readonly fn: LoadedFunction;
  readonly host: FunctionHost;
  readonly board: CallBoard;
  /** Calls of the handler in flight. */
  readonly concurrency: number;
  /** Runs the handler so that what it does later is known to belong to the call. */
  readonly enter: EnterCall;
  /** Answers whether the result went out as it is; false: it was too large, and went out as a failure. */
  readonly onResult: (batchId: number, result: EventResult) => boolean;
  /** Lets the event loop turn. */
  readonly yieldTurn: () => Promise<void>;
}

/** A row of events that run one after another, and how far it has come. */
interface Row {
  readonly queued: QueuedBatch;
  readonly positions: readonly number[];
  next: number;
}

/** Handlers that never wait would keep timers, signals and new batches waiting for as long as the batch is. */
const turnMsMax = 8;

/** Feeds a function from batches: rows of one order, at most `concurrency` of them at a time, first come first served. */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #waiting: Row[] = [];
  /** In no order. A Set that is added to and deleted from for every event leaves a trail of tables that keep all of them alive. */
  readonly #calls: RunningCall[] = [];
  #waitingFrom = 0;
  /** They go on in the next turn. */
  #yielded: Row[] = [];
  #active = 0;
  #cold = true;
  #draining = false;
  #turnStartedAtMs = 0;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  get calls(): readonly RunningCall[] {
    return this.#calls;
  }

  add(id: number, batch: Batch, receivedAtMs: number): void {
    const { fn, host } = this.#options;
    const view = new BatchStateView(batch.state, async key => {
      const [state] = await host.readState(batch, [key]);
      if (state === undefined) throw new FaasError('FAAS_STATE_READ', 'the state could not be read');
      return state;
    });
    const queued: QueuedBatch = { id, batch, receivedAtMs, view, cancelled: false };
    const rows = fn.kind === 'batch' ? [batch.events.map((_, position) => position)] : lanesOf(batch);
    for (const positions of rows) this.#waiting.push({ queued, positions, next: 0 });
    this.#turnStartedAtMs = host.now();
    this.#pump();
  }

  /** What has not begun of the batch does not begin; nothing is answered for it. */
  cancel(id: number): void {
    for (const rows of [this.#waiting, this.#yielded]) for (const { queued } of rows) if (queued.id === id) queued.cancelled = true;
    for (const { queued } of this.#calls) if (queued.id === id) queued.cancelled = true;
  }

  /** What has not begun is returned, now and from now on. */
  drain(): void {
    this.#draining = true;
    this.#pump();
  }

  /** Tells what runs to stop. What it then throws is no failure of the event. */
  abort(): void {
    for (const call of this.#calls) call.scope.abort(new FaasError('FAAS_DRAINING', 'the pod is about to end'));
  }

  /** Fails one running call from outside (something it started threw, and nobody caught it). */
  fail(call: RunningCall, thrown: unknown): void {
    const failure = failureOf(thrown);
    this.#settleFromOutside(call, { kind: 'failed', ...failure });
  }

  /** Returns all running calls: one of them is guilty, and nobody knows which. */
  returnAll(why: ReturnReason): void {
    for (const call of [...this.#calls]) this.#settleFromOutside(call, { kind: 'returned', why });
  }

  #pump(): void {
    while (this.#active < this.#options.concurrency || this.#draining) {
      const row = this.#waiting[this.#waitingFrom];
      if (row === undefined) break;
      this.#waitingFrom += 1;
      if (this.#draining) {
        this.#returnRest(row, 'draining');
        continue;
      }
      this.#active += 1;
      if (this.#advance(row)) this.#active -= 1;
    }
    if (this.#waitingFrom === this.#waiting.length || this.#waitingFrom > 1024) this.#waiting.splice(0, this.#waitingFrom);
    if (this.#waiting.length === 0 || this.#waitingFrom > 1024) this.#waitingFrom = 0;
  }

  /** Calls the handler for the events of a row as long as it answers at once; true: the row is over, false: it goes on later. */
  #advance(row: Row): boolean {
    while (row.next < row.positions.length && !row.queued.cancelled) {
      if (this.#draining) {
        this.#returnRest(row, 'draining');
        return true;
      }
      const nowMs = this.#options.host.now();
      if (nowMs - this.#turnStartedAtMs > turnMsMax) {
        this.#yielded.push(row);
        if (this.#yielded.length === 1) void this.#yieldTurn();
        return false;
      }
      const call = this.#options.fn.kind === 'batch' ? this.#callBatch(row, nowMs) : this.#callNext(row, nowMs);
      if (call.state === 'running') return false;
      this.#afterCall(row, call);
    }
    return true;
  }

  /** Once for all rows that are in the middle of their events: a turn of the loop for each would cost more than an event. */
  async #yieldTurn(): Promise<void> {
    await this.#options.yieldTurn();
    this.#turnStartedAtMs = this.#options.host.now();
    const rows = this.#yielded;
    this.#yielded = [];
    for (const row of rows) this.#goOn(row);
  }

  #goOn(row: Row): void {
    if (this.#advance(row)) this.#active -= 1;
    this.#pump();
  }

  #afterCall(row: Row, call: RunningCall): void {
    if (call.state === 'failed' && row.queued.batch.order !== 'none') this.#returnRest(row, 'after-failure');
  }

  #callNext(row: Row, nowMs: number): RunningCall {
    const { fn, host } = this.#options;
    const position = row.positions[row.next] ?? 0;
    row.next += 1;
    const call = this.#enter(row, [position], nowMs);
    try {
      const outcome = callEventHandler(call, position, { fn, host, cold: this.#takeCold(), enter: this.#options.enter });
      if (outcome instanceof NativePromise) this.#await(row, call, outcome);
      else this.#settle(call, [[position, outcome]]);
    } catch (thrown) {
      this.#settle(call, [[position, outcomeOf(call, thrown)]]);
    }
    return call;
  }

  #callBatch(row: Row, nowMs: number): RunningCall {
    const { fn, host } = this.#options;
    row.next = row.positions.length;
    const call = this.#enter(row, row.positions, nowMs);
    this.#await(row, call, callBatchHandler(call, { fn, host, cold: this.#takeCold(), enter: this.#options.enter }));
    return call;
  }

  /** The row goes on when the call is settled: by its handler, or from outside while the handler hangs. */
  #await(row: Row, call: RunningCall, answer: Promise<Outcome | readonly PositionOutcome[]>): void {
    call.onSettled = () => {
      this.#afterCall(row, call);
      this.#goOn(row);
    };
    const settle = (outcome: Outcome | readonly PositionOutcome[]): void => {
      if (this.#settle(call, isArray(outcome) ? outcome : allOf(call, outcome))) call.onSettled();
    };
    answer.then(settle, (thrown: unknown) => settle(outcomeOf(call, thrown)));
  }

  #settleFromOutside(call: RunningCall, outcome: Outcome): void {
    // After whatever is being dealt with now: the row would go on in the middle of it.
    if (this.#settle(call, allOf(call, outcome))) void NativePromise.resolve().then(() => call.onSettled());
  }

  #enter({ queued }: Row, positions: readonly number[], enteredAtMs: number): RunningCall {
    const { fn, host, board } = this.#options;
    let deadlineMs = enteredAtMs + fn.timeoutMs;
    for (const position of positions) {
      const remainingMs = queued.batch.events[position]?.remainingMs;
      if (remainingMs !== undefined) deadlineMs = Math.min(deadlineMs, queued.receivedAtMs + remainingMs);
    }
    const index = fn.kind === 'batch' ? wholeBatch : (queued.batch.events[positions[0] ?? 0]?.index ?? 0);
    const slot = board.enter(queued.id, index, enteredAtMs, deadlineMs);
    const call: RunningCall = {
      queued,
      positions,
      scope: new CallScope(deadlineMs, host.now),
      slot,
      place: this.#calls.length,
      enteredAtMs,
      effects: [],
      state: 'running',
      onSettled: nothing,
      onOver: nothing,
    };
    this.#calls.push(call);
    return call;
  }

  /** Answers for the events of a call, once: what comes later is nobody's any more, and is answered with false. */
  #settle(call: RunningCall, outcomes: readonly PositionOutcome[]): boolean {
    if (call.state !== 'running') return false;
    call.state = 'ok';
    this.#forget(call);
    call.scope.end();
    for (const effects of call.effects) effects.close();
    if (call.slot !== undefined) this.#options.board.leave(call.slot);
    const unread = call.effects.some(({ isUnread }) => isUnread);
    for (const [position, outcome] of unread ? allOf(call, { kind: 'returned', why: 'state-unread' }) : outcomes) {
      if (!this.#answer(call.queued, position, outcome) || outcome.kind !== 'ok') call.state = 'failed';
    }
    call.onOver();
    return true;
  }

  #forget(call: RunningCall): void {
    const last = this.#calls.pop();
    if (last === undefined || last === call) return;
    this.#calls[call.place] = last;
    last.place = call.place;
  }

  /** Whether the outcome went out as it is; the writes of a good one are seen by later events of the batch. */
  #answer({ id, batch, view, cancelled }: QueuedBatch, position: number, outcome: Outcome): boolean {
    const event = batch.events[position];
    if (event === undefined || cancelled) return false;
    const kept = this.#options.onResult(id, { index: event.index, outcome });
    if (kept && outcome.kind === 'ok') view.apply(event.index, outcome.writes);
    return kept;
  }

  #returnRest(row: Row, why: ReturnReason): void {
    for (; row.next < row.positions.length; row.next += 1) {
      const position = row.positions[row.next];
      if (position !== undefined) this.#answer(row.queued, position, { kind: 'returned', why });
    }
  }

  #takeCold(): boolean {
    const cold = this.#cold;
    this.#cold = false;
    return cold;
  }
}

function nothing(): void {}

function allOf(call: RunningCall, outcome: Outcome): PositionOutcome[] {
  return call.positions.map(position => [position, outcome]);
}

/** A handler that gives up because its signal aborted says why the signal did. */
function outcomeOf(call: RunningCall, thrown: unknown): Outcome {
  const aborted = call.scope.aborted;
  if (aborted?.code === 'FAAS_DRAINING') return { kind: 'returned', why: 'draining' };
  return { kind: 'failed', ...failureOf(aborted ?? thrown) };
}
