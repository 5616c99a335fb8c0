import errors from 'kafkajs/src/protocol/error.js';
import type { Clock } from '../../clock.ts';
import { FaasError } from '../../errors.ts';
import type { NewRecord } from '../../ports/streams.ts';
import type { Brokers } from './brokers.ts';
import type { Compression } from './codecs.ts';
import { keyOf } from './fetch-request.ts';
import { brokerCodes, isPassing, kafkaError, typeOf } from './kafka-error.ts';
import { produceCall } from './produce-request.ts';
import { bytesOf, encodeBatch } from './record-batch.ts';
import type { Topology } from './topology.ts';

export interface AppenderOptions {
  readonly brokers: Brokers;
  readonly topology: Topology;
  readonly clock: Clock;
  readonly compression: Compression;
}

/** One call of `append`. */
interface Sink {
  readonly topic: string;
  readonly offsets: number[];
  /** Records that are not acknowledged yet. */
  open: number;
  failed: boolean;
  resolve(offsets: readonly number[]): void;
  reject(error: Error): void;
}

interface Entry {
  readonly record: NewRecord;
  readonly bytes: number;
  readonly sink: Sink;
  readonly index: number;
}

interface Queue {
  readonly topic: string;
  readonly partition: number;
  entries: Entry[];
  /** In the request that is on its way. */
  busy: boolean;
  /** Fewer, after a batch that was too large for the topic. */
  recordsMax: number;
  failures: number;
  /** When the first of its entries is given up. */
  deadlineMs: number;
}

const batchBytesMax = 512 * 2 ** 10;
const batchRecordsMax = 10_000;
const requestBytesMax = 8 * 2 ** 20;
/** Waiting for brokers; above it an append is refused. */
const waitingBytesMax = 128 * 2 ** 20;
const requestMs = 2_000;
/** A node has that much longer to answer than its replicas have to acknowledge. */
const answerMs = 1_000;
/** So long a record is tried again: a leader that was killed has a successor within seconds. */
const giveUpMs = 15_000;
const pauseMs = { min: 20, max: 500 };

/**
 * Appends of many callers, together in one request per node at a time. The partition of a record is the caller's, retries are ours: what failed is sent
 * again to the same partition before anything that came after it, so order holds, and nothing acknowledged is lost. After a reply that got lost records
 * may be there twice.
 */
export class Appender {
  readonly #options: AppenderOptions;
  readonly #queues = new Map<string, Queue>();
  readonly #busyNodes = new Set<number>();
  #waitingBytes = 0;
  #pumping = false;

  constructor(options: AppenderOptions) {
    this.#options = options;
  }

  append(topic: string, records: readonly NewRecord[]): Promise<readonly number[]> {
    if (records.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      if (this.#waitingBytes > waitingBytesMax) return reject(tooMuch(topic));
      const sink: Sink = { topic, offsets: new Array(records.length), open: records.length, failed: false, resolve, reject };
      // Before anything of it waits: it throws for a record that cannot be.
      const sizes = records.map(bytesOf);
      let queue: Queue | undefined;
      for (const [index, record] of records.entries()) {
        if (queue?.partition !== record.partition) queue = this.#queueOf(topic, record.partition);
        const bytes = sizes[index] ?? 0;
        queue.entries.push({ record, bytes, sink, index });
        this.#waitingBytes += bytes;
      }
      this.#pumpSoon();
    });
  }

  #queueOf(topic: string, partition: number): Queue {
    const key = keyOf(topic, partition);
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      queue = { topic, partition, entries: [], busy: false, recordsMax: batchRecordsMax, failures: 0, deadlineMs: 0 };
      this.#queues.set(key, queue);
    }
    if (queue.entries.length === 0 && !queue.busy) queue.deadlineMs = this.#options.clock.now() + giveUpMs;
    return queue;
  }

  /** Once per turn, so that appends of one turn go together. */
  #pumpSoon(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    setImmediate(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  #pump(): void {
    const perNode = new Map<number, Queue[]>();
    for (const queue of this.#queues.values()) {
      if (queue.busy || queue.entries.length === 0) continue;
      const leader = this.#options.topology.leaderOf(queue.topic, queue.partition);
      if (leader === undefined) {
        void this.#later(queue, errors.createErrorFromCode(brokerCodes.leaderNotAvailable));
        continue;
      }
      if (this.#busyNodes.has(leader)) continue;
      const queues = perNode.get(leader);
      if (queues === undefined) perNode.set(leader, [queue]);
      else queues.push(queue);
    }
    for (const [node, queues] of perNode) void this.#send(node, queues);
  }

  async #send(node: number, queues: readonly Queue[]): Promise<void> {
    const { brokers, compression, clock } = this.#options;
    this.#busyNodes.add(node);
    const taken = new Map<string, { readonly queue: Queue; readonly entries: readonly Entry[] }>();
    let bytes = 0;
    for (const queue of queues) {
      if (bytes >= requestBytesMax) break;
      const entries = takeBatch(queue);
      queue.busy = true;
      for (const entry of entries) bytes += entry.bytes;
      taken.set(keyOf(queue.topic, queue.partition), { queue, entries });
    }
    try {
      const nowMs = clock.now();
      const parts = await Promise.all(
        [...taken.values()].map(async ({ queue: { topic, partition }, entries }) => ({
          topic,
          partition,
          batch: await encodeBatch(
            entries.map(({ record }) => record),
            nowMs,
            compression,
          ),
        })),
      );
      const answers = await brokers.ask(node, requestMs + answerMs, broker => broker.connectionPool.send(produceCall(parts, requestMs)));
      for (const { topic, partition, errorCode, baseOffset } of answers) {
        const key = keyOf(topic, partition);
        const one = taken.get(key);
        taken.delete(key);
        if (one === undefined) continue;
        if (errorCode === 0) this.#acknowledged(one.queue, one.entries, baseOffset);
        else this.#failed(one.queue, one.entries, errors.createErrorFromCode(errorCode));
      }
      for (const { queue, entries } of taken.values()) this.#failed(queue, entries, errors.createErrorFromCode(brokerCodes.unknown));
    } catch (error) {
      for (const { queue, entries } of taken.values()) this.#failed(queue, entries, error);
    }
    this.#busyNodes.delete(node);
    this.#pumpSoon();
  }

  #acknowledged(queue: Queue, entries: readonly Entry[], baseOffset: number): void {
    entries.forEach(({ sink, index, bytes }, at) => {
      this.#waitingBytes -= bytes;
      sink.offsets[index] = baseOffset + at;
      sink.open -= 1;
      if (sink.open === 0 && !sink.failed) sink.resolve(sink.offsets);
    });
    queue.busy = false;
    queue.failures = 0;
    queue.recordsMax = Math.min(batchRecordsMax, queue.recordsMax * 2);
    queue.deadlineMs = this.#options.clock.now() + giveUpMs;
    if (queue.entries.length === 0) this.#queues.delete(keyOf(queue.topic, queue.partition));
  }

  #failed(queue: Queue, entries: readonly Entry[], error: unknown): void {
    queue.entries = [...entries, ...queue.entries];
    const isTooLarge = tooLarge.has(typeOf(error) ?? '');
    if (isTooLarge && entries.length > 1) {
      queue.recordsMax = Math.max(1, entries.length >> 1);
      queue.busy = false;
    } else if (isTooLarge) {
      queue.busy = false;
      const [entry] = entries;
      if (entry !== undefined) this.#reject(queue, [entry.sink], error);
    } else {
      void this.#later(queue, error);
    }
  }

  /** Tries the queue again after a pause, or gives up all that it holds. */
  async #later(queue: Queue, error: unknown): Promise<void> {
    const { clock, topology } = this.#options;
    queue.busy = true;
    if (!isPassing(error) || clock.now() >= queue.deadlineMs) {
      queue.busy = false;
      const partitions = topology.partitionsOf(queue.topic);
      const isGone = partitions > 0 && queue.partition >= partitions;
      this.#reject(queue, new Set(queue.entries.map(({ sink }) => sink)), isGone ? noPartition(queue, partitions) : error);
      return;
    }
    await clock.sleep(Math.min(pauseMs.max, pauseMs.min * 2 ** queue.failures));
    queue.failures += 1;
    try {
      const topic = await topology.refresh(queue.topic);
      if (topic === undefined && (await topology.refresh(queue.topic)) === undefined)
        throw errors.createErrorFromCode(brokerCodes.unknownTopic);
      queue.busy = false;
      this.#pumpSoon();
    } catch (failure) {
      if (typeOf(failure) !== 'UNKNOWN_TOPIC_OR_PARTITION') return this.#later(queue, failure);
      queue.busy = false;
      this.#reject(queue, new Set(queue.entries.map(({ sink }) => sink)), failure);
    }
  }

  /** What else these calls wanted to append to the partition does not go either; other partitions may have theirs. */
  #reject(queue: Queue, sinks: Iterable<Sink>, error: unknown): void {
    for (const sink of sinks) {
      sink.failed = true;
      sink.reject(kafkaError(error, `append to ${sink.topic}`));
    }
    for (const { sink, bytes } of queue.entries) if (sink.failed) this.#waitingBytes -= bytes;
    queue.entries = queue.entries.filter(({ sink }) => !sink.failed);
    queue.failures = 0;
    queue.deadlineMs = this.#options.clock.now() + giveUpMs;
    if (queue.entries.length === 0) this.#queues.delete(keyOf(queue.topic, queue.partition));
    else this.#pumpSoon();
  }
}

const tooLarge: ReadonlySet<string> = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);

function noPartition({ topic, partition }: Pick<Queue, 'topic' | 'partition'>, partitions: number): FaasError {
  return new FaasError(
    'FAAS_STREAM_UNKNOWN_TOPIC',
    `append to ${topic}: it has no partition ${partition} any more, it was made again with ${partitions}`,
    `Give it at least ${partition + 1} partitions: what waits for that one goes on then, in its order.`,
  );
}

function takeBatch(queue: Queue): readonly Entry[] {
  let bytes = 0;
  let count = 0;
  for (const entry of queue.entries) {
    bytes += entry.bytes;
    if (count >= queue.recordsMax || (count > 0 && bytes > batchBytesMax)) break;
    count += 1;
  }
  return queue.entries.splice(0, count);
}

function tooMuch(topic: string): FaasError {
  return new FaasError(
    'FAAS_STORE_BUSY',
    `append to ${topic}: ${waitingBytesMax} bytes wait for the brokers already`,
    'Try again later; look at the brokers if it stays so.',
  );
}
