import { encodeUtf8, parseJson } from '../protocol/intrinsics.ts';
import type { BatchOrigin } from '../protocol/messages.ts';
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
  readonly batch: BatchOrigin;
  readonly view: BatchStateView;
  readonly scope: CallScope;
  readonly cold: boolean;
}

/** The context of a handler that takes one event. */
export function createContext(run: EventRun, parts: ContextParts): Context {
  return new EventContext(run, parts);
}

/**
 * What a handler does not touch is not made: methods are getters that answer functions without `this`, so that they may be taken out of the
 * context (`const { emit } = ctx`), and cost nothing where they are not.
 */
abstract class SharedContext {
  readonly #parts: ContextParts;

  constructor(parts: ContextParts) {
    this.#parts = parts;
  }

  get signal(): AbortSignal {
    return this.#parts.scope.signal;
  }

  get deadline(): number {
    return this.#parts.scope.deadlineMs;
  }

  get cold(): boolean {
    return this.#parts.cold;
  }

  get functionName(): string {
    return this.#parts.fn.functionName;
  }

  get revision(): string {
    return this.#parts.fn.revision;
  }
}

class EventContext extends SharedContext implements Context {
  readonly #run: EventRun;
  readonly #parts: ContextParts;

  constructor(run: EventRun, parts: ContextParts) {
    super(parts);
    this.#run = run;
    this.#parts = parts;
  }

  get attempt(): number {
    return this.#run.wire.attempt;
  }

  get idempotencyKey(): string {
    return this.#run.wire.idempotencyKey;
  }

  get state(): StateHandle<unknown> {
    const { key } = this.#run.event;
    if (key === null) throw new FaasError('FAAS_STATE_NO_KEY', 'the event has no key, so it has no state', 'Use ctx.stateOf(key).');
    return stateHandle(key, this.#run.effects, this.#parts.view);
  }

  get stateOf(): Context['stateOf'] {
    return key => stateHandle(checkedKey(key), this.#run.effects, this.#parts.view);
  }

  get emit(): Context['emit'] {
    return (stream, key, data, options) => emit(this.#run, this.#parts.fn, stream, key, data, options);
  }

  get call(): Context['call'] {
    return <Result>(target: string, key: string | null, data: unknown, options?: CallOptions) =>
      call(this.#run, this.#parts, target, key, data, options) as Promise<Result>;
  }

  get start(): Context['start'] {
    return (target, key, data) => start(this.#run, this.#parts.fn, target, key, data);
  }

  get fireAndForget(): Context['fireAndForget'] {
    return (target, key, data) => forget(this.#run, this.#parts, target, key, data);
  }

  get log(): Log {
    return logOf((level, message, fields) => this.#run.log(level, message, fields));
  }

  get trace(): Context['trace'] {
    return { traceparent: this.#run.traceparent };
  }
}

/** The context of a `batch` handler. An event that is not of this batch: FAAS_BATCH_EVENT. */
export function createBatchContext(runs: ReadonlyMap<FaasEvent, EventRun>, parts: ContextParts): BatchContext {
  return new EventsContext(runs, parts);
}

class EventsContext extends SharedContext implements BatchContext {
  readonly #runs: ReadonlyMap<FaasEvent, EventRun>;
  readonly #parts: ContextParts;

  constructor(runs: ReadonlyMap<FaasEvent, EventRun>, parts: ContextParts) {
    super(parts);
    this.#runs = runs;
    this.#parts = parts;
  }

  get stateOf(): BatchContext['stateOf'] {
    return (key, event) => {
      const run = this.#runOf(event);
      return sharedStateHandle(checkedKey(key), run.wire.index, run.effects, this.#parts.view);
    };
  }

  get emit(): BatchContext['emit'] {
    return (event, stream, key, data, options) => emit(this.#runOf(event), this.#parts.fn, stream, key, data, options);
  }

  get start(): BatchContext['start'] {
    return (event, target, key, data) => start(this.#runOf(event), this.#parts.fn, target, key, data);
  }

  get idempotencyKeyOf(): BatchContext['idempotencyKeyOf'] {
    return event => this.#runOf(event).wire.idempotencyKey;
  }

  get attemptOf(): BatchContext['attemptOf'] {
    return event => this.#runOf(event).wire.attempt;
  }

  get log(): Log {
    const { host, batchId } = this.#parts;
    return logOf((level, message, fields) =>
      host.log(batchId, { index: undefined, level, message, fields, atMs: host.now(), traceparent: undefined }),
    );
  }

  #runOf(event: FaasEvent): EventRun {
    const run = this.#runs.get(event);
    if (run !== undefined) return run;
    throw new FaasError('FAAS_BATCH_EVENT', 'the event given is none of this batch', 'Pass one of the events that the handler got.');
  }
}

/** The batch ends only after the call was handed over: its token is valid until then. */
function forget(run: EventRun, parts: ContextParts, target: string, key: string | null, data: unknown): void {
  const request = { ...callRequest(run, parts, target, key, data, undefined), wait: 'forget' as const };
  const refused = (code: string): void => run.log('warn', 'fire-and-forget call was not accepted', { target: request.target, code });
  const sent = parts.host.call(parts.batch, request).then(
    answer => answer.kind === 'failed' && refused(answer.code),
    () => refused('FAAS_CALL_UNAVAILABLE'),
  );
  parts.scope.addForget(sent);
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
  run.effects.emit(encodeEmission({ kind: 'emit', target: stream, key, data, options, id: undefined, traceparent: run.traceparent }, fn));
}

function start(run: EventRun, fn: LoadedFunction, target: string, key: string | null, data: unknown): string {
  run.effects.assertOpen();
  const id = run.effects.startId(run.wire.idempotencyKey);
  const unit = unitOf(fn, target);
  run.effects.emit(encodeEmission({ kind: 'start', target: unit, key, data, options: undefined, id, traceparent: run.traceparent }, fn));
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
    .call(parts.batch, request)
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
