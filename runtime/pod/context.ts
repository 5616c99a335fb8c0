import { encodeUtf8, parseJson } from '../protocol/intrinsics.ts';
import type { BatchContext, CallOptions, Context, EmitOptions, Log, StateHandle } from '../sdk/context.ts';
import { FaasError } from '../sdk/errors.ts';
import type { FaasEvent } from '../sdk/event.ts';
import type { BatchStateView } from './batch-state.ts';
import { encodeEmission, jsonText, undeclared } from './emission.ts';
import type { CallScope, EventRun } from './event-run.ts';
import type { CallAnswer, FunctionHost, LoadedFunction } from './function-host.ts';
import { sharedStateHandle, stateHandle } from './state-handle.ts';

export interface ContextParts {
  readonly fn: LoadedFunction;
  readonly host: FunctionHost;
  readonly batchId: number;
  readonly batchToken: string;
  readonly view: BatchStateView;
  readonly scope: CallScope;
  readonly cold: boolean;
}

/** The context of a handler that takes one event. Its functions need no `this`: they may be taken out of it. */
export function createContext(run: EventRun, parts: ContextParts): Context {
  const { fn, host, scope, view } = parts;
  const stateOf = <State>(key: string): StateHandle<State> => stateHandle<State>(checkedKey(key), run.effects, view);
  return {
    get state() {
      if (run.event.key === null)
        throw new FaasError('FAAS_STATE_NO_KEY', 'the event has no key, so it has no state', 'Use ctx.stateOf(key).');
      return stateOf<unknown>(run.event.key);
    },
    stateOf,
    emit(stream, key, data, options) {
      emit(run, fn, stream, key, data, options);
    },
    call: <Result>(target: string, key: string | null, data: unknown, options?: CallOptions) =>
      call(run, parts, target, key, data, options) as Promise<Result>,
    start: (target, key, data) => start(run, fn, target, key, data),
    fireAndForget(target, key, data) {
      const request = { ...callRequest(run, parts, target, key, data, undefined), wait: 'forget' as const };
      const sent = host.call(parts.batchToken, request).then(
        answer => answer.kind === 'failed' && run.log('warn', 'fire-and-forget call was not accepted', { target, code: answer.code }),
        () => run.log('warn', 'fire-and-forget call was not accepted', { target }),
      );
      scope.forgets.push(sent);
    },
    get signal() {
      return scope.signal;
    },
    deadline: scope.deadlineMs,
    cold: parts.cold,
    log: logOf((level, message, fields) => run.log(level, message, fields)),
    functionName: fn.functionName,
    revision: fn.revision,
    attempt: run.wire.attempt,
    idempotencyKey: run.wire.idempotencyKey,
    get trace() {
      return { traceparent: run.traceparent };
    },
  };
}

/** The context of a `batch` handler. An event that is not of this batch: FAAS_BATCH_EVENT. */
export function createBatchContext(runs: ReadonlyMap<FaasEvent, EventRun>, parts: ContextParts): BatchContext {
  const { fn, host, scope, view } = parts;
  const runOf = (event: FaasEvent): EventRun => {
    const run = runs.get(event);
    if (run === undefined)
      throw new FaasError('FAAS_BATCH_EVENT', 'the event given is none of this batch', 'Pass one of the events that the handler got.');
    return run;
  };
  return {
    stateOf: (key, event) => {
      const run = runOf(event);
      return sharedStateHandle(checkedKey(key), run.wire.index, run.effects, view);
    },
    emit(event, stream, key, data, options) {
      emit(runOf(event), fn, stream, key, data, options);
    },
    start: (event, target, key, data) => start(runOf(event), fn, target, key, data),
    idempotencyKeyOf: event => runOf(event).wire.idempotencyKey,
    attemptOf: event => runOf(event).wire.attempt,
    get signal() {
      return scope.signal;
    },
    deadline: scope.deadlineMs,
    cold: parts.cold,
    log: logOf((level, message, fields) =>
      host.log(parts.batchId, { index: undefined, level, message, fields, atMs: host.now(), traceparent: undefined }),
    ),
    functionName: fn.functionName,
    revision: fn.revision,
  };
}

function emit(
  run: EventRun,
  fn: LoadedFunction,
  stream: string,
  key: string | null,
  data: unknown,
  options: EmitOptions | undefined,
): void {
  run.effects.assertOpen();
  run.effects.emits.push(
    encodeEmission({ kind: 'emit', target: stream, key, data, options, id: undefined, traceparent: run.traceparent }, fn),
  );
}

function start(run: EventRun, fn: LoadedFunction, target: string, key: string | null, data: unknown): string {
  run.effects.assertOpen();
  const id = run.effects.startId(run.wire.idempotencyKey);
  const unit = unitOf(fn, target);
  run.effects.emits.push(
    encodeEmission({ kind: 'start', target: unit, key, data, options: undefined, id, traceparent: run.traceparent }, fn),
  );
  return id;
}

/** Rejects with FAAS_CALL_* when the callee fails; the handler that resolves while a call is open fails (FAAS_FLOATING_CALL). */
function call(
  run: EventRun,
  parts: ContextParts,
  target: string,
  key: string | null,
  data: unknown,
  options: CallOptions | undefined,
): Promise<unknown> {
  const request = callRequest(run, parts, target, key, data, options);
  parts.scope.openCalls += 1;
  const answered = parts.host
    .call(parts.batchToken, request)
    .then(resultOf)
    .finally(() => {
      parts.scope.openCalls -= 1;
    });
  // A call that nobody awaits is reported as FAAS_FLOATING_CALL; its rejection is not reported twice.
  answered.catch(() => undefined);
  return answered;
}

function callRequest(
  run: EventRun,
  { fn, scope }: ContextParts,
  target: string,
  key: string | null,
  data: unknown,
  options: CallOptions | undefined,
) {
  run.effects.assertOpen();
  const unit = unitOf(fn, target);
  if (!fn.calls.has(unit)) throw undeclared('call', String(target));
  return {
    target: unit,
    key,
    data: jsonText(data ?? null, 'FAAS_CALL_NOT_JSON', 'the data of a call'),
    timeoutMs: Math.min(scope.remainingMs, options?.timeoutMs ?? Number.POSITIVE_INFINITY),
    idempotencyKey: options?.idempotencyKey,
    traceparent: run.traceparent,
    wait: 'answer' as const,
  };
}

function resultOf(answer: CallAnswer): unknown {
  if (answer.kind === 'failed') throw new FaasError(answer.code, answer.message);
  return answer.answer === undefined ? undefined : parseJson(answer.answer);
}

/** `tax` is a function of the own context. */
function unitOf(fn: LoadedFunction, target: string): string {
  return typeof target === 'string' && !target.includes('.') ? `${fn.context}.${target}` : target;
}

function checkedKey(key: string): string {
  if (typeof key === 'string' && encodeUtf8(key).length <= 1024) return key;
  throw new FaasError('FAAS_STATE_KEY', 'a key of state is a string of at most 1024 bytes');
}

type Write = (level: 'debug' | 'info' | 'warn' | 'error', message: string, fields: Readonly<Record<string, unknown>> | undefined) => void;

function logOf(write: Write): Log {
  return {
    debug: (message, fields) => write('debug', message, fields),
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    error: (message, fields) => write('error', message, fields),
  };
}
