import type { Clock } from '../../clock.ts';
import { FaasError } from '../../errors.ts';
import type {
  CommittedOffset,
  GroupMember,
  JoinOptions,
  NewRecord,
  PartitionBounds,
  ReadLimit,
  ReadResult,
  StreamRecord,
  Streams,
  StreamsCapabilities,
  TopicInfo,
  TopicOptions,
  TopicPartition,
} from '../../ports/streams.ts';
import { LocalGroups } from '../local-groups.ts';

interface Topic {
  readonly id: string;
  readonly info: TopicInfo;
  readonly options: TopicOptions;
  readonly partitions: readonly Partition[];
}

interface Partition {
  /** Ascending offsets, with gaps where there are holes. */
  records: StreamRecord[];
  startOffset: number;
  endOffset: number;
}

/** The executable spec of streams. Everything happens in the call itself; promises are resolved when they are answered. */
export class MemoryStreams implements Streams {
  readonly capabilities: StreamsCapabilities = { adapter: 'memory', shared: false, retention: 'expire' };
  readonly #clock: Clock;
  readonly #topics = new Map<string, Topic>();
  /** Group → `topic.partition` → offset. */
  readonly #committed = new Map<string, Map<string, CommittedOffset>>();
  readonly #groups: LocalGroups;
  #topicsMade = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#groups = new LocalGroups(clock, {
      partitionsOf: topic => this.#topics.get(topic)?.partitions.length,
      topicIdOf: topic => this.#topics.get(topic)?.id,
      endOffset: at => this.#topics.get(at.topic)?.partitions[at.partition]?.endOffset ?? 0,
      read: (at, fromOffset, limit) => this.read(at.topic, at.partition, fromOffset, limit),
      committedOffset: async (group, at) => this.#committed.get(group)?.get(keyOf(at)),
      commitOffset: async (group, at, offset, metadata) => this.#setOffset(group, at, { partition: at.partition, offset, metadata }),
    });
  }

  async ensureTopic(name: string, options: TopicOptions): Promise<TopicInfo> {
    const found = this.#topics.get(name);
    if (found !== undefined) return found.info;
    const info = { topic: name, partitions: options.partitions };
    const partitions = Array.from({ length: options.partitions }, () => ({ records: [], startOffset: 0, endOffset: 0 }));
    this.#topicsMade += 1;
    this.#topics.set(name, { id: String(this.#topicsMade), info, options, partitions });
    this.#groups.rebalanceSoon();
    return info;
  }

  /** 0: there is no such topic. */
  partitionsOf(name: string): number {
    return this.#topics.get(name)?.info.partitions ?? 0;
  }

  async describeTopic(name: string): Promise<TopicInfo | undefined> {
    return this.#topics.get(name)?.info;
  }

  async listTopics(): Promise<readonly TopicInfo[]> {
    return [...this.#topics.values()].map(topic => topic.info).sort((a, b) => (a.topic < b.topic ? -1 : 1));
  }

  async topicId(name: string): Promise<string | undefined> {
    return this.#topics.get(name)?.id;
  }

  async deleteTopic(name: string): Promise<void> {
    this.#topics.delete(name);
    for (const offsets of this.#committed.values()) for (const key of offsets.keys()) if (topicOf(key) === name) offsets.delete(key);
    this.#groups.rebalanceSoon();
  }

  async append(topic: string, records: readonly NewRecord[]): Promise<readonly number[]> {
    for (const record of records) this.partition(topic, record.partition);
    return this.appendNow(topic, records);
  }

  /** As `append`, within a commit that looked up all partitions before it wrote anything. */
  appendNow(topic: string, records: readonly NewRecord[]): number[] {
    const appendedAtMs = this.#clock.now();
    const offsets = records.map(({ partition: number, key, value, headers }) => {
      const partition = this.partition(topic, number);
      const offset = partition.endOffset;
      partition.endOffset += 1;
      partition.records.push({ offset, appendedAtMs, key, value, headers });
      return offset;
    });
    for (const partition of new Set(records.map(record => record.partition))) this.#groups.appended({ topic, partition });
    return offsets;
  }

  /** Throws FAAS_STREAM_UNKNOWN_TOPIC or FAAS_STREAM_UNKNOWN_PARTITION. */
  partition(topic: string, number: number): Partition {
    const found = this.#topic(topic).partitions[number];
    if (found !== undefined) return found;
    throw new FaasError(
      'FAAS_STREAM_UNKNOWN_PARTITION',
      `topic ${topic} has no partition ${number}`,
      'Choose the partition with the number of partitions that describeTopic answers.',
    );
  }

  async bounds(topic: string): Promise<readonly PartitionBounds[]> {
    return this.#topic(topic).partitions.map(({ startOffset, endOffset }, partition) => ({ partition, startOffset, endOffset }));
  }

  async ends(topics: readonly string[]): Promise<ReadonlyMap<string, readonly number[]>> {
    const there = topics.filter(topic => this.#topics.has(topic));
    return new Map(there.map(topic => [topic, this.#topic(topic).partitions.map(one => one.endOffset)]));
  }

  async offsetsAt(topic: string, timeMs: number): Promise<readonly { partition: number; offset: number }[]> {
    return this.#topic(topic).partitions.map(({ records, endOffset }, partition) => ({
      partition,
      offset: records.find(record => record.appendedAtMs >= timeMs)?.offset ?? endOffset,
    }));
  }

  async read(topic: string, number: number, fromOffset: number, limit: ReadLimit): Promise<ReadResult> {
    const partition = this.partition(topic, number);
    const records: StreamRecord[] = [];
    let bytes = 0;
    for (let i = firstAt(partition.records, fromOffset); i < partition.records.length; i += 1) {
      const record = partition.records[i];
      if (record === undefined) break;
      bytes += bytesOf(record);
      if (records.length >= limit.records || (records.length > 0 && bytes > limit.bytes)) {
        return { records, nextOffset: (records.at(-1)?.offset ?? fromOffset - 1) + 1 };
      }
      records.push(record);
    }
    return { records, nextOffset: Math.max(fromOffset, partition.endOffset) };
  }

  async join(options: JoinOptions): Promise<GroupMember> {
    return this.#groups.join(options);
  }

  async committed(group: string, topic: string): Promise<readonly CommittedOffset[]> {
    const offsets = [...(this.#committed.get(group) ?? [])].filter(([key]) => topicOf(key) === topic).map(([, offset]) => offset);
    return offsets.sort((a, b) => a.partition - b.partition);
  }

  async setCommitted(group: string, topic: string, offsets: readonly CommittedOffset[], mode: 'ifAbsent' | 'replace'): Promise<void> {
    if (mode === 'replace') this.#groups.refuseMembers(group);
    for (const offset of offsets) {
      const at = { topic, partition: offset.partition };
      if (mode === 'replace' || this.#committed.get(group)?.get(keyOf(at)) === undefined) this.#setOffset(group, at, offset);
    }
  }

  async deleteGroup(group: string): Promise<void> {
    this.#groups.refuseMembers(group);
    this.#committed.delete(group);
  }

  async expire(nowMs: number): Promise<number> {
    let removed = 0;
    for (const { options, partitions } of this.#topics.values()) {
      const { ageMs = Infinity, bytesPerPartition = Infinity } = options.retention ?? {};
      for (const partition of partitions) {
        let bytes = partition.records.reduce((sum, record) => sum + bytesOf(record), 0);
        let gone = 0;
        for (const record of partition.records) {
          if (record.appendedAtMs >= nowMs - ageMs && bytes <= bytesPerPartition) break;
          bytes -= bytesOf(record);
          gone += 1;
        }
        partition.records = partition.records.slice(gone);
        if (gone > 0) partition.startOffset = partition.records[0]?.offset ?? partition.endOffset;
        removed += gone;
      }
    }
    return removed;
  }

  async close(): Promise<void> {
    this.#groups.close();
  }

  /** For tests: the next `count` offsets of the partition are holes, as control records and compaction leave them in Kafka. */
  skipOffsets(at: TopicPartition, count: number): void {
    this.partition(at.topic, at.partition).endOffset += count;
    this.#groups.appended(at);
  }

  /** For tests: others add partitions to the topic, as they can in Kafka; groups hear of it later. */
  addPartitions(name: string, count: number, heardAfterMs: number): void {
    const topic = this.#topic(name);
    const { info, partitions } = topic;
    const added = Array.from({ length: count }, () => ({ records: [], startOffset: 0, endOffset: 0 }));
    this.#topics.set(name, { ...topic, info: { ...info, partitions: info.partitions + count }, partitions: [...partitions, ...added] });
    this.#clock.after(heardAfterMs, () => this.#groups.rebalanceSoon());
  }

  #topic(name: string): Topic {
    const topic = this.#topics.get(name);
    if (topic !== undefined) return topic;
    throw new FaasError(
      'FAAS_STREAM_UNKNOWN_TOPIC',
      `there is no topic ${name}`,
      'Deploy the context that owns it, or create it with ensureTopic.',
    );
  }

  #setOffset(group: string, at: TopicPartition, offset: CommittedOffset): void {
    const offsets = this.#committed.get(group) ?? new Map<string, CommittedOffset>();
    this.#committed.set(group, offsets);
    offsets.set(keyOf(at), offset);
  }
}

/** Payload bytes: key, value, header names and values; what read limits and retention count. */
function bytesOf(record: NewRecord | StreamRecord): number {
  const headers = record.headers.reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + value.length, 0);
  return (record.key?.length ?? 0) + (record.value?.length ?? 0) + headers;
}

/** Index of the first record at or above the offset. */
function firstAt(records: readonly StreamRecord[], offset: number): number {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((records[middle]?.offset ?? 0) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

function keyOf(at: TopicPartition): string {
  return `${at.partition}.${at.topic}`;
}

function topicOf(key: string): string {
  return key.slice(key.indexOf('.') + 1);
}
