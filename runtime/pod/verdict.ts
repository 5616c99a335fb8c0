import type { Outcome } from '../protocol/messages.ts';
import type { BoardCall, BoardView } from './board.ts';

/** What becomes of the unanswered events of a worker that ends: of those that were running, call by call, and of those that were not. */
export interface Verdict {
  readonly running: readonly { readonly batchId: number; readonly index: number; readonly outcome: Outcome }[];
  readonly rest: Outcome;
}

/** Time for a handler that listens to its signal to give up by itself. */
export const deadlineGraceMs = 50;
/** The worker beats every 10 ms; after this its event loop is taken to be blocked. */
const blockedAfterMs = 250;

/**
 * Whether a running call is past its deadline, and who pays. While the worker's event loop turns, it is whoever is late. While it is blocked,
 * a late call may be late because of a neighbour: then it is the one that holds the loop, and where that is not known all are sent again alone.
 */
export function judgeTime(board: BoardView, nowMs: number): Verdict | undefined {
  const late = board.running.filter(call => nowMs > call.deadlineMs + deadlineGraceMs);
  if (late.length === 0) return undefined;
  const blocked = nowMs - board.heartbeatMs > blockedAfterMs;
  if (!blocked) return guiltyAre(board, late, timeout, returned('neighbour-timeout'));
  if (board.running.length === 1) return guiltyAre(board, late, timeout, returned('neighbour-timeout'));
  if (board.synchronousSlot === undefined) return allSuspects(board, returned('neighbour-timeout'));
  const holder = late.filter(call => call.slot === board.synchronousSlot);
  return holder.length === 0 ? undefined : guiltyAre(board, holder, timeout, returned('neighbour-timeout'));
}

/** The worker ended by itself. It may have said who asked for it; what was synchronous at that moment did it; else the only one that ran. */
export function judgeEnd(board: BoardView, error: { readonly code: string; readonly message: string }): Verdict {
  const memory = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
  const crash = memory ? outOfMemory : failed('crash', 'FAAS_WORKER_ENDED', error.message);
  const known = board.culpritSlot ?? (memory ? undefined : board.synchronousSlot);
  const guilty = board.running.filter(call => call.slot === known);
  if (guilty.length > 0) return guiltyAre(board, guilty, crash, returned('neighbour-crash'));
  if (board.running.length <= 1) return guiltyAre(board, board.running, crash, returned('neighbour-crash'));
  return allSuspects(board, returned('neighbour-crash'));
}

/** The pod takes more memory than it may. */
export function judgeMemory(board: BoardView): Verdict {
  if (board.running.length <= 1) return guiltyAre(board, board.running, outOfMemory, returned('neighbour-crash'));
  return allSuspects(board, returned('neighbour-crash'));
}

/** Nobody is guilty: the pod ends, or one of several is and nobody knows which. */
export function judgeNobody(board: BoardView, why: 'draining' | 'worker-ended'): Verdict {
  if (why === 'worker-ended') return allSuspects(board, returned('neighbour-crash'));
  return guiltyAre(board, [], returned(why), returned(why));
}

function guiltyAre(board: BoardView, guilty: readonly BoardCall[], theirs: Outcome, others: Outcome): Verdict {
  const running = board.running.map(call => ({
    batchId: call.batchId,
    index: call.index,
    outcome: guilty.includes(call) ? theirs : others,
  }));
  return { running, rest: others };
}

function allSuspects(board: BoardView, rest: Outcome): Verdict {
  const outcome = returned('worker-ended');
  return { running: board.running.map(({ batchId, index }) => ({ batchId, index, outcome })), rest };
}

export function returned(why: (Outcome & { kind: 'returned' })['why']): Outcome {
  return { kind: 'returned', why };
}

function failed(reason: 'timeout' | 'crash' | 'memory', code: string, message: string): Outcome {
  return { kind: 'failed', reason, retryable: true, error: { code, name: 'FaasError', message, stack: undefined } };
}

const timeout = failed('timeout', 'FAAS_TIMEOUT', 'the handler did not finish within its time, and its worker was ended');
const outOfMemory = failed('memory', 'FAAS_OUT_OF_MEMORY', 'the handler took more memory than limits.memory allows');
