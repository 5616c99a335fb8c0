import type { Clock } from '../../clock.ts';
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
} from '../../ports/streams.ts';
import { LocalGroups } from '../local-groups.ts';
import { LogTail } from './log-tail.ts';
import type { LogSlice } from './operations.ts';
import { packRecords, unpackRecords } from './record-codec.ts';
import type { SqliteClient } from './sqlite-client.ts';
import type { TopicDirectory } from './topic-directory.ts';

/**
 * Streams over the append-only log of the data folder. Groups live in this process, the only one that has the folder. Retention removes
 * whole chunks, and counts bytes as they are stored.
 */
export class SqliteStreams implements Streams {
  readonly capabilities: StreamsCapabilities = { adapter: 'sqlite', shared: false, retention: 'expire' };
  readonly #client: SqliteClient;
  readonly #clock: Clock;
  readonly #topics: TopicDirectory;
  readonly #groups: LocalGroups;
  readonly #tail = new LogTail();

  constructor(options: { client: SqliteClient; clock: Clock; topics: TopicDirectory }) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.#topics = options.topics;
    this.#groups = new LocalGroups(options.clock, {
      partitionsOf: topic => this.#topics.find(topic)?.partitions,
      topicIdOf: topic => this.#topicId(topic),
      endOffset: at => this.#topics.endOf(at),
      read: (at, fromOffset, limit) => this.read(at.topic, at.partition, fromOffset, limit),
      committedOffset: async (group, at) => {
        const offsets = await this.committed(group, at.topic);
        return offsets.find(({ partition }) => partition === at.partition);
      },
      commitOffset: (group, { topic, partition }, offset, metadata) =>
        this.#client.request('setCommitted', { group, topic, offsets: [{ partition, offset, metadata }], mode: 'replace' }),
    });
    options.client.onAppended(chunks => this.#tail.add(chunks));
    void options.client.failure.then(error => this.#groups.lose(error));
  }

  async ensureTopic(topic: string, options: TopicOptions): Promise<TopicInfo> {
    const known = this.#topics.find(topic);
    if (known !== undefined) return infoOf(known);
    const added = this.#topics.add(await this.#client.request('ensureTopic', { topic, options }));
    this.#groups.rebalanceSoon();
    return infoOf(added);
  }

  async describeTopic(topic: string): Promise<TopicInfo | undefined> {
    const found = this.#topics.find(topic);
    return found === undefined ? undefined : infoOf(found);
  }

  async listTopics(): Promise<readonly TopicInfo[]> {
    return this.#topics
      .all()
      .map(infoOf)
      .sort((a, b) => (a.topic < b.topic ? -1 : 1));
  }

  async topicId(topic: string): Promise<string | undefined> {
    return this.#topicId(topic);
  }

  async deleteTopic(topic: string): Promise<void> {
    // Refused from here on, so that nothing is appended to slots that are on their way out.
    this.#topics.remove(topic);
    this.#groups.rebalanceSoon();
    await this.#client.request('deleteTopic', topic);
    this.#tail.forget();
  }

  async append(topic: string, records: readonly NewRecord[]): Promise<readonly number[]> {
    if (records.length === 0) return [];
    const slots = records.map(({ partition }) => this.#topics.slotOf({ topic, partition }));
    const { chunks, chunkOf, data } = packRecords(records, slots);
    const firsts = await this.#client.request('append', { chunks, data, atMs: this.#clock.now() }, [data]);
    for (const [index, { slot, records: count }] of chunks.entries()) this.appended(topic, slot, (firsts[index] ?? 0) + count);
    const next = [...firsts];
    return Array.from(chunkOf, chunk => {
      const offset = next[chunk] ?? 0;
      next[chunk] = offset + 1;
      return offset;
    });
  }

  /** Lets waiting fetches know of records that are durable, also those that a commit appended. */
  appended(topic: string, slot: number, end: number): void {
    const partition = this.#topics.learnEnd(topic, slot, end);
    if (partition !== undefined) this.#groups.appended({ topic, partition });
  }

  async bounds(topic: string): Promise<readonly PartitionBounds[]> {
    const { firstSlot, partitions } = this.#topics.require(topic);
    const bounds = await this.#client.request('bounds', { firstSlot, partitions });
    return bounds.map((bound, partition) => ({ partition, ...bound }));
  }

  async ends(topics: readonly string[]): Promise<ReadonlyMap<string, readonly number[]>> {
    const there = topics.filter(topic => this.#topics.find(topic) !== undefined);
    const ends = await Promise.all(there.map(async topic => (await this.bounds(topic)).map(one => one.endOffset)));
    return new Map(there.map((topic, index) => [topic, ends[index] ?? []]));
  }

  async offsetsAt(topic: string, timeMs: number): Promise<readonly { partition: number; offset: number }[]> {
    const { firstSlot, partitions } = this.#topics.require(topic);
    const offsets = await this.#client.request('offsetsAt', { firstSlot, partitions, timeMs });
    return offsets.map((offset, partition) => ({ partition, offset }));
  }

  async read(topic: string, partition: number, fromOffset: number, limit: ReadLimit): Promise<ReadResult> {
    const slot = this.#topics.slotOf({ topic, partition });
    const recent = this.#tail.read(slot, fromOffset, limit);
    if (recent !== undefined) return recent;
    const slice = await this.#client.request('readLog', { slot, fromOffset, records: limit.records, bytes: limit.bytes });
    this.#topics.learnEnd(topic, slot, slice.endOffset);
    return { records: recordsOf(slice), nextOffset: slice.nextOffset };
  }

  async join(options: JoinOptions): Promise<GroupMember> {
    return this.#groups.join(options);
  }

  committed(group: string, topic: string): Promise<readonly CommittedOffset[]> {
    return this.#client.request('committed', { group, topic });
  }

  async setCommitted(group: string, topic: string, offsets: readonly CommittedOffset[], mode: 'ifAbsent' | 'replace'): Promise<void> {
    if (mode === 'replace') this.#groups.refuseMembers(group);
    await this.#client.request('setCommitted', { group, topic, offsets, mode });
  }

  async deleteGroup(group: string): Promise<void> {
    this.#groups.refuseMembers(group);
    await this.#client.request('deleteGroup', group);
  }

  async expire(nowMs: number): Promise<number> {
    let removed = 0;
    let fromSlot: number | undefined = 0;
    while (fromSlot !== undefined) {
      const step: { removed: number; nextSlot: number | undefined } = await this.#client.request('expireLog', { nowMs, fromSlot });
      removed += step.removed;
      if (step.removed > 0) this.#tail.forget();
      fromSlot = step.nextSlot;
    }
    return removed;
  }

  /** Slots are never used twice. */
  #topicId(topic: string): string | undefined {
    return this.#topics.find(topic)?.firstSlot.toString();
  }

  /** Ends the memberships; the database is closed by whoever opened it. */
  async close(): Promise<void> {
    this.#groups.close();
  }
}

function recordsOf({ slices, buffers }: LogSlice): StreamRecord[] {
  return slices.flatMap(({ firstOffset, atMs }, index) =>
    unpackRecords(new Uint8Array(buffers[index] ?? new ArrayBuffer(0)), firstOffset, atMs),
  );
}

function infoOf({ topic, partitions }: TopicInfo): TopicInfo {
  return { topic, partitions };
}
