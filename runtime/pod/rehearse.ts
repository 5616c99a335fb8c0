import { decodeBatch, encodeBatch } from '../protocol/batch.ts';
import { encodeUtf8 } from '../protocol/intrinsics.ts';
import type { Batch } from '../protocol/messages.ts';
import { BoardWriter, createBoard } from './board.ts';
import type { FunctionHost, LoadedFunction } from './function-host.ts';
import { ReplyBuffer } from './reply-buffer.ts';
import type { EnterCall } from './running-call.ts';
import { createLinesArea, UnsentLines } from './unsent-lines.ts';
import { WorkQueue } from './work-queue.ts';

const batch: Batch = {
  batchToken: '',
  unit: '',
  revision: '',
  events: [
    {
      index: 0,
      attempt: 1,
      trigger: 'stream',
      stream: '',
      topic: '',
      partition: 0,
      offset: 0,
      appendedAtMs: 0,
      key: encodeUtf8('key'),
      value: encodeUtf8('{"rehearsal":true}'),
      headers: [],
      remainingMs: undefined,
      idempotencyKey: '',
    },
  ],
  state: [{ key: 'key', version: null, value: undefined }],
};

const fn: LoadedFunction = {
  unit: '',
  context: '',
  functionName: '',
  revision: '',
  kind: 'event',
  handler: event => Reflect.get(Object(event), 'data'),
  timeoutMs: 1_000,
  emits: new Set(),
  calls: new Set(),
  schemas: new Map(),
  dataFilters: {},
};

/** Runs an event of nobody through all that an event passes in a worker, so that the first real one does not wait for its compilation. */
export function rehearse(host: Pick<FunctionHost, 'now' | 'monotonic' | 'randomHex'>, enter: EnterCall): Promise<void> {
  return new Promise(resolve => {
    const replies = new ReplyBuffer(() => resolve(), host.monotonic, setImmediate, new UnsentLines(createLinesArea(0)));
    const queue = new WorkQueue({
      fn,
      host: {
        ...host,
        readState: async () => [],
        call: async () => ({ kind: 'ok', answer: undefined }),
        log: () => undefined,
      },
      board: new BoardWriter(createBoard(1)),
      concurrency: 1,
      enter,
      onResult: (batchId, result) => replies.result(batchId, result),
      yieldTurn: async () => undefined,
    });
    replies.open(1, batch.events.length);
    queue.add(1, decodeBatch(encodeBatch(batch)), host.now());
  });
}
