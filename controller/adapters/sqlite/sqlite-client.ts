import { Worker } from 'node:worker_threads';
import { entryPath } from '../../entries.ts';
import { FaasError } from '../../errors.ts';
import type { Log } from '../../telemetry/log.ts';
import type { AnswerOf, ArgumentOf, FromWorker, LogChunk, OperationName, Request, StoredError } from './operations.ts';
import type { WorkerData } from './sqlite-worker.ts';

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Beyond it callers do not wait for answers any more, and more requests would only fill the memory. */
const waitingMax = 50_000;

/**
 * The main thread's side of the worker that owns the database: requests in order, answers when they are durable. Fails with FAAS_STORE_CLOSED
 * after `close`, FAAS_STORE_BUSY beyond `waitingMax`, and with what stopped the worker when that ended by itself.
 */
export class SqliteClient {
  readonly #worker: Worker;
  readonly #log: Log;
  /** By the id of the request; ids are used again. A Map that is added to and deleted from for every request would keep what all of them brought alive. */
  readonly #waiting: (Waiting | undefined)[] = [];
  readonly #freeIds: number[] = [];
  readonly #opened: Promise<void>;
  readonly #closed: Promise<void>;
  readonly #failure: Promise<FaasError>;
  #reportFailure: (error: FaasError) => void = () => {};
  #onAppended: (chunks: readonly LogChunk[]) => void = () => {};
  #ended: FaasError | undefined;

  constructor(data: WorkerData, log: Log) {
    this.#log = log;
    this.#failure = new Promise(resolve => {
      this.#reportFailure = resolve;
    });
    this.#worker = new Worker(entryPath('sqlite-worker'), {
      workerData: data,
      resourceLimits: { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 8 },
      // Node 22 calls its SQLite experimental on every start.
      execArgv: ['--disable-warning=ExperimentalWarning'],
      name: 'faas-sqlite',
    });
    this.#closed = new Promise(resolve => this.#worker.once('exit', () => resolve()));
    this.#opened = new Promise((resolve, reject) => {
      this.#worker.on('message', (message: FromWorker) => {
        if (message.kind === 'answers') {
          if (message.appended.length > 0) this.#onAppended(message.appended);
          this.#settle(message.answers);
        } else if (message.kind === 'open') resolve();
        else if (message.kind === 'refused') {
          this.#ended = errorOf(message.error);
          reject(this.#ended);
        }
      });
      this.#worker.once('error', error => {
        this.#end(failed(error.message, error));
        reject(failed(error.message, error));
      });
      this.#worker.once('exit', code => {
        const error = failed(`it ended with code ${code}`);
        this.#end(error);
        reject(error);
      });
    });
  }

  /** Resolves when requests can be made; throws what openDataFolder throws. */
  opened(): Promise<void> {
    return this.#opened;
  }

  /** Resolves when the worker ended by itself: nothing can be read or written any more. */
  get failure(): Promise<FaasError> {
    return this.#failure;
  }

  /** What is durable in the log now, in its order, before whoever wrote it gets an answer. */
  onAppended(listener: (chunks: readonly LogChunk[]) => void): void {
    this.#onAppended = listener;
  }

  request<N extends OperationName>(name: N, argument: ArgumentOf<N>, transfer: readonly ArrayBuffer[] = []): Promise<AnswerOf<N>> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = this.#freeIds.pop() ?? this.#waiting.length;
    if (id >= waitingMax) return Promise.reject(busy());
    const request: Request = { id, name, argument };
    return new Promise<AnswerOf<N>>((resolve, reject) => {
      this.#waiting[id] = { resolve: value => resolve(value as AnswerOf<N>), reject };
      this.#worker.postMessage(request, [...transfer]);
    });
  }

  /** Carries out what was asked for so far, then closes the database. */
  async close(): Promise<void> {
    this.#ended ??= new FaasError('FAAS_STORE_CLOSED', 'the database is closed', 'The server is stopping; try again when it runs.');
    this.#worker.postMessage('close');
    await this.#closed;
  }

  #settle(answers: Extract<FromWorker, { kind: 'answers' }>['answers']): void {
    for (const answer of answers) {
      const waiting = this.#waiting[answer.id];
      this.#waiting[answer.id] = undefined;
      this.#freeIds.push(answer.id);
      if ('error' in answer) waiting?.reject(errorOf(answer.error));
      else waiting?.resolve(answer.value);
    }
  }

  #end(error: FaasError): void {
    if (this.#ended === undefined) {
      this.#log.error('database thread failed', { error: error.message });
      this.#reportFailure(error);
    }
    this.#ended ??= error;
    for (const waiting of this.#waiting.splice(0)) waiting?.reject(this.#ended);
  }
}

function errorOf({ code, message, hint }: StoredError): FaasError {
  return new FaasError(code, message, hint);
}

function failed(message: string, cause?: unknown): FaasError {
  return new FaasError(
    'FAAS_STORE_FAILED',
    `the database thread failed: ${message}`,
    'Start the server again: what was acknowledged is stored.',
    { cause },
  );
}

function busy(): FaasError {
  return new FaasError('FAAS_STORE_BUSY', `${waitingMax} requests wait for the database`, 'Send less at once, or try again in a moment.');
}
