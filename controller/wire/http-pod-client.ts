import { type Dispatcher, Pool } from 'undici';
import { encodeBatch } from '../../runtime/protocol/batch.ts';
import { decodeLoadResult, encodeLoad } from '../../runtime/protocol/control.ts';
import { FrameReader, framesType } from '../../runtime/protocol/frame.ts';
import {
  type Batch,
  type BatchEnd,
  type LoadRequest,
  type LoadResult,
  type PodState,
  type PodStatus,
  wireVersion,
} from '../../runtime/protocol/messages.ts';
import { readReply } from '../../runtime/protocol/reply.ts';
import { wireVersionHeader } from '../../runtime/protocol/version.ts';
import type { Clock } from '../clock.ts';
import type { PodInfo } from '../ports/pods.ts';
import { RecycledBuffers } from '../recycled-buffers.ts';
import type { Log } from '../telemetry/log.ts';
import type { BatchListener, PodClient } from './pod-client.ts';

export interface HttpPodClientOptions {
  readonly clock: Clock;
  readonly log: Log;
}

/** Batches in flight per pod; a pod admits fewer. */
const connectionsMax = 64;
/** A pod says `alive` every 2 s: one that is silent for longer than this has hung or was stopped. */
const silenceMsMax = 8_000;
const statusTimeoutMs = 2_000;
/** Of buffers, for the next batches. */
const keptBytesMax = 4 * 2 ** 20;

/** One pool of keep-alive connections per pod, made at its first use and forgotten with its last connection. */
export function createHttpPodClient(options: HttpPodClientOptions): PodClient {
  return new HttpPodClient(options);
}

class HttpPodClient implements PodClient {
  readonly #options: HttpPodClientOptions;
  readonly #pools = new Map<string, Pool>();
  /** What all batches for a pod have in common, by its bootId. */
  readonly #batchRequests = new Map<string, BatchRequest>();
  readonly #buffers = new RecycledBuffers(keptBytesMax);

  constructor(options: HttpPodClientOptions) {
    this.#options = options;
  }

  async status(pod: PodInfo): Promise<PodStatus | undefined> {
    try {
      const answer = await this.#pool(pod).request({
        ...requestOf(pod, 'GET', '/v1/status'),
        headersTimeout: statusTimeoutMs,
        bodyTimeout: statusTimeoutMs,
      });
      const body: unknown = await answer.body.json();
      return answer.statusCode === 200 ? readStatus(body) : undefined;
    } catch {
      return undefined;
    }
  }

  async load(pod: PodInfo, request: LoadRequest, timeoutMs: number): Promise<LoadResult> {
    const patienceMs = timeoutMs + 3_000;
    try {
      const answer = await this.#pool(pod).request({
        ...requestOf(pod, 'POST', '/v1/load'),
        body: encodeLoad(request, timeoutMs),
        headersTimeout: patienceMs,
        bodyTimeout: patienceMs,
      });
      const body = new Uint8Array(await answer.body.arrayBuffer());
      if (answer.statusCode === 200) return decodeLoadResult(body);
      return failedLoad('FAAS_LOAD_REFUSED', `the pod answered ${answer.statusCode}: ${new TextDecoder().decode(body.subarray(0, 500))}`);
    } catch (error) {
      return failedLoad('FAAS_LOAD_LOST', `the pod did not answer: ${messageOf(error)}`);
    }
  }

  async run(pod: PodInfo, batch: Batch, on: BatchListener): Promise<BatchEnd> {
    const pool = this.#pool(pod);
    const body = encodeBatch(batch, bytes => this.#buffers.take(bytes));
    const options = { ...this.#batchRequest(pod), body };
    const end = await new Promise<BatchEnd>(resolve => {
      pool.dispatch(options, new BatchAnswer(on, resolve, batch.waits === true));
    });
    // Who has answered for all of it has read all of it; of any other end it is not known what is still being sent.
    if (end.kind === 'done') this.#buffers.giveBack(body);
    return end;
  }

  async close(): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    this.#batchRequests.clear();
    await Promise.all(pools.map(pool => pool.destroy()));
  }

  #batchRequest(pod: PodInfo): BatchRequest {
    const known = this.#batchRequests.get(pod.bootId);
    if (known !== undefined) return known;
    const request = { ...requestOf(pod, 'POST', '/v1/batch'), headersTimeout: silenceMsMax, bodyTimeout: silenceMsMax };
    this.#batchRequests.set(pod.bootId, request);
    return request;
  }

  #pool(pod: PodInfo): Pool {
    const known = this.#pools.get(pod.bootId);
    if (known !== undefined) return known;
    const pool = new Pool(pod.address, {
      connections: connectionsMax,
      pipelining: 1,
      keepAliveTimeout: 60_000,
      connect: { timeout: 2_000 },
    });
    this.#pools.set(pod.bootId, pool);
    pool.on('connectionError', () => this.#drop(pod, pool));
    pool.on('disconnect', () => {
      if (pool.stats.connected === 0 && pool.stats.size === 0) this.#drop(pod, pool);
    });
    return pool;
  }

  #drop(pod: PodInfo, pool: Pool): void {
    if (this.#pools.get(pod.bootId) !== pool) return;
    this.#pools.delete(pod.bootId);
    this.#batchRequests.delete(pod.bootId);
    this.#options.log.debug('connections to a pod are gone', { pod: pod.id });
    // What is on its way there may still have its answer: the pod has only stopped listening.
    pool.close().catch(() => undefined);
  }
}

/** The answer to a batch, while it streams in. Ends once, with the first of: an `end` frame, a refusal, a lost connection. */
class BatchAnswer implements Dispatcher.DispatchHandler {
  readonly #on: BatchListener;
  readonly #resolve: (end: BatchEnd) => void;
  readonly #reader = new FrameReader();
  readonly #waits: boolean;
  #isSent = false;
  #isBegun = false;
  #status = 0;
  #end: BatchEnd | undefined;

  constructor(on: BatchListener, resolve: (end: BatchEnd) => void, waits: boolean) {
    this.#on = on;
    this.#waits = waits;
    this.#resolve = resolve;
  }

  /** Just before the first byte is written to a connection that stands. */
  onRequestStart(): void {
    this.#isSent = true;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, statusCode: number): void {
    this.#status = statusCode;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#status !== 200) return;
    this.#isBegun = true;
    try {
      // Views of a Buffer cost several times as much as those of plain bytes.
      this.#reader.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length), frame => {
        const reply = readReply(frame);
        if (reply.kind === 'results') for (const result of reply.results) this.#on.result(result);
        else if (reply.kind === 'log') this.#on.log(reply.log);
        else if (reply.kind === 'end') this.#end = { kind: reply.end };
      });
    } catch (error) {
      controller.abort(error instanceof Error ? error : new Error('the answer cannot be read'));
    }
  }

  onResponseEnd(): void {
    const lost = this.#status === 200 ? 'the answer ended before the batch did' : `the pod answered ${this.#status}`;
    this.#resolve(this.#end ?? { kind: 'lost', detail: lost });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const isSeen = this.#waits ? this.#isBegun : this.#isSent;
    this.#resolve(this.#end ?? { kind: isSeen ? 'lost' : 'unreached', detail: messageOf(error) });
  }
}

type BatchRequest = ReturnType<typeof requestOf> & { readonly headersTimeout: number; readonly bodyTimeout: number };

function requestOf(pod: PodInfo, method: 'GET' | 'POST', path: string) {
  const headers = {
    authorization: `Bearer ${pod.token}`,
    [wireVersionHeader]: String(wireVersion),
    'content-type': framesType,
  };
  return { origin: pod.address, method, path, headers } as const;
}

const states = ['empty', 'loading', 'ready', 'draining', 'gone'] as const satisfies readonly PodState[];

function readStatus(body: unknown): PodStatus | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { wireVersions, state, bootId, unit, revision, handler, eventsInFlight, rssBytes } = body as Readonly<
    Record<keyof PodStatus, unknown>
  >;
  const known = states.find(name => name === state);
  if (known === undefined || !Array.isArray(wireVersions) || typeof bootId !== 'string') return undefined;
  return {
    wireVersions: wireVersions.filter(version => typeof version === 'number'),
    state: known,
    bootId,
    unit: typeof unit === 'string' ? unit : undefined,
    revision: typeof revision === 'string' ? revision : undefined,
    handler: handler === 'event' || handler === 'batch' ? handler : undefined,
    eventsInFlight: Number(eventsInFlight),
    rssBytes: Number(rssBytes),
  };
}

function failedLoad(code: string, message: string): LoadResult {
  return { kind: 'failed', error: { code, name: 'FaasError', message, stack: undefined } };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown';
}
