import type { Clock } from '../../controller/clock.ts';
import type { PodExit, PodInfo } from '../../controller/ports/pods.ts';
import type { StateStore } from '../../controller/ports/state.ts';
import type { BatchListener, PodClient } from '../../controller/wire/pod-client.ts';
import type { PodDirectory, PodView } from '../../controller/wire/pod-directory.ts';
import { decodeBatch, encodeBatch } from '../../runtime/protocol/batch.ts';
import type {
  Batch,
  BatchEnd,
  BatchEvent,
  FailureReason,
  LoadResult,
  OkOutcome,
  Outcome,
  PodLog,
  PodStatus,
  WireEmit,
  WireHeader,
} from '../../runtime/protocol/messages.ts';

/** What a handler of the tests can do; nothing leaves it unless it succeeds. */
export interface MemoryContext {
  readonly attempt: number;
  /** As text; null without a key. */
  readonly key: string | null;
  readonly value: string;
  readonly podId: string;
  read(key: string): Promise<string | undefined>;
  write(key: string, value: string | null): void;
  emit(target: string, key: string | null, value: string, headers?: readonly WireHeader[]): void;
  start(unit: string, key: string | null, value: string): void;
  answer(value: string): void;
  /** As if a payload filter had not matched. */
  filter(): void;
  log(message: string): void;
  sleep(ms: number): Promise<void>;
}

export interface MemoryFunction {
  readonly handler: 'event' | 'batch';
  readonly concurrency: number;
  /** undefined: no time limit. */
  readonly timeoutMs?: number;
  /** Called per event, also for `batch` functions. Throw `PodCrash` to end the pod, `Failure` to choose the reason. */
  run(event: BatchEvent, ctx: MemoryContext): void | Promise<void>;
}

/** Thrown by a handler: the whole pod ends, with everything that runs on it. */
export class PodCrash extends Error {
  readonly reason: PodExit['reason'];

  constructor(reason: PodExit['reason'] = 'crashed') {
    super('the pod crashed');
    this.reason = reason;
  }
}

/** Thrown by a handler: a failure with this reason. */
export class Failure extends Error {
  readonly reason: FailureReason;
  readonly retryable: boolean;

  constructor(reason: FailureReason, retryable: boolean) {
    super(`failed: ${reason}`);
    this.reason = reason;
    this.retryable = retryable;
  }
}

/** What may go wrong on the way; the defaults let nothing go wrong and take no time. */
export interface MemoryPodFaults {
  admit?(pod: PodInfo, batch: Batch): 'ok' | 'busy' | 'draining';
  /** How long one message takes, in either direction. */
  latencyMs?(): number;
  /** The connection breaks before this result, with the pod alive. */
  loses?(pod: PodInfo, batch: Batch, index: number): boolean;
  /** How long after the end of a pod its exit is reported. */
  exitDelayMs?(): number;
}

interface MemoryPod {
  readonly view: PodView;
  readonly run: MemoryFunction;
  draining: boolean;
  gone: boolean;
  running: number;
  eventsInFlight: number;
  readonly waiting: (() => void)[];
  readonly ends: Set<(end: BatchEnd) => void>;
}

/** A pod for tests behind the interfaces of the real one: it runs handlers in this process, in the time of a clock that may be virtual. */
export class MemoryPodFleet implements PodDirectory {
  readonly client: PodClient;
  readonly wishes: { unit: string; pods: number; reason: string }[] = [];
  /** Called for each wish; starts pods if it likes. */
  onWant: ((unit: string, pods: number, reason: string) => void) | undefined;
  readonly #clock: Clock;
  readonly #state: StateStore | undefined;
  readonly #faults: MemoryPodFaults;
  readonly #pods = new Map<string, MemoryPod>();
  readonly #changeListeners = new Set<(unit: string) => void>();
  readonly #exitListeners = new Set<Parameters<PodDirectory['onExit']>[0]>();
  #started = 0;

  constructor(options: { clock: Clock; state?: StateStore; faults?: MemoryPodFaults }) {
    this.#clock = options.clock;
    this.#state = options.state;
    this.#faults = options.faults ?? {};
    this.client = {
      status: async pod => this.#statusOf(pod),
      load: async (): Promise<LoadResult> => ({ kind: 'ready', handler: 'event', phases: { loadMs: 0, initMs: 0 } }),
      run: (pod, batch, on) => this.#runBatch(pod, batch, on),
      close: async () => {},
    };
  }

  /** A pod that is ready at once. */
  start(unit: string, revision: string, run: MemoryFunction): PodView {
    this.#started += 1;
    const id = `pod-${this.#started}`;
    const pod: PodInfo = {
      id,
      bootId: `boot-${this.#started}`,
      address: `memory://${id}`,
      token: '',
      startedAtMs: this.#clock.now(),
      pid: undefined,
    };
    const view: PodView = { pod, unit, revision, state: 'ready', handler: run.handler, concurrency: run.concurrency };
    this.#pods.set(id, { view, run, draining: false, gone: false, running: 0, eventsInFlight: 0, waiting: [], ends: new Set() });
    this.#changed(unit);
    return view;
  }

  /** No new batches; what runs goes on. */
  drain(podId: string): void {
    const pod = this.#pods.get(podId);
    if (pod === undefined) return;
    pod.draining = true;
    this.#changed(pod.view.unit);
  }

  /** Ends the pod at once: its batches are lost, and its exit is reported. */
  end(podId: string, reason: PodExit['reason']): void {
    const pod = this.#pods.get(podId);
    if (pod === undefined || pod.gone) return;
    pod.gone = true;
    this.#pods.delete(podId);
    for (const end of pod.ends) end({ kind: 'lost', detail: 'connection reset' });
    const { id, bootId } = pod.view.pod;
    const report = () => {
      for (const listener of this.#exitListeners) listener({ id, bootId, reason, code: 1, signal: null, unit: pod.view.unit });
      this.#changed(pod.view.unit);
    };
    const delayMs = this.#faults.exitDelayMs?.() ?? 0;
    if (delayMs === 0) report();
    else this.#clock.after(delayMs, report);
  }

  podIds(unit: string): string[] {
    return [...this.#pods.values()].filter(pod => pod.view.unit === unit).map(pod => pod.view.pod.id);
  }

  /** Its pods start with their function. */
  comingOf(): readonly PodView[] {
    return [];
  }

  podsOf(unit: string): readonly PodView[] {
    return [...this.#pods.values()]
      .filter(pod => pod.view.unit === unit)
      .map(pod => ({ ...pod.view, state: pod.draining ? ('draining' as const) : ('ready' as const) }));
  }

  want(unit: string, pods: number, reason: 'first-event' | 'waiting-events' | 'direct-call'): boolean {
    this.wishes.push({ unit, pods, reason });
    this.onWant?.(unit, pods, reason);
    return true;
  }

  onChange(listener: (unit: string) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  onExit(listener: Parameters<PodDirectory['onExit']>[0]): () => void {
    this.#exitListeners.add(listener);
    return () => this.#exitListeners.delete(listener);
  }

  #changed(unit: string): void {
    for (const listener of this.#changeListeners) listener(unit);
  }

  #statusOf(info: PodInfo): PodStatus | undefined {
    const pod = this.#pods.get(info.id);
    if (pod === undefined) return undefined;
    const { unit, revision } = pod.view;
    const state = pod.draining ? 'draining' : 'ready';
    return {
      wireVersions: [1],
      state,
      bootId: info.bootId,
      unit,
      revision,
      handler: 'event',
      eventsInFlight: pod.eventsInFlight,
      rssBytes: 0,
    };
  }

  /** As the batch is on the wire, so that its rules hold here as well. */
  async #runBatch(info: PodInfo, sent: Batch, on: BatchListener): Promise<BatchEnd> {
    const batch = decodeBatch(encodeBatch(sent));
    await this.#latency();
    const pod = this.#pods.get(info.id);
    if (pod === undefined) return { kind: 'unreached', detail: 'connection refused' };
    if (pod.draining) return { kind: 'draining' };
    const admitted = this.#faults.admit?.(info, batch) ?? 'ok';
    if (admitted !== 'ok') return { kind: admitted };
    return new Promise(resolve => {
      const run = new BatchRun(batch, on);
      const end = (how: BatchEnd) => {
        run.over = true;
        pod.ends.delete(end);
        resolve(how);
      };
      pod.ends.add(end);
      pod.eventsInFlight += batch.events.length;
      const rows = rowsOf(batch).map(row => this.#runRow(pod, run, row, end));
      void Promise.all(rows).then(() => end({ kind: 'done' }));
    });
  }

  async #runRow(pod: MemoryPod, run: BatchRun, row: readonly BatchEvent[], end: (how: BatchEnd) => void): Promise<void> {
    let failed = false;
    for (const event of row) {
      const outcome: Outcome = failed ? { kind: 'returned', why: 'after-failure' } : await this.#runEvent(pod, run, event);
      pod.eventsInFlight -= 1;
      if (pod.gone) return;
      failed ||= outcome.kind !== 'ok' && run.batch.order !== 'none';
      if (outcome.kind === 'ok') for (const { key, value } of outcome.writes) run.written.set(key, { index: event.index, value });
      await this.#latency();
      if (this.#faults.loses?.(pod.view.pod, run.batch, event.index)) end({ kind: 'lost', detail: 'connection reset' });
      if (!run.over && !pod.gone) run.on.result({ index: event.index, outcome });
    }
  }

  async #runEvent(pod: MemoryPod, run: BatchRun, event: BatchEvent): Promise<Outcome> {
    if (pod.running >= pod.run.concurrency) await new Promise<void>(resolve => pod.waiting.push(resolve));
    pod.running += 1;
    const call = new EventCall(this.#clock, this.#state, pod, run, event);
    try {
      return await this.#limited(call.outcome(), pod.run.timeoutMs);
    } catch (error) {
      if (!(error instanceof PodCrash)) throw error;
      this.end(pod.view.pod.id, error.reason);
      return { kind: 'returned', why: 'worker-ended' };
    } finally {
      pod.running -= 1;
      pod.waiting.shift()?.();
    }
  }

  #limited(outcome: Promise<Outcome>, timeoutMs: number | undefined): Promise<Outcome> {
    if (timeoutMs === undefined) return outcome;
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(timeoutMs, () => resolve(failure('timeout', true, 'out of time')));
      outcome.then(resolve, reject).finally(cancel);
    });
  }

  async #latency(): Promise<void> {
    const ms = this.#faults.latencyMs?.() ?? 0;
    if (ms > 0) await this.#clock.sleep(ms);
  }
}

class BatchRun {
  readonly batch: Batch;
  readonly on: BatchListener;
  /** What events of this batch wrote: key → the last writer. */
  readonly written = new Map<string, { index: number; value: Uint8Array | null }>();
  over = false;

  constructor(batch: Batch, on: BatchListener) {
    this.batch = batch;
    this.on = on;
  }
}

class EventCall implements MemoryContext {
  readonly attempt: number;
  readonly key: string | null;
  readonly value: string;
  readonly podId: string;
  readonly #clock: Clock;
  readonly #state: StateStore | undefined;
  readonly #pod: MemoryPod;
  readonly #run: BatchRun;
  readonly #event: BatchEvent;
  readonly #reads = new Map<string, { version: string | null; value: Uint8Array | undefined }>();
  readonly #writes = new Map<string, Uint8Array | null>();
  readonly #emits: WireEmit[] = [];
  #answer: Uint8Array | undefined;
  #filtered = false;

  constructor(clock: Clock, state: StateStore | undefined, pod: MemoryPod, run: BatchRun, event: BatchEvent) {
    this.#clock = clock;
    this.#state = state;
    this.#pod = pod;
    this.#run = run;
    this.#event = event;
    this.attempt = event.attempt;
    this.key = event.key === null ? null : Buffer.from(event.key).toString();
    this.value = event.value === null ? '' : Buffer.from(event.value).toString();
    this.podId = pod.view.pod.id;
  }

  async outcome(): Promise<Outcome> {
    const enteredAtMs = this.#clock.now();
    try {
      await this.#pod.run.run(this.#event, this);
    } catch (error) {
      if (error instanceof PodCrash) throw error;
      if (error instanceof Failure) return failure(error.reason, error.retryable, error.message);
      return failure('error', true, error instanceof Error ? error.message : String(error));
    }
    return this.#ok(enteredAtMs);
  }

  async read(key: string): Promise<string | undefined> {
    const own = this.#writes.get(key);
    if (own !== undefined) return own === null ? undefined : Buffer.from(own).toString();
    const seen = this.#reads.get(key) ?? (await this.#fetch(key));
    this.#reads.set(key, seen);
    return seen.value === undefined ? undefined : Buffer.from(seen.value).toString();
  }

  write(key: string, value: string | null): void {
    this.#writes.set(key, value === null ? null : Buffer.from(value));
  }

  emit(target: string, key: string | null, value: string, headers: readonly WireHeader[] = []): void {
    this.#emits.push({ ...this.#sent(key, value, headers), kind: 'emit', target, id: undefined });
  }

  start(unit: string, key: string | null, value: string): void {
    const id = `${this.#event.idempotencyKey}/start-${this.#emits.length}`;
    this.#emits.push({ ...this.#sent(key, value, []), kind: 'start', target: unit, id });
  }

  answer(value: string): void {
    this.#answer = Buffer.from(value);
  }

  filter(): void {
    this.#filtered = true;
  }

  log(message: string): void {
    const log: PodLog = {
      index: this.#event.index,
      level: 'info',
      message,
      fields: undefined,
      atMs: this.#clock.now(),
      traceparent: undefined,
    };
    if (!this.#run.over) this.#run.on.log(log);
  }

  sleep(ms: number): Promise<void> {
    return this.#clock.sleep(ms);
  }

  #sent(key: string | null, value: string, headers: readonly WireHeader[]) {
    return {
      key: key === null ? null : Buffer.from(key),
      value: Buffer.from(value),
      contentType: 'application/json',
      type: undefined,
      headers,
    };
  }

  async #fetch(key: string): Promise<{ version: string | null; value: Uint8Array | undefined }> {
    const written = this.#run.written.get(key);
    if (written !== undefined) return { version: `@${written.index}`, value: written.value ?? undefined };
    const prefetched = this.#run.batch.state.find(one => one.key === key);
    if (prefetched !== undefined) return prefetched;
    const [stored] = (await this.#state?.read(this.#run.batch.unit, [key])) ?? [];
    return stored ?? { version: null, value: undefined };
  }

  #ok(enteredAtMs: number): OkOutcome {
    return {
      kind: 'ok',
      reads: [...this.#reads].map(([key, { version }]) => ({ key, version })),
      writes: [...this.#writes].map(([key, value]) => ({ key, value })),
      emits: this.#emits,
      answer: this.#event.noAnswer === true ? undefined : this.#answer,
      filtered: this.#filtered,
      busyMs: this.#clock.now() - enteredAtMs,
      enteredAtMs,
    };
  }
}

/** Rows run side by side; the events of a row one after another. */
function rowsOf(batch: Batch): BatchEvent[][] {
  if (batch.order === 'partition') return [[...batch.events]];
  const rows = new Map<string, BatchEvent[]>();
  for (const event of batch.events) {
    const row = event.key === null ? `#${event.index}` : `:${Buffer.from(event.key).toString('latin1')}`;
    const events = rows.get(row);
    if (events === undefined) rows.set(row, [event]);
    else events.push(event);
  }
  return [...rows.values()];
}

function failure(reason: FailureReason, retryable: boolean, message: string): Outcome {
  return { kind: 'failed', reason, retryable, error: { code: 'FAAS_HANDLER_ERROR', name: 'Error', message, stack: undefined } };
}
