import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BatchHead } from '../protocol/batch.ts';
import { encodeLoadResult } from '../protocol/control.ts';
import { framesType } from '../protocol/frame.ts';
import type { LoadRequest, LoadResult, PodStatus, WireError } from '../protocol/messages.ts';
import { wireVersions } from '../protocol/version.ts';
import { assertNever } from '../sdk/assert-never.ts';
import { type BoardView, readBoard } from './board.ts';
import { type BundleFile, hashMatches, writeBundle } from './bundle-file.ts';
import { armPodFaultPoint, type PodFaultPoints } from './fault-points.ts';
import { crypto } from './late-modules.ts';
import { OpenBatch } from './open-batch.ts';
import type { PodCredentials } from './pod-credentials.ts';
import { createPodServer, type PodHandlers, type PodServer } from './pod-server.ts';
import { rehearseLoad } from './rehearse-load.ts';
import { emptyShim, step } from './shim.ts';
import type { ExitReason, Shim, ShimEffect, ShimInput } from './shim-state.ts';
import type { FromWorker } from './thread-messages.ts';
import { startWorker, type WorkerClient } from './worker-client.ts';

export interface PodOptions {
  readonly bootId: string;
  readonly memoryBytes: number;
  /** The bundled worker. */
  readonly workerFile: string;
  readonly rssBytes: () => number;
  readonly output: (stream: 'stdout' | 'stderr', text: string) => void;
  /** Where a test ends this pod. */
  readonly faultPoint?: string | undefined;
  /** Called once, after everything is answered. A thread that is left sits in a native call, and would keep `process.exit` waiting for ever. */
  readonly exit: (reason: ExitReason, threadsLeft: boolean) => void;
  /** Called as soon as the reason is known, before the server is closed. */
  readonly ending?: (reason: ExitReason) => void;
  readonly more?: PodHandlers['more'];
  readonly seen?: () => void;
}

export interface Pod {
  /** Resolves with the port; 0 takes a free one. */
  listen(host: string, port?: number): Promise<number>;
  /** Once before anything else, and again by a parent that has taken over. */
  admit(credentials: PodCredentials): void;
  stop(graceMs: number): void;
  /** Ends the threads and the server without a word. */
  destroy(): void;
}

const busyTickMs = 20;
const idleTickMs = 250;
const aliveMs = 2_000;
const lastAnswersMsMax = 500;
/** A pod that has not got its function by then is a generic one, and nobody waits for it: one that was started for a function has it within half of that. */
const rehearseAfterMs = 100;
/** A limit below what a pod takes by itself would end it before it began: this much is always left to the handler. */
const handlerBytesMin = 32 * 2 ** 20;

/** A generic pod: the shim's machine with its server and its worker threads around it. */
export function createPod(options: PodOptions): Pod {
  return new RunningPod(options);
}

class RunningPod implements Pod {
  readonly #options: PodOptions;
  readonly #faults: PodFaultPoints;
  readonly #http: PodServer;
  readonly #workers = new Map<number, WorkerClient>();
  readonly #batches = new Map<number, OpenBatch>();
  #shim: Shim = emptyShim();
  #credentials: PodCredentials | undefined;
  #load: { readonly request: LoadRequest; readonly response: ServerResponse } | undefined;
  /** While workers import them. */
  readonly #bundles = new Map<number, BundleFile>();
  #nextBatchId = 1;
  #handler: PodStatus['handler'];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #tickDueAtMs = 0;
  #beatAtMs = 0;
  #over = false;
  #rehearsal: ReturnType<typeof setTimeout> | undefined;

  constructor(options: PodOptions) {
    this.#options = options;
    this.#faults = armPodFaultPoint(options.faultPoint, () => process.kill(process.pid, 'SIGKILL'));
    // The thread first: it starts up beside the server.
    this.#startWorker(1);
    this.#http = createPodServer(() => this.#credentials?.secret, {
      status: () => this.#status(),
      load: (request, loadTimeoutMs, response) => this.#startLoad(request, loadTimeoutMs, response),
      batch: (head, bytes, response) => this.#startBatch(head, bytes, response),
      more: (request, response) => options.more?.(request, response) ?? false,
      seen: () => options.seen?.(),
    });
  }

  async listen(host: string, port = 0): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#http.server.once('error', reject);
      this.#http.server.listen(port, host, resolve);
    });
    this.#schedule();
    // While the parent hears of it, and not when its first request waits for it.
    setImmediate(crypto);
    this.#rehearsal = setTimeout(rehearseLoad, rehearseAfterMs);
    return (this.#http.server.address() as AddressInfo).port;
  }

  admit(credentials: PodCredentials): void {
    this.#credentials = credentials;
    this.#tellCallback();
  }

  stop(graceMs: number): void {
    this.#step({ kind: 'stop', nowMs: Date.now(), graceMs });
  }

  destroy(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#rehearsal);
    for (const bundle of this.#bundles.values()) bundle.remove();
    for (const worker of this.#workers.values()) worker.terminate();
    this.#http.server.close();
    this.#http.server.closeAllConnections();
  }

  #status(): PodStatus {
    return {
      wireVersions,
      state: this.#shim.phase,
      bootId: this.#options.bootId,
      unit: this.#load?.request.unit,
      revision: this.#load?.request.revision,
      handler: this.#handler,
      eventsInFlight: this.#shim.batches.reduce((sum, { open }) => sum + open, 0),
      rssBytes: this.#options.rssBytes(),
    };
  }

  #startLoad(request: LoadRequest, loadTimeoutMs: number, response: ServerResponse): void {
    if (this.#shim.phase !== 'empty') {
      this.#answerLoad(response, failedLoad('FAAS_LOAD_TWICE', `the pod is ${this.#shim.phase}: a pod loads one function in its life`));
      return;
    }
    if (!hashMatches(request)) {
      this.#answerLoad(response, failedLoad('FAAS_LOAD_HASH', 'the bundle does not match its hash'));
      return;
    }
    clearTimeout(this.#rehearsal);
    this.#load = { request, response };
    this.#faults('load.received');
    const { concurrency, lifespanMs } = request;
    const memoryBytes = Math.max(request.memoryBytes, this.#options.rssBytes() + handlerBytesMin);
    this.#step({ kind: 'load', nowMs: Date.now(), limits: { concurrency, lifespanMs, memoryBytes, loadTimeoutMs } });
  }

  #startBatch(head: BatchHead, bytes: Uint8Array<ArrayBuffer>, response: ServerResponse): void {
    const batchId = this.#nextBatchId;
    this.#nextBatchId += 1;
    this.#batches.set(batchId, new OpenBatch(batchId, head, bytes, response));
    response.on('close', () => {
      if (response.writableFinished) return;
      this.#batches.delete(batchId);
      this.#step({ kind: 'batch-gone', nowMs: Date.now(), batchId });
    });
    const known = head.unit === this.#load?.request.unit && head.revision === this.#load.request.revision;
    if (!known || this.#over) {
      this.#perform({ kind: 'end-batch', batchId, end: 'draining' });
      return;
    }
    this.#faults('batch.received');
    const { eventCount: events, exclusive, waits } = head;
    this.#step({ kind: 'batch', batchId, events, bytes: bytes.length, exclusive, waits, nowMs: Date.now() });
    this.#batches.get(batchId)?.keep();
  }

  #startWorker(workerId: number): void {
    const client = startWorker(this.#options.workerFile, this.#load?.request.memoryBytes ?? this.#options.memoryBytes, {
      message: message => this.#receive(workerId, message),
      output: this.#options.output,
      ended: error => {
        const board = boardOf(client);
        this.#workers.delete(workerId);
        this.#removeBundle(workerId);
        this.#step({ kind: 'worker-ended', nowMs: Date.now(), workerId, board, error });
      },
    });
    this.#workers.set(workerId, client);
  }

  #receive(workerId: number, message: FromWorker): void {
    const nowMs = Date.now();
    switch (message.kind) {
      case 'replies': {
        const { batchId, frames, answered } = message;
        const batch = this.#batches.get(batchId);
        if (batch === undefined) return;
        this.#faults('replies.before-pass');
        const isPassed = batch.pass(frames, answered);
        this.#faults('replies.after-pass');
        if (!isPassed) this.#endGuessing(workerId, nowMs);
        else if (answered.length > 0) this.#step({ kind: 'answered', nowMs, batchId, count: answered.length });
        return;
      }
      case 'loaded': {
        const phases = { loadMs: message.loadMs, initMs: message.initMs };
        this.#step({ kind: 'loaded', nowMs, workerId, result: { kind: 'ready', handler: message.handler, phases } });
        this.#handler = message.handler;
        this.#bundles.get(workerId)?.removeLater(() => this.#bundles.delete(workerId));
        this.#tellCallback();
        break;
      }
      case 'load-failed':
        this.#step({ kind: 'load-failed', nowMs, workerId, error: message.error });
        break;
      case 'bad-batch':
        this.#batches.get(message.batchId)?.abandon();
        this.#step({ kind: 'batch-gone', nowMs, batchId: message.batchId });
        break;
      case 'output':
        this.#options.output(message.stream, message.text);
        break;
      case 'tainted':
      case 'shut-down':
        this.#step({ kind: message.kind, nowMs, workerId });
        break;
      case 'unattributed':
        this.#endGuessing(workerId, nowMs);
        return;
      default:
        assertNever(message);
    }
  }

  /** Something of this worker is wrong, and nobody knows what: it ends, and its events go again one by one. */
  #endGuessing(workerId: number, nowMs: number): void {
    const client = this.#workers.get(workerId);
    if (client !== undefined) this.#step({ kind: 'unattributed', nowMs, workerId, board: boardOf(client) });
  }

  #step(input: ShimInput): void {
    if (this.#over) return;
    const { shim, effects } = step(this.#shim, input);
    this.#shim = shim;
    for (const effect of effects) this.#perform(effect);
    if (input.kind === 'batch' || input.kind === 'load' || input.kind === 'stop') this.#schedule();
  }

  #perform(effect: ShimEffect): void {
    switch (effect.kind) {
      case 'start-worker':
        this.#startWorker(effect.workerId);
        break;
      case 'load-worker':
        this.#loadWorker(effect.workerId);
        break;
      case 'answer-load':
        if (this.#load !== undefined) this.#answerLoad(this.#load.response, effect.result);
        return;
      case 'run':
        this.#run(effect.workerId, effect.batchId);
        break;
      case 'cancel':
        this.#workers.get(effect.workerId)?.send({ kind: 'cancel', batchId: effect.batchId });
        break;
      case 'tell':
        this.#workers.get(effect.workerId)?.send({ kind: effect.what });
        break;
      case 'settle':
        this.#batches.get(effect.batchId)?.settle(effect.running, effect.rest);
        this.#endBatch(effect.batchId, 'done');
        break;
      case 'end-batch':
        this.#endBatch(effect.batchId, effect.end);
        break;
      case 'terminate':
        this.#workers.get(effect.workerId)?.terminate();
        break;
      case 'exit':
        this.#exit(effect.reason);
        break;
      default:
        assertNever(effect);
    }
  }

  #loadWorker(workerId: number): void {
    if (this.#load === undefined) return;
    const { code: _code, sourceMap: _sourceMap, ...request } = this.#load.request;
    try {
      const bundle = writeBundle(this.#load.request);
      this.#bundles.set(workerId, bundle);
      const callbackUrl = this.#credentials?.callbackUrl ?? '';
      this.#workers.get(workerId)?.load({ request, bundleUrl: bundle.url, callbackUrl, faultPoint: this.#options.faultPoint });
    } catch (error) {
      const message = `the bundle could not be written: ${error instanceof Error ? error.message : 'unknown'}`;
      // After the effects of this step: the machine takes one input at a time.
      queueMicrotask(() => this.#step({ kind: 'load-failed', nowMs: Date.now(), workerId, error: loadError('FAAS_LOAD_WRITE', message) }));
    }
  }

  /** To workers that have their function; one that loads is told when it has. */
  #tellCallback(): void {
    if (this.#handler === undefined || this.#credentials === undefined) return;
    const { callbackUrl } = this.#credentials;
    for (const worker of this.#workers.values()) worker.send({ kind: 'callback', callbackUrl });
  }

  #removeBundle(workerId: number): void {
    this.#bundles.get(workerId)?.remove();
    this.#bundles.delete(workerId);
  }

  #run(workerId: number, batchId: number): void {
    const batch = this.#batches.get(batchId);
    if (batch?.bytes === undefined) return;
    const { bytes, receivedAtMs } = batch;
    const worker = this.#workers.get(workerId);
    batch.begin(worker?.lines);
    worker?.send({ kind: 'batch', batchId, bytes, receivedAtMs }, [bytes.buffer]);
    this.#faults('batch.handed-over');
  }

  #endBatch(batchId: number, end: 'done' | 'busy' | 'draining'): void {
    if (end === 'done') this.#faults('batch.before-end');
    this.#batches.get(batchId)?.end(end);
    this.#batches.delete(batchId);
  }

  #answerLoad(response: ServerResponse, result: LoadResult): void {
    this.#faults('load.before-answer');
    response.writeHead(200, { 'content-type': framesType });
    response.end(encodeLoadResult(result));
  }

  /**
   * Looks at deadlines, memory and lifespan; often while something runs. A look that is due is never put off: batches that follow one
   * another without a pause would put it off for ever.
   */
  #schedule(): void {
    if (this.#over) return;
    const busy = this.#shim.batches.length > 0 || this.#shim.phase === 'loading' || this.#shim.exit !== undefined;
    const dueAtMs = performance.now() + (busy ? busyTickMs : idleTickMs);
    if (this.#timer !== undefined && this.#tickDueAtMs <= dueAtMs) return;
    clearTimeout(this.#timer);
    this.#tickDueAtMs = dueAtMs;
    this.#timer = setTimeout(() => this.#tick(), dueAtMs - performance.now());
    this.#timer.unref();
  }

  #tick(): void {
    this.#timer = undefined;
    const nowMs = Date.now();
    const boards = new Map([...this.#workers].map(([id, client]) => [id, boardOf(client)]));
    this.#step({ kind: 'tick', nowMs, rssBytes: this.#options.rssBytes(), boards });
    if (nowMs - this.#beatAtMs > aliveMs) {
      this.#beatAtMs = nowMs;
      for (const batch of this.#batches.values()) batch.beat();
    }
    this.#schedule();
  }

  /** Lets the last answers leave before the process ends. */
  #exit(reason: ExitReason): void {
    this.#over = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#rehearsal);
    for (const bundle of this.#bundles.values()) bundle.remove();
    this.#options.ending?.(reason);
    this.#http.connections.end(lastAnswersMsMax, () => this.#options.exit(reason, this.#workers.size > 0));
  }
}

const emptyBoard: BoardView = { heartbeatMs: 0, synchronousSlot: undefined, culpritSlot: undefined, running: [] };

function boardOf(client: WorkerClient): BoardView {
  return client.board === undefined ? emptyBoard : readBoard(client.board);
}

function failedLoad(code: string, message: string): LoadResult {
  return { kind: 'failed', error: loadError(code, message) };
}

function loadError(code: string, message: string): WireError {
  return { code, name: 'FaasError', message, stack: undefined };
}
