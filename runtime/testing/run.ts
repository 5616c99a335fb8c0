import { timeoutError } from '../pod/event-run.ts';
import type { CallRequest, FunctionHost, LoadedFunction } from '../pod/function-host.ts';
import type { RunningCall } from '../pod/running-call.ts';
import { WorkQueue } from '../pod/work-queue.ts';
import { decodeUtf8, parseJson } from '../protocol/intrinsics.ts';
import type { BatchEvent, EventResult, FailureReason, OkOutcome, Outcome, PodLog, WireEmit, WireError } from '../protocol/messages.ts';
import type { BatchHandler, Handler, Init, Shutdown } from '../sdk/handler.ts';
import { MemoryState } from './memory-state.ts';
import { type TestEvent, wireEvent } from './test-event.ts';

/** A handler's module, as `import * as handler from '../src/handler.ts'` gives it. */
export type HandlerModule<Data, State, Answer> =
  | { readonly default: Handler<Data, State, Answer>; readonly init?: Init; readonly shutdown?: Shutdown }
  | { readonly batch: BatchHandler<Data, State>; readonly init?: Init; readonly shutdown?: Shutdown };

/** What the manifest would say, and what the test wants to be there. */
export interface RunOptions<State = unknown> {
  /** Streams that the function may emit to; any other is an error, as in a pod. */
  readonly emits?: readonly string[];
  /** Functions that it may call or start, with what a call of each answers. A stub that throws is a callee that fails. */
  readonly calls?: Readonly<Record<string, (data: unknown, key: string | null) => unknown>>;
  /** State by key, before the first event. */
  readonly state?: Readonly<Record<string, State>>;
  /** Checks of streams' data, by stream: true, or what is wrong. */
  readonly schemas?: Readonly<Record<string, (data: unknown) => true | readonly string[]>>;
  /** The time at which everything happens; default 2026-01-01T00:00:00.000Z. It stands still. */
  readonly now?: Date;
  /** limits.timeout, in real time; default 5 s. */
  readonly timeoutMs?: number;
  readonly functionName?: string;
  readonly context?: string;
}

export interface TestEmit {
  readonly stream: string;
  readonly key: string | null;
  readonly data: unknown;
  readonly type: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

export interface TestStart {
  readonly id: string;
  readonly target: string;
  readonly key: string | null;
  readonly data: unknown;
}

export interface TestLog {
  readonly level: PodLog['level'];
  readonly message: string;
  readonly fields: PodLog['fields'];
}

/** What became of one event. `answer`: what the handler returned, for events with the trigger `call` (the default without a stream) or `webhook` (one with `respond: result`). */
export type TestResult<Answer> =
  | { readonly kind: 'ok'; readonly answer: Answer | undefined }
  | { readonly kind: 'failed'; readonly reason: FailureReason; readonly retryable: boolean; readonly error: WireError }
  /** Not handled, because it hung on what another event of its batch wrote, which failed. */
  | { readonly kind: 'returned' };

export interface RunReport<State, Answer> {
  /** One per event, in their order. */
  readonly results: readonly TestResult<Answer>[];
  /** Of the events that succeeded, in order; what a failed one emitted is not sent. */
  readonly emits: readonly TestEmit[];
  readonly starts: readonly TestStart[];
  /** All calls that were made, `fireAndForget` included. */
  readonly calls: readonly { readonly target: string; readonly key: string | null; readonly data: unknown }[];
  /** By key, after the last event. */
  readonly state: Readonly<Record<string, State>>;
  readonly logs: readonly TestLog[];
}

/**
 * Runs events through a handler, in memory, with the semantics of a pod: payloads travel as JSON, reads see own writes, what a failed event
 * wrote or emitted is not there, undeclared emits and calls and calls that nobody awaits are failures. One event after another, each with the
 * state that the ones before it left; a `batch` handler gets all of them in one call. A failed event is not tried again. `console` is left alone.
 *
 * @example
 * const { state, emits } = await run(totals, [{ key: 'ann', data: { total: 7 } }], { emits: ['vips'] });
 */
export async function run<Data, State, Answer>(
  module: HandlerModule<Data, State, Answer>,
  events: readonly TestEvent<Data>[],
  options: RunOptions<State> = {},
): Promise<RunReport<State, Answer>> {
  const bench = new Bench(loadedFunction(module, options), options);
  await module.init?.();
  const wires = events.map((event, offset) => wireEvent(event, offset, offset, bench.nowMs));
  const batches = 'batch' in module ? [wires] : wires.map(wire => [{ ...wire, index: 0 }]);
  const outcomes: Outcome[] = [];
  for (const batch of batches) outcomes.push(...(await bench.handle(batch)));
  await module.shutdown?.();
  const { emits, calls, state, logs } = bench;
  return {
    results: outcomes.map(outcome => resultOf<Answer>(outcome)),
    emits: emits.filter(({ kind }) => kind === 'emit').map(testEmit),
    starts: emits.filter(({ kind }) => kind === 'start').map(emit => ({ ...targetOf(emit), id: emit.id ?? '', target: emit.target })),
    calls,
    state: state.all<State>(),
    logs,
  };
}

/** The function on its bench: the pod's own queue, with memory where the server would be. */
class Bench {
  readonly nowMs: number;
  readonly emits: WireEmit[] = [];
  readonly calls: { target: string; key: string | null; data: unknown }[] = [];
  readonly logs: TestLog[] = [];
  readonly state: MemoryState;
  readonly #queue: WorkQueue;
  readonly #stubs: NonNullable<RunOptions['calls']>;
  readonly #timeoutMs: number;
  #onResult: (result: EventResult) => void = () => {};
  #batches = 0;
  #random = 0;

  constructor(fn: LoadedFunction, options: RunOptions) {
    this.nowMs = (options.now ?? new Date('2026-01-01T00:00:00.000Z')).getTime();
    this.state = new MemoryState(options.state ?? {});
    this.#timeoutMs = fn.timeoutMs;
    this.#stubs = Object.fromEntries(Object.entries(options.calls ?? {}).map(([target, stub]) => [unitOf(target, fn.context), stub]));
    this.#queue = new WorkQueue({
      fn,
      host: this.#host(),
      board: { enter: () => undefined, leave() {} },
      concurrency: 1,
      enter: (call, _run, handle) => this.#timed(call, handle),
      onResult: (_batchId, result) => {
        this.#onResult(result);
        return true;
      },
      yieldTurn: () => new Promise(resolve => setImmediate(resolve)),
    });
  }

  /** The outcomes of a batch in the order of its events; good ones are committed before this resolves. */
  async handle(events: readonly BatchEvent[]): Promise<readonly Outcome[]> {
    const outcomes = new Map<number, Outcome>();
    this.#batches += 1;
    await new Promise<void>(resolve => {
      this.#onResult = ({ index, outcome }) => {
        outcomes.set(index, outcome);
        if (outcomes.size === events.length) resolve();
      };
      if (events.length === 0) return resolve();
      this.#queue.add(this.#batches, { batchToken: '', unit: '', revision: '', events, state: [] }, this.nowMs);
    });
    const ordered = events.flatMap(({ index }) => outcomes.get(index) ?? []);
    for (const outcome of ordered) if (outcome.kind === 'ok') this.#commit(outcome);
    return ordered;
  }

  #commit(outcome: OkOutcome): void {
    this.state.apply(outcome.writes);
    this.emits.push(...outcome.emits);
  }

  /** In a pod the worker would be ended. */
  #timed<Result>(call: RunningCall, handle: () => Result): Result {
    const timer = setTimeout(() => this.#queue.fail(call, timeoutError()), this.#timeoutMs);
    call.onOver = () => clearTimeout(timer);
    return handle();
  }

  #host(): FunctionHost {
    return {
      now: () => this.nowMs,
      monotonic: () => performance.now(),
      randomHex: bytes => {
        this.#random += 1;
        return this.#random.toString(16).padStart(bytes * 2, '0');
      },
      readState: async (_token, keys) => this.state.read(keys),
      call: async (_token, request) => this.#call(request),
      log: (_batchId, { level, message, fields }) => this.logs.push({ level, message, fields }),
    };
  }

  async #call({ target, key, data }: CallRequest) {
    const sent: unknown = parseJson(data);
    this.calls.push({ target, key, data: sent });
    const stub = this.#stubs[target];
    if (stub === undefined) return { kind: 'failed', code: 'FAAS_CALL_FAILED', message: `there is no stub of ${target}` } as const;
    try {
      const answer = await stub(sent, key);
      return { kind: 'ok', answer: answer === undefined ? undefined : JSON.stringify(answer) } as const;
    } catch (error) {
      return { kind: 'failed', code: 'FAAS_CALL_FAILED', message: error instanceof Error ? error.message : String(error) } as const;
    }
  }
}

function loadedFunction<Data, State, Answer>(module: HandlerModule<Data, State, Answer>, options: RunOptions<State>): LoadedFunction {
  const handler: unknown = 'batch' in module ? module.batch : module.default;
  if (typeof handler !== 'function') throw new TypeError('the module exports neither a `default` function nor `batch`');
  const context = options.context ?? 'test';
  const functionName = options.functionName ?? 'handler';
  return {
    unit: `${context}.${functionName}`,
    context,
    functionName,
    revision: 'r0-00000000',
    kind: 'batch' in module ? 'batch' : 'event',
    handler: (...args) => Reflect.apply(handler, undefined, args),
    timeoutMs: options.timeoutMs ?? 5_000,
    emits: new Set(options.emits ?? []),
    calls: new Set(Object.keys(options.calls ?? {}).map(target => unitOf(target, context))),
    schemas: new Map(Object.entries(options.schemas ?? {})),
    dataFilters: {},
  };
}

function unitOf(target: string, context: string): string {
  return target.includes('.') ? target : `${context}.${target}`;
}

function resultOf<Answer>(outcome: Outcome): TestResult<Answer> {
  if (outcome.kind === 'failed') return outcome;
  if (outcome.kind === 'returned') return { kind: 'returned' };
  return { kind: 'ok', answer: outcome.answer === undefined ? undefined : (parseJson(decodeUtf8(outcome.answer)) as Answer) };
}

function testEmit(emit: WireEmit): TestEmit {
  const headers = Object.fromEntries(
    emit.headers.filter(([name]) => name !== 'traceparent').map(([name, value]) => [name, decodeUtf8(value)]),
  );
  return { ...targetOf(emit), stream: emit.target, type: emit.type, headers };
}

function targetOf(emit: WireEmit): { readonly key: string | null; readonly data: unknown } {
  const data = emit.contentType === 'application/json' ? parseJson(decodeUtf8(emit.value)) : emit.value;
  return { key: emit.key === null ? null : decodeUtf8(emit.key), data };
}
