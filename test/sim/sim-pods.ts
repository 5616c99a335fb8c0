import type { LiveFunction } from '../../controller/functions/live-function.ts';
import type { PodExit, PodInfo } from '../../controller/ports/pods.ts';
import type { StateRead, StateStore } from '../../controller/ports/state.ts';
import type { BatchTokens } from '../../controller/wire/batch-tokens.ts';
import type { BatchListener, PodClient } from '../../controller/wire/pod-client.ts';
import type { PodDirectory, PodView } from '../../controller/wire/pod-directory.ts';
import { decodeBatch, encodeBatch } from '../../runtime/protocol/batch.ts';
import type { Batch, BatchEnd, BatchEvent, EventResult, Outcome, WireEmit } from '../../runtime/protocol/messages.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';
import { HandlerError, handle, type SimContext } from './handlers.ts';
import { ConnectionLost, type ProcessLink } from './process-link.ts';
import type { Trace } from './trace.ts';
import type { SimEvent } from './workload.ts';

/** What can happen to pods without anybody's fault; probabilities per batch, but for `handlerMs`. */
export interface PodFaults {
  readonly handlerMs: number;
  readonly busy: number;
  /** The connection of a batch breaks; the pod does not notice. */
  readonly cut: number;
}

/** What really ran, over all processes: read by the checker. */
export interface Executions {
  readonly started: Map<string, number>;
  /** Times that the event itself ended its pod or worker. */
  readonly crashes: Map<string, number>;
  /** Of these, the times that nothing else ran there. */
  readonly loneCrashes: Map<string, number>;
  /** Times that the handler threw or ran out of time. */
  readonly failures: Map<string, number>;
  /** What ails until then goes well from now on. */
  healed: boolean;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();
const podsMax = 3;
/** As the pod itself admits: two batches of any size, more of them while they are small. */
const batchesAlways = 2;
const eventsPerConcurrency = 4;

interface Running {
  readonly run: Run;
  readonly lane: BatchEvent[];
  readonly event: BatchEvent;
  readonly startedAtMs: number;
  over: boolean;
}

interface Run {
  readonly pod: Pod;
  readonly batch: Batch;
  /** Lanes of the batch; the first of each may run. */
  readonly lanes: BatchEvent[][];
  readonly busyLanes: Set<BatchEvent[]>;
  /** Key → the last write of an event of this batch that has ended well. */
  readonly written: Map<string, { readonly index: number; readonly value: Uint8Array | null }>;
  readonly prefetched: ReadonlyMap<string, StateRead>;
  answer(result: EventResult): void;
  end(end: BatchEnd): void;
  open: boolean;
  /** It waits for the pod's function. */
  waits: boolean;
}

interface Pod {
  readonly info: PodInfo;
  readonly view: PodView;
  readonly timeoutMs: number;
  state: 'loading' | 'ready' | 'draining' | 'gone';
  /** Whether others are told while it loads. */
  readonly isTold: boolean;
  readonly runs: Set<Run>;
  readonly running: Set<Running>;
}

/** The pods of one process: directory and client in one, with handlers that run on the virtual clock. */
export class SimPods implements PodDirectory, PodClient {
  readonly #link: ProcessLink;
  readonly #clock: VirtualClock;
  readonly #random: SeededRandom;
  readonly #trace: Trace;
  readonly #state: StateStore;
  readonly #tokens: BatchTokens;
  readonly #executions: Executions;
  readonly #pods = new Map<string, Pod>();
  readonly #starting = new Map<string, number>();
  readonly #changeListeners = new Set<(unit: string) => void>();
  readonly #exitListeners = new Set<Parameters<PodDirectory['onExit']>[0]>();
  #live: ReadonlyMap<string, LiveFunction> = new Map();
  #made = 0;
  faults: PodFaults;

  constructor(options: {
    link: ProcessLink;
    clock: VirtualClock;
    random: SeededRandom;
    trace: Trace;
    /** As the server sees it: reads of pods go through it. */
    state: StateStore;
    tokens: BatchTokens;
    executions: Executions;
    faults: PodFaults;
  }) {
    this.#link = options.link;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#trace = options.trace;
    this.#state = options.state;
    this.#tokens = options.tokens;
    this.#executions = options.executions;
    this.faults = options.faults;
  }

  /** What should run; pods of other revisions are drained. */
  update(functions: readonly LiveFunction[]): void {
    this.#live = new Map(functions.map(live => [live.unit, live]));
    for (const pod of this.#pods.values()) if (this.#live.get(pod.view.unit)?.revision !== pod.view.revision) this.#drain(pod);
  }

  podsOf(unit: string): readonly PodView[] {
    return [...this.#pods.values()]
      .filter(pod => pod.view.unit === unit && pod.state !== 'gone' && pod.state !== 'loading')
      .map(pod => (pod.state === 'draining' ? { ...pod.view, state: 'draining' } : pod.view));
  }

  comingOf(unit: string): readonly PodView[] {
    return [...this.#pods.values()].filter(pod => pod.view.unit === unit && pod.state === 'loading' && pod.isTold).map(pod => pod.view);
  }

  want(unit: string, pods: number): boolean {
    this.#trace.add(this.#link.name, `wants ${pods} pods of ${unit}`);
    const alive = [...this.#pods.values()].filter(
      pod => pod.view.unit === unit && (pod.state === 'ready' || pod.state === 'loading'),
    ).length;
    for (let i = alive + (this.#starting.get(unit) ?? 0); i < Math.min(pods, podsMax); i += 1) this.#startSoon(unit);
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

  /** Ends a pod as by kill -9; answers whether there was one. */
  crashOne(): boolean {
    const alive = [...this.#pods.values()].filter(pod => pod.state !== 'gone');
    if (alive.length === 0) return false;
    this.#crash(this.#random.pick(alive), 'killed');
    return true;
  }

  drainOne(): void {
    const ready = [...this.#pods.values()].filter(pod => pod.state === 'ready');
    if (ready.length > 0) this.#drain(this.#random.pick(ready));
  }

  /** The process is gone: its pods notice, and end within two seconds. */
  orphan(): void {
    this.#clock.after(this.#random.between(0, 2_000), () => {
      for (const pod of this.#pods.values()) this.#end(pod, 'crashed');
    });
  }

  async status(info: PodInfo): ReturnType<PodClient['status']> {
    return this.#link.command(
      'pod.status',
      async () => {
        const pod = this.#pods.get(info.id);
        if (pod === undefined || pod.state === 'gone') return undefined;
        const { unit, revision } = pod.view;
        return {
          wireVersions: [1],
          state: pod.state,
          bootId: info.bootId,
          unit,
          revision,
          handler: 'event',
          eventsInFlight: pod.running.size,
          rssBytes: 0,
        };
      },
      false,
    );
  }

  async load(): ReturnType<PodClient['load']> {
    throw new Error('pods of the simulation start with their function');
  }

  async close(): Promise<void> {}

  /** The batch as it is on the wire, so that its rules hold here as well. */
  run(info: PodInfo, sent: Batch, on: BatchListener): Promise<BatchEnd> {
    return new Promise(resolve => {
      const batch = decodeBatch(encodeBatch(sent));
      // One connection: what the pod says arrives in its order.
      let lastAtMs = 0;
      let cut = false;
      const say = (deliver: () => void) => {
        lastAtMs = Math.max(lastAtMs, this.#clock.now() + this.#random.fraction() * this.#link.faults.delayMs);
        this.#clock.after(lastAtMs - this.#clock.now(), () => this.#link.deliver(deliver));
      };
      const end = (how: BatchEnd) => say(() => resolve(how));
      this.#clock.after(this.#random.fraction() * this.#link.faults.delayMs, () => {
        const pod = this.#pods.get(info.id);
        if (pod === undefined || pod.state === 'gone') return end({ kind: 'unreached', detail: 'connection refused' });
        const waits = pod.state === 'loading' && batch.waits === true;
        if (pod.state !== 'ready' && !waits) return end({ kind: 'draining' });
        if (isFull(pod, batch) || this.#random.chance(this.faults.busy)) return end({ kind: 'busy' });
        this.#trace.add(
          this.#link.name,
          `${info.id} ${waits ? 'keeps' : 'gets'} ${batch.events.map(event => `${idOf(event)}/${event.attempt}`).join(' ')}`,
        );
        const run = newRun(
          pod,
          batch,
          result => cut || say(() => on.result(result)),
          how => cut || end(how),
          waits,
        );
        pod.runs.add(run);
        if (this.#random.chance(this.faults.cut)) {
          this.#clock.after(this.#random.between(0, 50), () => {
            if (!run.open) return;
            this.#trace.add(this.#link.name, `${info.id} connection cut`);
            // What the pod said last, that it has begun, may be lost on the way.
            const isUnheard = run.waits || (waits && this.#random.chance(0.5));
            end({ kind: isUnheard ? 'unreached' : 'lost', detail: 'connection reset' });
            cut = true;
          });
        }
        this.#goOn(pod);
      });
    });
  }

  #startSoon(unit: string): void {
    this.#starting.set(unit, (this.#starting.get(unit) ?? 0) + 1);
    this.#clock.after(this.#random.between(5, 120), () => {
      this.#starting.set(unit, (this.#starting.get(unit) ?? 1) - 1);
      const live = this.#live.get(unit);
      if (live === undefined || this.#link.state === 'dead') return;
      this.#made += 1;
      const id = `${this.#link.name}-pod${this.#made}`;
      const info = {
        id,
        bootId: this.#random.token(),
        address: `http://${id}`,
        token: 'token',
        startedAtMs: this.#clock.now(),
        pid: undefined,
      };
      const { concurrency, timeoutMs } = live.spec.limits;
      const view: PodView = { pod: info, unit, revision: live.revision, state: 'ready', handler: 'event', concurrency };
      const isTold = this.#random.chance(0.7);
      const pod: Pod = { info, view, timeoutMs, state: 'loading', isTold, runs: new Set(), running: new Set() };
      this.#pods.set(id, pod);
      this.#changed(unit);
      this.#clock.after(this.#random.between(0, 80), () => this.#loaded(pod));
    });
  }

  /** What waited begins. */
  #loaded(pod: Pod): void {
    if (pod.state !== 'loading') return;
    pod.state = 'ready';
    for (const run of pod.runs) run.waits = false;
    this.#changed(pod.view.unit);
    this.#goOn(pod);
  }

  #changed(unit: string): void {
    this.#link.deliver(() => {
      for (const listener of this.#changeListeners) listener(unit);
    });
  }

  #drain(pod: Pod): void {
    if (pod.state === 'loading') this.#end(pod, 'stopped');
    if (pod.state !== 'ready') return;
    pod.state = 'draining';
    this.#trace.add(this.#link.name, `${pod.info.id} drains`);
    this.#changed(pod.view.unit);
    this.#endIfDrained(pod);
    // The drain deadline: what runs then is given back.
    this.#clock.after(5_000, () => {
      for (const running of [...pod.running]) this.#finish(running, { kind: 'returned', why: 'draining' });
      for (const run of [...pod.runs]) this.#giveBack(run, 'draining');
      this.#endIfDrained(pod);
    });
  }

  #endIfDrained(pod: Pod): void {
    if (pod.state === 'draining' && pod.runs.size === 0) this.#clock.after(10, () => this.#end(pod, 'stopped'));
  }

  /** Starts what may start: heads of free lanes, at most `concurrency` events at once. */
  #goOn(pod: Pod): void {
    if (pod.state === 'loading') return;
    for (const run of pod.runs) {
      for (const lane of run.lanes) {
        if (pod.running.size >= pod.view.concurrency) return;
        const event = lane[0];
        if (event === undefined || run.busyLanes.has(lane)) continue;
        lane.shift();
        run.busyLanes.add(lane);
        this.#start(pod, run, lane, event);
      }
    }
  }

  #start(pod: Pod, run: Run, lane: BatchEvent[], event: BatchEvent): void {
    const running: Running = { run, lane, event, startedAtMs: this.#clock.now(), over: false };
    pod.running.add(running);
    count(this.#executions.started, idOf(event));
    const effects = new Effects();
    const context = this.#context(running, effects);
    const work = async (): Promise<Outcome> => {
      await context.pause(this.#random.fraction() * this.faults.handlerMs);
      await handle(eventOf(event), context);
      return effects.outcome(running.startedAtMs, this.#clock.now());
    };
    void work()
      .catch((error: unknown): Outcome => {
        const retryable = error instanceof HandlerError ? error.retryable : true;
        return {
          kind: 'failed',
          reason: 'error',
          retryable,
          error: { code: 'FAAS_HANDLER', name: 'Error', message: String(error), stack: undefined },
        };
      })
      .then(outcome => {
        if (running.over) return;
        if (outcome.kind === 'ok') for (const { key, value } of outcome.writes) run.written.set(key, { index: event.index, value });
        this.#finish(running, outcome);
      });
    this.#clock.after(pod.timeoutMs, () => this.#timeOut(running));
  }

  /** The worker is ended: the late event has its attempt, those that ran beside it are given back. */
  #timeOut(running: Running): void {
    if (running.over) return;
    const { pod } = running.run;
    for (const other of [...pod.running]) if (other !== running) this.#finish(other, { kind: 'returned', why: 'neighbour-timeout' });
    const error = { code: 'FAAS_TIMEOUT', name: 'TimeoutError', message: `took longer than ${pod.timeoutMs} ms`, stack: undefined };
    this.#finish(running, { kind: 'failed', reason: 'timeout', retryable: true, error });
  }

  #finish(running: Running, outcome: Outcome): void {
    if (running.over) return;
    running.over = true;
    const { run, lane, event } = running;
    run.pod.running.delete(running);
    if (outcome.kind === 'failed') count(this.#executions.failures, idOf(event));
    run.answer({ index: event.index, outcome });
    run.busyLanes.delete(lane);
    if (outcome.kind !== 'ok' && run.batch.order !== 'none') {
      for (const next of lane.splice(0)) run.answer({ index: next.index, outcome: { kind: 'returned', why: 'after-failure' } });
    }
    this.#endIfDone(run);
    this.#goOn(run.pod);
  }

  #giveBack(run: Run, why: 'draining'): void {
    for (const lane of run.lanes)
      for (const event of lane.splice(0)) run.answer({ index: event.index, outcome: { kind: 'returned', why } });
    this.#endIfDone(run);
  }

  #endIfDone(run: Run): void {
    if (!run.open || run.lanes.some(lane => lane.length > 0) || [...run.pod.running].some(running => running.run === run)) return;
    run.open = false;
    run.pod.runs.delete(run);
    run.end({ kind: 'done' });
    this.#endIfDrained(run.pod);
  }

  /** A poison event either takes the whole pod with it, or its worker alone, and then the shim answers. */
  #poisoned(running: Running): void {
    const { pod } = running.run;
    count(this.#executions.crashes, idOf(running.event));
    if (pod.running.size === 1) count(this.#executions.loneCrashes, idOf(running.event));
    this.#trace.add(this.#link.name, `${idOf(running.event)} crashes ${pod.info.id} beside ${pod.running.size - 1} others`);
    if (this.#random.chance(0.6)) {
      this.#crash(pod, 'crashed');
      return;
    }
    if (pod.running.size > 1) {
      for (const one of [...pod.running]) this.#finish(one, { kind: 'returned', why: 'worker-ended' });
      return;
    }
    const error = { code: 'FAAS_WORKER_EXIT', name: 'Error', message: 'the worker ended', stack: undefined };
    this.#finish(running, { kind: 'failed', reason: 'crash', retryable: true, error });
  }

  #crash(pod: Pod, reason: 'crashed' | 'killed'): void {
    this.#trace.add(this.#link.name, `${pod.info.id} ${reason}`);
    this.#end(pod, reason);
  }

  #end(pod: Pod, reason: PodExit['reason']): void {
    if (pod.state === 'gone') return;
    pod.state = 'gone';
    for (const running of pod.running) running.over = true;
    pod.running.clear();
    for (const run of pod.runs) {
      run.open = false;
      run.end({ kind: run.waits ? 'unreached' : 'lost', detail: 'connection reset' });
    }
    pod.runs.clear();
    // The exit is seen before or after the broken connection.
    this.#clock.after(this.#random.fraction() * 20, () => {
      this.#pods.delete(pod.info.id);
      const exit = { id: pod.info.id, bootId: pod.info.bootId, reason, code: null, signal: null, unit: pod.view.unit };
      this.#link.deliver(() => {
        for (const listener of this.#exitListeners) listener(exit);
      });
      this.#changed(pod.view.unit);
    });
  }

  #context(running: Running, effects: Effects): SimContext {
    const { run, event } = running;
    const read = async (key: string): Promise<unknown> => {
      const own = effects.writes.get(key);
      if (own !== undefined) return parse(own);
      const earlier = run.written.get(key);
      const found =
        earlier === undefined
          ? (run.prefetched.get(key) ?? (await this.#readState(run, key)))
          : { key, version: `@${earlier.index}`, value: earlier.value ?? undefined };
      if (!effects.reads.has(key)) effects.reads.set(key, found.version);
      return found.value === undefined ? undefined : parse(found.value);
    };
    return {
      unit: run.batch.unit,
      attempt: event.attempt,
      healed: this.#executions.healed,
      get: read,
      set: (key, value) => void effects.writes.set(key, encoder.encode(JSON.stringify(value))),
      emit: (target, key, data) => effects.emits.push(wireEmit('emit', target, key, data, undefined)),
      start: (target, key, data) =>
        effects.emits.push(wireEmit('start', target, key, data, `${event.idempotencyKey}/start/${effects.emits.length}`)),
      pause: ms => new Promise(resolve => void this.#clock.after(ms, () => running.over || resolve())),
      crash: () => {
        this.#poisoned(running);
        return new Promise(() => {});
      },
    };
  }

  /** As pods do: over the server, with the token of the batch, and again when the store did not answer. */
  async #readState(run: Run, key: string): Promise<StateRead> {
    while (true) {
      if (this.#tokens.find(run.batch.batchToken)?.unit !== run.batch.unit)
        throw new HandlerError('the batch token is not valid any more', true);
      try {
        const [found] = await this.#state.read(run.batch.unit, [key]);
        return found ?? { key, version: null, value: undefined };
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
        await this.#clock.sleep(5);
      }
    }
  }
}

class Effects {
  readonly reads = new Map<string, string | null>();
  readonly writes = new Map<string, Uint8Array>();
  readonly emits: WireEmit[] = [];

  outcome(enteredAtMs: number, nowMs: number): Outcome {
    return {
      kind: 'ok',
      reads: [...this.reads].map(([key, version]) => ({ key, version })),
      writes: [...this.writes].map(([key, value]) => ({ key, value })),
      emits: this.emits,
      answer: undefined,
      filtered: false,
      busyMs: nowMs - enteredAtMs,
      enteredAtMs,
    };
  }
}

function isFull(pod: Pod, batch: Batch): boolean {
  const waiting = [...pod.runs].reduce((sum, run) => run.lanes.reduce((lanes, lane) => lanes + lane.length, sum), 0);
  const events = waiting + pod.running.size + batch.events.length;
  return pod.runs.size >= batchesAlways && events > pod.view.concurrency * eventsPerConcurrency;
}

function newRun(pod: Pod, batch: Batch, answer: Run['answer'], end: Run['end'], waits: boolean): Run {
  const byLane = new Map<string, BatchEvent[]>();
  for (const event of batch.events) {
    const key = event.key === null ? `event ${event.index}` : `key ${decoder.decode(event.key)}`;
    const name = batch.order === 'partition' ? 'all' : key;
    byLane.set(name, [...(byLane.get(name) ?? []), event]);
  }
  const lanes = [...byLane.values()];
  const prefetched = new Map(batch.state.map(({ key, version, value }) => [key, { key, version, value }]));
  return { pod, batch, lanes, busyLanes: new Set(), written: new Map(), prefetched, answer, end, open: true, waits };
}

function wireEmit(kind: WireEmit['kind'], target: string, key: string | null, data: unknown, id: string | undefined): WireEmit {
  const value = encoder.encode(JSON.stringify(data));
  return {
    kind,
    target,
    key: key === null ? null : encoder.encode(key),
    value,
    contentType: 'application/json',
    id,
    type: undefined,
    headers: [],
  };
}

/** The payload as the workload wrote it; what another function emitted runs without any act. */
export function eventOf(event: Pick<BatchEvent, 'key' | 'value'>): SimEvent {
  const { id, act = { kind: 'ok' }, emits = 0, start = false, relay = false, total = false, transfer } = parseEvent(event.value);
  return { id, act, emits, start, relay, total, transfer, key: event.key === null ? null : decoder.decode(event.key) };
}

function idOf(event: Pick<BatchEvent, 'value'>): string {
  return parseEvent(event.value).id;
}

function parseEvent(value: Uint8Array | null): Pick<SimEvent, 'id'> & Partial<SimEvent> {
  return JSON.parse(decoder.decode(value ?? undefined));
}

function parse(value: Uint8Array): unknown {
  return JSON.parse(decoder.decode(value));
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
