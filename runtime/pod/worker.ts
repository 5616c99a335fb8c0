import { AsyncLocalStorage } from 'node:async_hooks';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type MessagePort, parentPort } from 'node:worker_threads';
import { decodeBatch } from '../protocol/batch.ts';
import { NativePromise, textSlice } from '../protocol/intrinsics.ts';
import type { PodLog } from '../protocol/messages.ts';
import { BoardWriter } from './board.ts';
import { createCallbacks } from './callbacks.ts';
import { captureOutput } from './captured-output.ts';
import { describeError } from './describe-error.ts';
import type { EventRun } from './event-run.ts';
import { armPodFaultPoint } from './fault-points.ts';
import type { FunctionHost } from './function-host.ts';
import { loadBundle } from './load-bundle.ts';
import { rehearsals } from './rehearsals.ts';
import { rehearse } from './rehearse.ts';
import { ReplyBuffer } from './reply-buffer.ts';
import type { RunningCall } from './running-call.ts';
import type { FromWorker, ToWorker } from './thread-messages.ts';
import { UnsentLines } from './unsent-lines.ts';
import { WorkQueue } from './work-queue.ts';

/** The worker thread of a pod: waits for its function, then runs its handler on the batches that the shim hands over. */

interface Current {
  readonly call: RunningCall;
  readonly run: EventRun | undefined;
}

// Taken before any author's code runs, which may replace them.
const now = Date.now;
const monotonic = performance.now.bind(performance);
const later = setImmediate;
const exitThread = process.exit.bind(process);
const killProcess = process.kill.bind(process);
const ownPid = process.pid;
const random = Math.random;
const heartbeatMs = 10;
/** A thread that has not got its function by then is a generic pod's, and nobody waits for it. */
const prepareAfterMs = 100;

const current = new AsyncLocalStorage<Current>();

parentPort?.once('message', (port: MessagePort) => {
  parentPort?.unref();
  const idle = setTimeout(() => void prepare(), prepareAfterMs);
  port.on('message', (message: ToWorker) => {
    if (message.kind !== 'load') return;
    clearTimeout(idle);
    void load(port, message);
  });
});

/**
 * What Node makes at the first use, and a load would wait for: the streams of the thread, the loader of modules, and everything that has not
 * run before and is compiled when it does.
 */
async function prepare(): Promise<void> {
  for (const stream of ['stdout', 'stderr']) Reflect.get(process, stream);
  process.setSourceMapsEnabled(true);
  try {
    await import(pathToFileURL(join(dirname(process.argv[1] ?? ''), 'pod-empty.js')).href);
    for (let time = 0; time < rehearsals; time += 1) {
      await rehearse({ now, monotonic, randomHex }, (call, run, handle) => current.run({ call, run }, handle));
    }
  } catch {}
}

async function load(port: MessagePort, message: ToWorker & { kind: 'load' }): Promise<void> {
  const send = (out: FromWorker, transfer: ArrayBuffer[] = []): void => port.postMessage(out, transfer);
  const { request, bundleUrl, board: memory, lines } = message;
  let { callbackUrl } = message;
  const faults = armPodFaultPoint(message.faultPoint, () => killProcess(ownPid, 'SIGKILL'));
  const folder = new URL('.', bundleUrl).pathname;
  const board = new BoardWriter(memory);
  const replies = new ReplyBuffer(
    out => send({ kind: 'replies', ...out }, [out.frames.buffer]),
    monotonic,
    flush => later(flush),
    new UnsentLines(lines),
  );
  const print = (level: PodLog['level'], text: string): void =>
    send({ kind: 'output', stream: level === 'error' || level === 'warn' ? 'stderr' : 'stdout', text: `${text}\n` });
  const log = (batchId: number, line: PodLog): void => {
    if (!replies.log(batchId, line)) print(line.level, line.message);
  };
  Object.assign(process.env, request.env);
  process.setSourceMapsEnabled(true);
  captureOutput((level, text) => {
    const running = current.getStore();
    if (running === undefined) print(level, text);
    else if (running.run !== undefined) running.run.log(level, text, undefined);
    else log(running.call.queued.id, { index: undefined, level, message: text, fields: undefined, atMs: now(), traceparent: undefined });
  });
  try {
    const bundle = await loadBundle(request, bundleUrl, monotonic);
    const callbacks = createCallbacks(() => callbackUrl);
    const readState: FunctionHost['readState'] = async (batchToken, keys) => {
      faults('state.before-read');
      const found = await callbacks.readState(batchToken, keys);
      faults('state.after-read');
      return found;
    };
    const host: FunctionHost = { now, monotonic, randomHex, log, ...callbacks, readState };
    const queue = new WorkQueue({
      fn: bundle.fn,
      host,
      board,
      concurrency: request.concurrency,
      enter: (call, run, handle) => {
        faults('handler.before');
        if (call.slot === undefined) return current.run({ call, run }, handle);
        board.enterSynchronous(call.slot);
        try {
          return current.run({ call, run }, handle);
        } finally {
          board.leaveSynchronous();
        }
      },
      onResult: (batchId, result) => {
        faults('handler.after');
        return replies.result(batchId, result);
      },
      yieldTurn: () => new NativePromise(resolve => later(resolve)),
    });
    guard(queue, board, replies, send, folder);
    setInterval(() => board.beat(now()), heartbeatMs).unref();
    port.on('message', (next: ToWorker) => {
      if (next.kind === 'callback') callbackUrl = next.callbackUrl;
      else receive(next, queue, board, replies, send, bundle.shutdown);
    });
    send({ kind: 'loaded', handler: bundle.fn.kind, loadMs: bundle.loadMs, initMs: bundle.initMs });
  } catch (error) {
    send({ kind: 'load-failed', error: describeError(error, folder) });
  }
}

function receive(
  message: Exclude<ToWorker, { kind: 'callback' }>,
  queue: WorkQueue,
  board: BoardWriter,
  replies: ReplyBuffer,
  send: (out: FromWorker) => void,
  shutdown: (() => unknown) | undefined,
): void {
  switch (message.kind) {
    case 'batch': {
      board.beat(now());
      try {
        const batch = decodeBatch(message.bytes);
        replies.open(message.batchId, batch.events.length);
        queue.add(message.batchId, batch, message.receivedAtMs);
      } catch (error) {
        send({ kind: 'bad-batch', batchId: message.batchId, detail: describeError(error).message });
      }
      return;
    }
    case 'cancel':
      queue.cancel(message.batchId);
      replies.drop(message.batchId);
      break;
    case 'drain':
      queue.drain();
      break;
    case 'abort':
      queue.abort();
      break;
    case 'shutdown':
      void shutDown(shutdown, send);
      return;
    case 'load':
      return;
  }
}

async function shutDown(shutdown: (() => unknown) | undefined, send: (out: FromWorker) => void): Promise<void> {
  try {
    await shutdown?.();
  } catch (error) {
    send({ kind: 'output', stream: 'stderr', text: `shutdown threw: ${describeError(error).message}\n` });
  }
  send({ kind: 'shut-down' });
}

/**
 * What an event started and nobody caught fails that event, as long as it runs; of an event that is over it is only a line of output.
 * Where it is not known who started it, the only event that runs is taken, and of several none: they are sent again one by one.
 */
function guard(queue: WorkQueue, board: BoardWriter, replies: ReplyBuffer, send: (out: FromWorker) => void, folder: string): void {
  const caught = (thrown: unknown, origin: 'uncaughtException' | 'unhandledRejection'): void => {
    const error = describeError(thrown, folder);
    const running = current.getStore();
    const call = running?.call ?? (queue.calls.length === 1 ? queue.calls[0] : undefined);
    if (call?.state === 'running') queue.fail(call, thrown);
    else if (call !== undefined || queue.calls.length === 0) {
      send({ kind: 'output', stream: 'stderr', text: `${origin} after the event was over: ${error.stack ?? error.message}\n` });
    } else send({ kind: 'unattributed', error });
    if (origin === 'uncaughtException') send({ kind: 'tainted' });
  };
  process.on('uncaughtException', thrown => caught(thrown, 'uncaughtException'));
  process.on('unhandledRejection', thrown => caught(thrown, 'unhandledRejection'));
  const blame = (): void => {
    const slot = current.getStore()?.call.slot;
    if (slot !== undefined && current.getStore()?.call.state === 'running') board.blame(slot);
    replies.flush();
  };
  Reflect.set(process, 'exit', (code?: number) => {
    blame();
    exitThread(code);
  });
  Reflect.set(process, 'kill', (pid: number, signal?: NodeJS.Signals | number) => {
    if (signal === 0 || (pid !== ownPid && pid !== 0 && pid !== -ownPid)) return killProcess(pid, signal);
    blame();
    return exitThread(1);
  });
}

const hexDigits = Uint8Array.from('0123456789abcdef', digit => digit.charCodeAt(0));
const randomDigits = new Uint8Array(32);
const digitsPerNumber = 8;

/**
 * Up to 16 bytes. Ids of spans and traces need to differ, not to be secret: node:crypto would cost every cold start more than two milliseconds. Their text is made
 * in one piece, because every event that emits has one.
 */
function randomHex(bytes: number): string {
  const count = bytes * 2;
  for (let at = 0; at < count; ) {
    let bits = (random() * 2 ** 32) | 0;
    for (const end = Math.min(count, at + digitsPerNumber); at < end; at += 1) {
      randomDigits[at] = hexDigits[bits & 0xf] as number;
      bits >>>= 4;
    }
  }
  return textSlice(randomDigits, 0, count);
}
