import type { LoadResult, WireError } from '../protocol/messages.ts';
import { assertNever } from '../sdk/assert-never.ts';
import type { BoardView } from './board.ts';
import type { HeldBatch, Shim, ShimEffect, ShimInput, ShimLimits, Step, WorkerState } from './shim-state.ts';
import { judgeEnd, judgeMemory, judgeNobody, judgeTime, returned, type Verdict } from './verdict.ts';

/** A worker that is not gone by then cannot be terminated: it sits in a native call. */
const terminateMsMax = 1_000;
const shutdownMsMax = 5_000;
const batchBytesInFlightMax = 48 * 2 ** 20;
const eventsPerConcurrency = 4;
/** Longer than whoever was refused waits before it asks again. */
const reservedMs = 1_500;

/** A generic pod: one idle worker, no function. */
export function emptyShim(): Shim {
  const idle = { id: 1, phase: 'idle', dueAtMs: 0, loadedAtMs: 0, used: false, verdict: undefined } as const;
  return {
    phase: 'empty',
    workers: [idle],
    batches: [],
    reservedUntilMs: 0,
    limits: undefined,
    nextWorkerId: 2,
    drain: undefined,
    exit: undefined,
  };
}

/**
 * The pod's main thread as a machine: `step(state, input)` answers the next state and what to do. It knows batches by their ids and counts, and
 * workers by what their boards show; it never sees a payload. Times are milliseconds since the epoch.
 */
export function step(shim: Shim, input: ShimInput): Step {
  switch (input.kind) {
    case 'load':
      return load(shim, input.limits, input.nowMs);
    case 'loaded':
      return loaded(shim, input.workerId, input.result, input.nowMs);
    case 'load-failed':
      return loadFailed(shim, input.workerId, input.error, input.nowMs);
    case 'batch':
      return admit(shim, heldBatch(input), input.waits, input.nowMs);
    case 'answered':
      return answered(shim, input.batchId, input.count, input.nowMs);
    case 'batch-gone':
      return batchGone(shim, input.batchId, input.nowMs);
    case 'tick':
      return tick(shim, input);
    case 'tainted':
      return replace(shim, input.workerId, input.nowMs);
    case 'unattributed':
      return end(shim, input.workerId, judgeNobody(input.board, 'worker-ended'), input.nowMs);
    case 'worker-ended':
      return workerEnded(shim, input.workerId, input.board, input.error, input.nowMs);
    case 'shut-down':
      return end(shim, input.workerId, undefined, input.nowMs);
    case 'stop':
      return stop(shim, input.graceMs, input.nowMs);
    default:
      return assertNever(input);
  }
}

function load(shim: Shim, limits: ShimLimits, nowMs: number): Step {
  const idle = shim.workers.find(worker => worker.phase === 'idle');
  if (shim.phase !== 'empty' || idle === undefined) {
    const error = loadError('FAAS_LOAD_TWICE', `the pod is ${shim.phase}: a pod loads one function in its life`);
    return { shim, effects: [{ kind: 'answer-load', result: { kind: 'failed', error } }] };
  }
  const loading = { ...idle, phase: 'loading', dueAtMs: nowMs + limits.loadTimeoutMs } as const;
  return { shim: { ...put(shim, loading), phase: 'loading', limits }, effects: [{ kind: 'load-worker', workerId: idle.id }] };
}

function loaded(shim: Shim, workerId: number, result: LoadResult & { kind: 'ready' }, nowMs: number): Step {
  const worker = shim.workers.find(({ id }) => id === workerId);
  if (worker?.phase !== 'loading') return { shim, effects: [] };
  const effects: ShimEffect[] = [];
  let next = put(shim, { ...worker, phase: 'ready', loadedAtMs: nowMs });
  if (shim.phase === 'loading') next = { ...next, phase: 'ready' };
  for (const old of next.workers) {
    if (old.phase === 'ready' && old.id !== workerId) next = put(next, { ...old, phase: 'retiring' });
  }
  for (const batch of next.batches) {
    if (batch.workerId === undefined) {
      next = assign(next, batch, workerId);
      effects.push({ kind: 'run', workerId, batchId: batch.id });
    }
  }
  // Who sent the batch waits for that.
  if (shim.phase === 'loading') effects.push({ kind: 'answer-load', result });
  return chain({ shim: next, effects }, settled => retireIdle(settled, nowMs));
}

function loadFailed(shim: Shim, workerId: number, error: WireError, nowMs: number): Step {
  const ended = end(shim, workerId, undefined, nowMs);
  if (shim.phase === 'loading') {
    const effects: readonly ShimEffect[] = [{ kind: 'answer-load', result: { kind: 'failed', error } }, ...ended.effects];
    return chain({ shim: { ...ended.shim, phase: 'gone' }, effects }, next => returnWaiting(next, nowMs));
  }
  // A function that loaded once and does not any more: others may have more luck with a fresh pod.
  return chain({ shim: { ...ended.shim, exit: ended.shim.exit ?? 'crashed', phase: 'gone' }, effects: ended.effects }, next =>
    returnWaiting(next, nowMs),
  );
}

function heldBatch({ batchId, events, bytes, exclusive }: ShimInput & { kind: 'batch' }): HeldBatch {
  return { id: batchId, events, open: events, bytes, workerId: undefined, exclusive };
}

/** At least two batches keep the worker fed; of small ones, as direct calls are, a few times what it runs at once. */
function admit(shim: Shim, batch: HeldBatch, waits: boolean, nowMs: number): Step {
  const isTaking = shim.phase === 'ready' || (shim.phase === 'loading' && waits);
  if (!isTaking || shim.limits === undefined) return { shim, effects: [{ kind: 'end-batch', batchId: batch.id, end: 'draining' }] };
  const events = shim.batches.reduce((sum, { open }) => sum + open, batch.events);
  const bytes = shim.batches.reduce((sum, held) => sum + held.bytes, batch.bytes);
  const full = shim.batches.length >= 2 && (events > shim.limits.concurrency * eventsPerConcurrency || bytes > batchBytesInFlightMax);
  const isTaken = batch.exclusive ? shim.batches.length > 0 : shim.batches.some(one => one.exclusive) || nowMs < shim.reservedUntilMs;
  if (full || isTaken) {
    const reservedUntilMs = batch.exclusive ? nowMs + reservedMs : shim.reservedUntilMs;
    return { shim: { ...shim, reservedUntilMs }, effects: [{ kind: 'end-batch', batchId: batch.id, end: 'busy' }] };
  }
  if (batch.events === 0) return { shim, effects: [{ kind: 'end-batch', batchId: batch.id, end: 'done' }] };
  const worker = shim.workers.find(({ phase }) => phase === 'ready');
  if (worker === undefined) return { shim: { ...shim, batches: [...shim.batches, batch] }, effects: [] };
  const held = { ...shim, batches: [...shim.batches, batch] };
  return { shim: assign(held, batch, worker.id), effects: [{ kind: 'run', workerId: worker.id, batchId: batch.id }] };
}

function answered(shim: Shim, batchId: number, count: number, nowMs: number): Step {
  const batch = shim.batches.find(({ id }) => id === batchId);
  if (batch === undefined) return { shim, effects: [] };
  if (batch.open > count) {
    const batches = shim.batches.map(other => (other === batch ? { ...batch, open: batch.open - count } : other));
    return { shim: { ...shim, batches }, effects: [] };
  }
  return chain({ shim: without(shim, batchId), effects: [{ kind: 'end-batch', batchId, end: 'done' }] }, next => afterBatch(next, nowMs));
}

function batchGone(shim: Shim, batchId: number, nowMs: number): Step {
  const batch = shim.batches.find(({ id }) => id === batchId);
  if (batch === undefined) return { shim, effects: [] };
  const effects: ShimEffect[] = batch.workerId === undefined ? [] : [{ kind: 'cancel', workerId: batch.workerId, batchId }];
  return chain({ shim: without(shim, batchId), effects }, next => afterBatch(next, nowMs));
}

function tick(shim: Shim, { nowMs, rssBytes, boards }: ShimInput & { kind: 'tick' }): Step {
  const memory = shim.limits !== undefined && rssBytes > shim.limits.memoryBytes;
  let current: Step = { shim: memory && shim.exit === undefined ? { ...shim, exit: 'memory', phase: 'gone' } : shim, effects: [] };
  for (const { id } of shim.workers) {
    current = chain(current, next => {
      const worker = next.workers.find(other => other.id === id);
      return worker === undefined ? { shim: next, effects: [] } : tickWorker(next, worker, boards.get(id), memory, nowMs);
    });
  }
  if (memory) current = chain(current, next => returnWaiting(next, nowMs));
  return chain(current, next => tickDrain(next, boards, nowMs));
}

function tickWorker(shim: Shim, worker: WorkerState, board: BoardView | undefined, memory: boolean, nowMs: number): Step {
  if (worker.phase === 'ending') return nowMs > worker.dueAtMs ? stuck(shim, nowMs) : { shim, effects: [] };
  if (board !== undefined && memory) return end(shim, worker.id, judgeMemory(board), nowMs);
  if (worker.phase === 'loading' && nowMs > worker.dueAtMs) {
    return loadFailed(
      shim,
      worker.id,
      loadError('FAAS_LOAD_TIMEOUT', `the bundle did not load within ${shim.limits?.loadTimeoutMs ?? 0} ms`),
      nowMs,
    );
  }
  if (worker.phase === 'shutting-down' && nowMs > worker.dueAtMs) return end(shim, worker.id, undefined, nowMs);
  const verdict = board === undefined ? undefined : judgeTime(board, nowMs);
  if (verdict !== undefined) return end(shim, worker.id, verdict, nowMs);
  const old = worker.phase === 'ready' && worker.used && nowMs - worker.loadedAtMs > (shim.limits?.lifespanMs ?? Number.POSITIVE_INFINITY);
  return old ? replace(shim, worker.id, nowMs) : { shim, effects: [] };
}

function tickDrain(shim: Shim, boards: ReadonlyMap<number, BoardView>, nowMs: number): Step {
  if (shim.drain === undefined) return { shim, effects: [] };
  if (nowMs > shim.drain.giveUpAtMs) {
    let current: Step = { shim, effects: [] };
    for (const { id, phase } of shim.workers) {
      const board = boards.get(id);
      if (phase === 'ending') continue;
      const verdict = board === undefined ? undefined : judgeNobody(board, 'draining');
      current = chain(current, next => end(next, id, verdict, nowMs));
    }
    return current;
  }
  if (nowMs <= shim.drain.abortAtMs || shim.drain.aborted) return { shim, effects: [] };
  const effects = shim.workers.map(({ id }) => ({ kind: 'tell', workerId: id, what: 'abort' }) as const);
  return { shim: { ...shim, drain: { ...shim.drain, aborted: true } }, effects };
}

/** Starts a fresh worker; the old one takes batches until the fresh one is ready. */
function replace(shim: Shim, workerId: number, nowMs: number): Step {
  const worker = shim.workers.find(({ id }) => id === workerId);
  const coming = shim.workers.some(({ phase }) => phase === 'loading');
  if (shim.phase !== 'ready' || worker?.phase !== 'ready' || coming) return { shim, effects: [] };
  return startWorker(shim, nowMs);
}

function startWorker(shim: Shim, nowMs: number): Step {
  const id = shim.nextWorkerId;
  const dueAtMs = nowMs + (shim.limits?.loadTimeoutMs ?? 0);
  const worker: WorkerState = { id, phase: 'loading', dueAtMs, loadedAtMs: 0, used: false, verdict: undefined };
  const effects: ShimEffect[] = [
    { kind: 'start-worker', workerId: id },
    { kind: 'load-worker', workerId: id },
  ];
  return { shim: { ...shim, nextWorkerId: id + 1, workers: [...shim.workers, worker] }, effects };
}

/** Terminates a worker. Its events are answered when it is gone: until then a neighbour may still be running. */
function end(shim: Shim, workerId: number, verdict: Verdict | undefined, nowMs: number): Step {
  const worker = shim.workers.find(({ id }) => id === workerId);
  if (worker === undefined || worker.phase === 'ending') return { shim, effects: [] };
  const ending: WorkerState = { ...worker, phase: 'ending', dueAtMs: nowMs + terminateMsMax, verdict };
  return { shim: put(shim, ending), effects: [{ kind: 'terminate', workerId }] };
}

function workerEnded(shim: Shim, workerId: number, board: BoardView, error: { code: string; message: string }, nowMs: number): Step {
  const worker = shim.workers.find(({ id }) => id === workerId);
  if (worker === undefined) return { shim, effects: [] };
  const removed: Shim = { ...shim, workers: shim.workers.filter(other => other !== worker) };
  if (worker.phase === 'loading' && shim.phase === 'loading') {
    const failure = loadError('FAAS_LOAD_IMPORT', `the worker ended while it loaded the bundle: ${error.message}`);
    const effects: readonly ShimEffect[] = [{ kind: 'answer-load', result: { kind: 'failed', error: failure } }];
    return chain({ shim: { ...removed, phase: 'gone' }, effects }, next => returnWaiting(next, nowMs));
  }
  const verdict = worker.phase === 'ending' ? worker.verdict : judgeEnd(board, error);
  const settled = settleWorker(removed, workerId, verdict);
  if (worker.phase === 'loading' && shim.phase === 'ready') {
    return chain({ shim: { ...settled.shim, exit: 'crashed', phase: 'gone' }, effects: settled.effects }, next =>
      returnWaiting(next, nowMs),
    );
  }
  return chain(settled, next => afterWorker(next, nowMs));
}

/** The pod ends if it was only waiting for this; else it needs a worker that can take batches. */
function afterWorker(shim: Shim, nowMs: number): Step {
  if (shim.exit !== undefined)
    return shim.workers.length === 0 ? { shim, effects: [{ kind: 'exit', reason: shim.exit }] } : { shim, effects: [] };
  if (shim.phase === 'ready' && !shim.workers.some(({ phase }) => phase === 'ready' || phase === 'loading'))
    return startWorker(shim, nowMs);
  return afterBatch(shim, nowMs);
}

function settleWorker(shim: Shim, workerId: number, verdict: Verdict | undefined): Step {
  const effects: ShimEffect[] = [];
  for (const batch of shim.batches) {
    if (batch.workerId !== workerId) continue;
    const running = new Map(
      (verdict?.running ?? []).filter(({ batchId }) => batchId === batch.id).map(({ index, outcome }) => [index, outcome]),
    );
    effects.push({ kind: 'settle', batchId: batch.id, running, rest: verdict?.rest ?? returned('neighbour-crash') });
  }
  return { shim: { ...shim, batches: shim.batches.filter(batch => batch.workerId !== workerId) }, effects };
}

/** A worker sits in a native call and cannot be terminated: all is answered, and the process ends with it. */
function stuck(shim: Shim, nowMs: number): Step {
  let current: Step = { shim: { ...shim, phase: 'gone' }, effects: [] };
  for (const worker of shim.workers) {
    current = chain(current, next => settleWorker(next, worker.id, worker.verdict));
  }
  current = chain(current, next => returnWaiting(next, nowMs));
  return {
    shim: { ...current.shim, workers: [], exit: 'stuck' },
    effects: [...current.effects, { kind: 'exit', reason: shim.exit === 'stopped' ? 'stopped' : 'stuck' }],
  };
}

function stop(shim: Shim, graceMs: number, nowMs: number): Step {
  if (shim.drain !== undefined || shim.exit !== undefined) return { shim, effects: [] };
  const marginMs = Math.min(2_000, graceMs / 4);
  const drain = { abortAtMs: nowMs + graceMs - 2 * marginMs, giveUpAtMs: nowMs + graceMs - marginMs, aborted: false };
  const draining: Shim = { ...shim, phase: 'draining', drain, exit: 'stopped' };
  const tells = shim.workers
    .filter(({ phase }) => phase !== 'idle' && phase !== 'loading')
    .map(({ id }) => ({ kind: 'tell', workerId: id, what: 'drain' }) as const);
  const answer: ShimEffect[] =
    shim.phase === 'loading'
      ? [{ kind: 'answer-load', result: { kind: 'failed', error: loadError('FAAS_LOAD_STOPPED', 'the pod was told to end') } }]
      : [];
  return chain({ shim: draining, effects: [...answer, ...tells] }, next =>
    chain(returnWaiting(next, nowMs), settled => afterBatch(settled, nowMs)),
  );
}

/** Batches that wait for a worker which will not come. */
function returnWaiting(shim: Shim, nowMs: number): Step {
  const waiting = shim.batches.filter(({ workerId }) => workerId === undefined);
  const effects = waiting.map(({ id }): ShimEffect => ({ kind: 'settle', batchId: id, running: new Map(), rest: returned('draining') }));
  const next = { ...shim, batches: shim.batches.filter(({ workerId }) => workerId !== undefined) };
  return next.exit !== undefined && next.drain === undefined
    ? chain({ shim: next, effects }, ended => afterWorkerless(ended, nowMs))
    : { shim: next, effects };
}

/** A pod that is to end without draining ends its workers now. */
function afterWorkerless(shim: Shim, nowMs: number): Step {
  if (shim.workers.length === 0 && shim.exit !== undefined) return { shim, effects: [{ kind: 'exit', reason: shim.exit }] };
  let current: Step = { shim, effects: [] };
  for (const { id } of shim.workers) current = chain(current, next => end(next, id, undefined, nowMs));
  return current;
}

function afterBatch(shim: Shim, nowMs: number): Step {
  const retired = retireIdle(shim, nowMs);
  if (shim.drain === undefined || shim.batches.length > 0) return retired;
  return chain(retired, next => shutDownAll(next, nowMs));
}

/** Workers that were replaced end when their last batch is done. */
function retireIdle(shim: Shim, nowMs: number): Step {
  return eachWorker(shim, (next, worker) => {
    const busy = next.batches.some(({ workerId }) => workerId === worker.id);
    return worker.phase === 'retiring' && !busy ? shutDown(next, worker, nowMs) : { shim: next, effects: [] };
  });
}

function shutDownAll(shim: Shim, nowMs: number): Step {
  if (shim.workers.length === 0) return { shim, effects: [{ kind: 'exit', reason: shim.exit ?? 'stopped' }] };
  return eachWorker(shim, (next, worker) => {
    if (worker.phase === 'ready' || worker.phase === 'retiring') return shutDown(next, worker, nowMs);
    return worker.phase === 'shutting-down' ? { shim: next, effects: [] } : end(next, worker.id, undefined, nowMs);
  });
}

/** Lets the author's `shutdown` run, within its time. */
function shutDown(shim: Shim, worker: WorkerState, nowMs: number): Step {
  const dueAtMs = Math.min(nowMs + shutdownMsMax, shim.drain?.giveUpAtMs ?? Number.POSITIVE_INFINITY);
  return {
    shim: put(shim, { ...worker, phase: 'shutting-down', dueAtMs }),
    effects: [{ kind: 'tell', workerId: worker.id, what: 'shutdown' }],
  };
}

function eachWorker(shim: Shim, turn: (shim: Shim, worker: WorkerState) => Step): Step {
  let current: Step = { shim, effects: [] };
  for (const worker of shim.workers) current = chain(current, next => turn(next, worker));
  return current;
}

function put(shim: Shim, worker: WorkerState): Shim {
  return { ...shim, workers: shim.workers.map(other => (other.id === worker.id ? worker : other)) };
}

function assign(shim: Shim, batch: HeldBatch, workerId: number): Shim {
  const batches = shim.batches.map(other => (other.id === batch.id ? { ...other, workerId } : other));
  const workers = shim.workers.map(worker => (worker.id === workerId && !worker.used ? { ...worker, used: true } : worker));
  return { ...shim, batches, workers };
}

function without(shim: Shim, batchId: number): Shim {
  return { ...shim, batches: shim.batches.filter(({ id }) => id !== batchId) };
}

function chain(first: Step, next: (shim: Shim) => Step): Step {
  const second = next(first.shim);
  return { shim: second.shim, effects: [...first.effects, ...second.effects] };
}

function loadError(code: string, message: string): WireError {
  return { code, name: 'FaasError', message, stack: undefined };
}
