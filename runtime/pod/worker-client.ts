import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { createBoard } from './board.ts';
import type { FromWorker, ToWorker } from './thread-messages.ts';
import { createLinesArea } from './unsent-lines.ts';

/** One worker thread, as the shim sees it. */
export interface WorkerClient {
  readonly board: SharedArrayBuffer | undefined;
  /** Lines that it has not handed over yet. */
  readonly lines: SharedArrayBuffer | undefined;
  load(message: Omit<ToWorker & { kind: 'load' }, 'kind' | 'board' | 'lines'>): void;
  send(message: ToWorker, transfer?: readonly ArrayBuffer[]): void;
  terminate(): void;
}

export interface WorkerEvents {
  message(message: FromWorker): void;
  /** Once. All that the worker sent before it ended was delivered. */
  ended(error: { readonly code: string; readonly message: string }): void;
  output(stream: 'stdout' | 'stderr', text: string): void;
}

const mebibyte = 2 ** 20;

/** Starts a thread that waits for its function. It has an empty environment, and speaks over a port that its author's code never sees. */
export function startWorker(file: string, memoryBytes: number, events: WorkerEvents): WorkerClient {
  const { port1: ours, port2: theirs } = new MessageChannel();
  const worker = new Worker(file, {
    env: {},
    stdout: true,
    stderr: true,
    // The heap is to run out, in the worker alone, before the memory watch ends the whole pod; on some versions of Node it aborts the process.
    resourceLimits: { maxOldGenerationSizeMb: Math.max(32, Math.floor(memoryBytes / mebibyte) - 64) },
  });
  let board: SharedArrayBuffer | undefined;
  let lines: SharedArrayBuffer | undefined;
  let failure = { code: 'FAAS_WORKER_EXIT', message: 'the worker ended' };
  worker.stdout.on('data', (chunk: Buffer) => events.output('stdout', chunk.toString()));
  worker.stderr.on('data', (chunk: Buffer) => events.output('stderr', chunk.toString()));
  worker.on('error', (error: unknown) => {
    failure = describe(error);
  });
  worker.on('messageerror', () => undefined);
  ours.on('message', (message: FromWorker) => events.message(message));
  worker.on('exit', code => {
    for (let left = receiveMessageOnPort(ours); left !== undefined; left = receiveMessageOnPort(ours)) events.message(left.message);
    ours.close();
    events.ended(failure.code === 'FAAS_WORKER_EXIT' ? { ...failure, message: `the worker ended with code ${code}` } : failure);
  });
  worker.postMessage(theirs, [theirs]);
  return {
    get board() {
      return board;
    },
    get lines() {
      return lines;
    },
    load(message) {
      board = createBoard(Math.max(1, message.request.concurrency));
      lines = createLinesArea();
      ours.postMessage({ ...message, kind: 'load', board, lines });
    },
    send: (message, transfer = []) => ours.postMessage(message, [...transfer]),
    terminate() {
      worker.terminate().catch(() => undefined);
    },
  };
}

function describe(error: unknown): { code: string; message: string } {
  if (!(error instanceof Error)) return { code: 'FAAS_WORKER_ERROR', message: 'something that is no error was thrown' };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : 'FAAS_WORKER_ERROR';
  return { code, message: String(error.message).slice(0, 4096) };
}
