import { FrameWriter } from '../protocol/frame.ts';
import { type EventResult, type PodLog, wireLimits } from '../protocol/messages.ts';
import { writeReply } from '../protocol/reply.ts';
import { FaasError } from '../sdk/errors.ts';
import { bounded } from './describe-error.ts';
import type { UnsentLines } from './unsent-lines.ts';

export interface Replies {
  readonly batchId: number;
  readonly frames: Uint8Array<ArrayBuffer>;
  readonly answered: readonly number[];
}

interface OpenBatch {
  readonly writer: FrameWriter;
  /** What was taken from the writer so far. */
  handedOverBytes: number;
  answered: number[];
  /** Events not answered yet. */
  open: number;
  logBytes: number;
  logsDropped: number;
}

/** One message to the shim costs as much as a dozen results: they are collected for at most this long. */
const collectMsMax = 2;
const collectEventsMax = 512;
const collectBytesMax = 256 * 1024;
/** Of handlers as quick as this the clock is read for every eighth result: to read it takes longer than what is done with one. So they are kept 0.4 ms longer at most. */
const quickMs = 0.05;
const quickResults = 8;
/** What a batch may print; beyond it lines are counted and dropped. */
const logBytesPerBatchMax = 1024 * 1024;

/** Encodes what the worker has to say about its batches, and hands it over in pieces that are worth a message. */
export class ReplyBuffer {
  readonly #batches = new Map<number, OpenBatch>();
  readonly #dirty = new Set<number>();
  readonly #send: (replies: Replies) => void;
  readonly #monotonic: () => number;
  readonly #later: (flush: () => void) => void;
  readonly #unsent: UnsentLines;
  #scheduled = false;
  /** When the first of what is collected came. */
  #collectedSinceMs = 0;

  /** `later` calls back when the event loop turns; until then the shim finds the lines in `unsent`. */
  constructor(send: (replies: Replies) => void, monotonic: () => number, later: (flush: () => void) => void, unsent: UnsentLines) {
    this.#send = send;
    this.#monotonic = monotonic;
    this.#later = later;
    this.#unsent = unsent;
  }

  open(batchId: number, events: number): void {
    const writer = new FrameWriter(4096);
    this.#batches.set(batchId, { writer, handedOverBytes: 0, answered: [], open: events, logBytes: 0, logsDropped: 0 });
  }

  /** Forgets a batch that nobody waits for. */
  drop(batchId: number): void {
    this.#batches.delete(batchId);
    this.#dirty.delete(batchId);
  }

  /** Answers false when the result did not fit into a frame: the event fails as `too-large`. */
  result(batchId: number, result: EventResult): boolean {
    const batch = this.#batches.get(batchId);
    if (batch === undefined) return false;
    const fits = writeBounded(batch.writer, result);
    batch.answered.push(result.index);
    batch.open -= 1;
    const { outcome } = result;
    const isQuick = outcome.kind === 'ok' && outcome.busyMs < quickMs && batch.answered.length % quickResults !== 0;
    this.#touch(batchId, batch, isQuick);
    return fits;
  }

  /** Answers false when the batch is over, and the line has to go another way. */
  log(batchId: number, log: PodLog): boolean {
    const batch = this.#batches.get(batchId);
    if (batch === undefined) return false;
    const line = { ...log, message: bounded(log.message, wireLimits.logLineBytesMax), fields: boundedFields(log.fields) };
    let isKept = true;
    if (batch.logBytes >= logBytesPerBatchMax) batch.logsDropped += 1;
    else {
      const before = batch.writer.length;
      writeReply(batch.writer, { kind: 'log', log: line });
      batch.logBytes += batch.writer.length - before;
      isKept = this.#unsent.keep(batchId, batch.handedOverBytes + before, batch.writer.since(before));
    }
    this.#touch(batchId, batch);
    if (!isKept) this.flush();
    return true;
  }

  flush(): void {
    for (const batchId of this.#dirty) {
      const batch = this.#batches.get(batchId);
      if (batch === undefined) continue;
      if (batch.open === 0) this.#close(batchId, batch);
      const answered = batch.answered;
      batch.answered = [];
      const frames = batch.writer.take();
      batch.handedOverBytes += frames.length;
      this.#send({ batchId, frames, answered });
    }
    this.#dirty.clear();
    this.#unsent.empty();
  }

  #touch(batchId: number, batch: OpenBatch, isQuick = false): void {
    const isFirst = this.#dirty.size === 0;
    this.#dirty.add(batchId);
    if (batch.open === 0 || batch.answered.length >= collectEventsMax || batch.writer.length >= collectBytesMax) {
      this.flush();
      return;
    }
    if (isFirst) this.#collectedSinceMs = this.#monotonic();
    else if (!isQuick && this.#monotonic() - this.#collectedSinceMs >= collectMsMax) {
      this.flush();
      return;
    }
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#later(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  #close(batchId: number, batch: OpenBatch): void {
    this.#batches.delete(batchId);
    if (batch.logsDropped === 0) return;
    const log = {
      index: undefined,
      level: 'warn',
      fields: { lines: batch.logsDropped },
      atMs: Date.now(),
      traceparent: undefined,
    } as const;
    writeReply(batch.writer, { kind: 'log', log: { ...log, message: 'log lines dropped: a batch may print 1 MiB' } });
  }
}

function writeBounded(writer: FrameWriter, result: EventResult): boolean {
  try {
    writeReply(writer, { kind: 'result', result });
    return true;
  } catch (cause) {
    const isFrame = !(cause instanceof FaasError) || cause.code === 'FAAS_WIRE_FRAME_TOO_LARGE';
    const message = isFrame
      ? `what this event wrote and emitted is more than the ${wireLimits.frameBytesMax} bytes of a frame`
      : `what this event wrote and emitted cannot be sent: ${cause.message}`;
    const error = { code: 'FAAS_RESULT_TOO_LARGE', name: 'FaasError', message, stack: undefined };
    writeReply(writer, {
      kind: 'result',
      result: { index: result.index, outcome: { kind: 'failed', reason: 'too-large', retryable: false, error } },
    });
    return false;
  }
}

/** Fields are the author's: what is no JSON, or too much of it, is named instead. */
function boundedFields(fields: PodLog['fields']): PodLog['fields'] {
  if (fields === undefined) return undefined;
  try {
    const text = JSON.stringify(fields);
    if (typeof text === 'string' && text.startsWith('{') && text.length <= wireLimits.logLineBytesMax) return JSON.parse(text);
    return { dropped: `fields of ${text?.length ?? 0} characters` };
  } catch {
    return { dropped: 'fields that are no JSON' };
  }
}
