import type { Clock } from '../../clock.ts';
import { FaasError } from '../../errors.ts';
import type { FetchOptions, ReadLimit, ReadResult, StreamRecord, TopicPartition } from '../../ports/streams.ts';
import type { Waiting, Want } from './fetch-lane.ts';
import type { FetchLanes } from './fetch-lanes.ts';
import type { FetchedPart } from './fetch-request.ts';
import { askedBytes } from './fetch-size.ts';
import { kafkaError, typeOf } from './kafka-error.ts';
import { WaitingRecords } from './waiting-records.ts';

export interface ReaderOptions {
  readonly lanes: FetchLanes;
  readonly clock: Clock;
  /** First retained offset and end of the log. */
  readonly bounds: (at: TopicPartition) => Promise<{ readonly startOffset: number; readonly endOffset: number }>;
}

/**
 * With less than both left the next ones are fetched while these are handled. More would only wait, and of large records so many would fill the memory.
 */
const ahead = { records: 4_000, bytes: 2 ** 20 } as const;
const noRecords: readonly StreamRecord[] = [];

/**
 * The records of one partition in the order in which they are wanted. Holds what two fetches answered at most: no more is asked for
 * before most of it was taken.
 */
export class PartitionReader implements Waiting {
  readonly #options: ReaderOptions;
  readonly #at: TopicPartition;
  #waiting = new WaitingRecords();
  /** Where the next fetch begins: after the last record or hole that was fetched. */
  #end = -1;
  /** What was taken ends here. */
  #position = -1;
  /** Of which that is. */
  #topicId: string | undefined;
  /** What is being fetched. */
  #want: Want | undefined;
  /** Asked for at a time. */
  #bytes = askedBytes(undefined);
  #error: unknown;
  #wake: (() => void) | undefined;

  constructor(options: ReaderOptions, at: TopicPartition) {
    this.#options = options;
    this.#at = at;
  }

  async read(fromOffset: number, options: FetchOptions): Promise<ReadResult> {
    if (fromOffset !== this.#position || options.topicId !== this.#topicId) this.#seek(fromOffset, options.topicId);
    if (options.signal.aborted) return { records: noRecords, nextOffset: fromOffset };
    this.#fetchAhead();
    if (this.#waiting.length === 0 && this.#end === this.#position && this.#error === undefined) {
      await this.#something(options.waitMs, options.signal);
      // Another read, or the end, came in between.
      if (this.#position !== fromOffset || options.signal.aborted) return { records: noRecords, nextOffset: fromOffset };
    }
    if (this.#error !== undefined && this.#waiting.length === 0) await this.#recover(fromOffset);
    return this.#take(options);
  }

  done({ records, nextOffset, batchBytes }: FetchedPart): void {
    this.#want = undefined;
    this.#bytes = askedBytes(batchBytes);
    this.#waiting.add(records);
    this.#end = nextOffset ?? this.#end;
    this.#wake?.();
  }

  failed(error: unknown): void {
    this.#want = undefined;
    this.#error = error;
    this.#wake?.();
  }

  /** Ends what waits. */
  close(): void {
    this.#seek(-1);
  }

  #seek(offset: number, topicId?: string): void {
    if (this.#want !== undefined) this.#options.lanes.remove(this.#want);
    this.#want = undefined;
    this.#waiting = new WaitingRecords();
    this.#error = undefined;
    this.#position = offset;
    this.#topicId = topicId;
    this.#end = offset;
    this.#wake?.();
  }

  #fetchAhead(): void {
    if (this.#want !== undefined || this.#error !== undefined || this.#end < 0) return;
    if (this.#waiting.length >= ahead.records || this.#waiting.bytes >= ahead.bytes) return;
    const { topic, partition } = this.#at;
    this.#want = { topic, topicId: this.#topicId, partition, offset: this.#end, bytes: this.#bytes, by: this };
    this.#options.lanes.add(this.#want);
  }

  #something(waitMs: number, signal: AbortSignal): Promise<void> {
    this.#wake?.();
    return new Promise(resolve => {
      const wake = () => {
        cancelTimer();
        signal.removeEventListener('abort', wake);
        if (this.#wake === wake) this.#wake = undefined;
        resolve();
      };
      const cancelTimer = this.#options.clock.after(waitMs, wake);
      signal.addEventListener('abort', wake, { once: true });
      this.#wake = wake;
    });
  }

  #take(limit: ReadLimit): ReadResult {
    const records = this.#waiting.take({ ...limit, records: Math.min(limit.records, takeRecordsMax) });
    this.#position = this.#waiting.length === 0 ? this.#end : Math.max(this.#position, (records.at(-1)?.offset ?? this.#position - 1) + 1);
    this.#fetchAhead();
    return { records, nextOffset: this.#position };
  }

  /** Retention overtook the reader: it goes on at the start of the log. Beyond the end it does not go on: what it has read is not in this log. */
  async #recover(fromOffset: number): Promise<void> {
    const error = this.#error;
    const { topic, partition } = this.#at;
    this.#error = undefined;
    if (typeOf(error) !== 'OFFSET_OUT_OF_RANGE') throw kafkaError(error, `read ${topic}/${partition}`);
    const { startOffset, endOffset } = await this.#options.bounds(this.#at);
    if (this.#position !== fromOffset) return;
    if (fromOffset > endOffset) throw beyondEnd(this.#at, fromOffset, endOffset);
    // Only what is retained is passed over; in range, it is asked for again.
    if (fromOffset < startOffset) this.#end = startOffset;
  }
}

/** What waits here is bytes; taken, each record is a dozen objects, and those that live longer than the collector's young space lasts are copied, marked and swept. */
const takeRecordsMax = 100;

function beyondEnd({ topic, partition }: TopicPartition, offset: number, endOffset: number): FaasError {
  return new FaasError(
    'FAAS_STREAM_OFFSET_BEYOND_END',
    `${topic}/${partition} ends at ${endOffset}, and was read up to ${offset}: the topic was made again, or brokers lost records`,
    'Nothing of it is read until the offset is set.',
  );
}
