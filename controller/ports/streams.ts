import type { HeaderBlock, PackedRecord } from '../../runtime/protocol/record.ts';

/**
 * Streams: topics of partitions of records, read by consumer groups.
 *
 * Laws (the contract suite cites them by number):
 * T1 an acknowledged append is durable, and records of one call to one partition keep their order.
 * T2 offsets of a partition only grow; a read answers ascending offsets, and `nextOffset` passes holes.
 * T3 within a group each partition has at most one member that may commit; a commit of a member that lost it is `fenced`, and when it asks,
 *    the group says that it is not assigned.
 * T4 a committed offset and its metadata are read back exactly, across a restart; one beyond the end is refused (FAAS_STREAM_UNKNOWN_TOPIC): it is of a topic
 *    that was there before.
 * T5 bounds are those of the log: `startOffset` is the first retained offset, `endOffset` the next one to be written.
 * T6 retention removes whole prefixes only, and never changes an offset.
 * T7 a waiting fetch answers within `waitMs`, and soon after an append or an abort.
 * T8 a topic that was deleted and made again has another id, and no committed offsets; a fetch for the id of the one before is refused
 *    (FAAS_STREAM_MADE_AGAIN), however many records the new one has.
 */
export interface Streams {
  readonly capabilities: StreamsCapabilities;
  /** Creates the topic, or finds it. Retention is applied at creation only. */
  ensureTopic(topic: string, options: TopicOptions): Promise<TopicInfo>;
  describeTopic(topic: string): Promise<TopicInfo | undefined>;
  listTopics(): Promise<readonly TopicInfo[]>;
  /** Letters, digits, `-` and `_`, which tell a topic from one of the same name that was there before; undefined: it is not there, or the log cannot tell. */
  topicId(topic: string): Promise<string | undefined>;
  deleteTopic(topic: string): Promise<void>;
  /** Resolves when all records are durable; the answer has the offset of each, in order. A topic that is not there: FAAS_STREAM_UNKNOWN_TOPIC. */
  append(topic: string, records: readonly NewRecord[]): Promise<readonly number[]>;
  bounds(topic: string): Promise<readonly PartitionBounds[]>;
  /** The end offset of each partition, in order, of many topics at the price of few questions; topics that are not there are left out. */
  ends(topics: readonly string[]): Promise<ReadonlyMap<string, readonly number[]>>;
  /** The first offset of each partition whose append time is at or after `timeMs`; its end offset where there is none. */
  offsetsAt(topic: string, timeMs: number): Promise<readonly { partition: number; offset: number }[]>;
  /** Reads without a group. Answers at once, with no records where there are none. An offset below the log start reads from the start. */
  read(topic: string, partition: number, fromOffset: number, limit: ReadLimit): Promise<ReadResult>;
  /** Becomes a member. `onAssigned` is called with the partitions that are new, `onRevoked` with those that are gone. */
  join(options: JoinOptions): Promise<GroupMember>;
  /** Of any group, also of one that is not ours and that others read with; partitions in which it has committed nothing are left out. */
  committed(group: string, topic: string): Promise<readonly CommittedOffset[]>;
  /** Sets offsets of a group that has no members; `ifAbsent` leaves partitions alone that have one (offsets pinned at the first deploy). */
  setCommitted(group: string, topic: string, offsets: readonly CommittedOffset[], mode: 'ifAbsent' | 'replace'): Promise<void>;
  deleteGroup(group: string): Promise<void>;
  /** Applies retention now; answers how many records went: none where the log does it by itself. */
  expire(nowMs: number): Promise<number>;
  close(): Promise<void>;
}

export interface StreamsCapabilities {
  readonly adapter: 'memory' | 'sqlite' | 'kafka';
  /** More than one process may use it at once. */
  readonly shared: boolean;
  /** `expire`: retention is applied when it is asked for. `broker`: by the log itself, in whole segments and in its own time. */
  readonly retention: 'expire' | 'broker';
  /** A record with its headers may be so large; absent: as large as the runtime makes any. */
  readonly recordBytesMax?: number;
}

export interface TopicOptions {
  readonly partitions: number;
  readonly retention?: { readonly ageMs?: number; readonly bytesPerPartition?: number };
}

export interface TopicInfo {
  readonly topic: string;
  readonly partitions: number;
  /** Where a topic takes less than `capabilities.recordBytesMax`: so large may a record with its headers be. Told by `describeTopic` alone. */
  readonly recordBytesMax?: number;
}

/** A header's value is bytes, as in Kafka; names may repeat. */
export type RecordHeader = readonly [name: string, value: Uint8Array];

export interface NewRecord {
  /** Always chosen by the caller (`partitionOf`), so that every adapter and every retry agrees. */
  readonly partition: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
  /** The same as one piece of bytes, where the caller has it so. */
  readonly packed?: PackedRecord;
  /** Headers with which the piece begins, where many records share them: an adapter may keep what it makes of them. */
  readonly common?: HeaderBlock | undefined;
}

export interface StreamRecord {
  readonly offset: number;
  /** When the log took it, milliseconds since the epoch. */
  readonly appendedAtMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
  /** The same as one piece of bytes, where the adapter has it so: it is passed on to a pod without being taken apart. */
  readonly packed?: PackedRecord;
}

export interface PartitionBounds {
  readonly partition: number;
  readonly startOffset: number;
  readonly endOffset: number;
}

export interface ReadLimit {
  readonly records: number;
  /** Of keys, values and headers, with what an adapter adds to them as it keeps them. At least one record is answered even if it alone is larger. */
  readonly bytes: number;
}

export interface ReadResult {
  readonly records: readonly StreamRecord[];
  /** The position after the last record or hole that was passed; equal to `fromOffset` when there was nothing. */
  readonly nextOffset: number;
}

export interface CommittedOffset {
  readonly partition: number;
  readonly offset: number;
  readonly metadata: string;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface JoinOptions {
  readonly group: string;
  readonly topics: readonly string[];
  onAssigned(assigned: readonly TopicPartition[]): void;
  onRevoked(revoked: readonly TopicPartition[]): void;
  /** The membership is over and will not come back by itself (a crashed consumer). */
  onLost(error: Error): void;
  /** The group does not answer at the moment; told again as long as it is so, and tried again by itself. */
  onAway?(error: Error): void;
  /** It answers; told each time that it does. */
  onBack?(): void;
}

export interface FetchOptions extends ReadLimit {
  readonly waitMs: number;
  readonly signal: AbortSignal;
  /** Of which topic `fromOffset` is (T8); undefined: of whichever is there. */
  readonly topicId?: string | undefined;
}

export interface GroupMember {
  /** Waits up to `waitMs` for the first record. A partition that is not assigned any more answers nothing. */
  fetch(at: TopicPartition, fromOffset: number, options: FetchOptions): Promise<ReadResult>;
  /** Asks the group, which may have given the partition to another member before this one hears of it. */
  isAssigned(at: TopicPartition): Promise<boolean>;
  /** The committed offset of an assigned partition, undefined when the group has none. */
  committed(at: TopicPartition): Promise<CommittedOffset | undefined>;
  commit(at: TopicPartition, offset: number, metadata: string): Promise<'ok' | 'fenced'>;
  leave(): Promise<void>;
}
