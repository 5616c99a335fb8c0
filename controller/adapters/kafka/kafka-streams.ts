import type Broker from 'kafkajs/src/broker/index.js';
import errors from 'kafkajs/src/protocol/error.js';
import { FaasError } from '../../errors.ts';
import type { Checkup } from '../../ports/checkup.ts';
import type {
  CommittedOffset,
  GroupMember,
  JoinOptions,
  NewRecord,
  PartitionBounds,
  ReadLimit,
  ReadResult,
  Streams,
  StreamsCapabilities,
  TopicInfo,
  TopicOptions,
  TopicPartition,
} from '../../ports/streams.ts';
import { Appender } from './appender.ts';
import { Brokers, type NodeAddresses } from './brokers.ts';
import type { Compression } from './codecs.ts';
import type { ConnectionOptions } from './connection-options.ts';
import { Coordinators } from './coordinators.ts';
import { type FetchConnection, fetchConnection, fetchOver } from './fetch-connection.ts';
import { FetchLanes } from './fetch-lanes.ts';
import type { FetchedPart } from './fetch-request.ts';
import { KafkaGroupMember } from './group-member.ts';
import { kafkaCheckups } from './kafka-checkup.ts';
import { brokerCodes, isPassing, kafkaError, typeOf } from './kafka-error.ts';
import { OffsetCommits } from './offset-commits.ts';
import { OffsetLookups } from './offset-lookups.ts';
import { Pace } from './pace.ts';
import { RecordLimits, recordBytesMax } from './record-limits.ts';
import { type KafkaTopic, Topology } from './topology.ts';
import { Turns } from './turns.ts';
import { FetchedRecords, WaitingRecords } from './waiting-records.ts';

export interface KafkaStreamsOptions extends ConnectionOptions {
  /** Of topics that are made; 0: three, or as many as there are nodes. */
  readonly replication: number;
  readonly compression: Compression;
  readonly sessionMs: number;
  /** The least time between signs of life of a member; of hundreds it is more ({@link Pace}). */
  readonly heartbeatMs: number;
}

/** Each has a connection of its own for as long as that takes, and then claims all that it is given: hundreds at once take each other's time. */
const entriesAtOnce = 32;
const requestMs = 2_000;
/** Changes of topics, which a whole cluster has to take note of. */
const changeMs = 15_000;
const pauseMs = { min: 20, max: 500 };
/** New partitions and topics of others are found within that. */
const watchMs = 5_000;
const readBytes = 2 ** 20;
const earliest = -2;
const latest = -1;

/** Kafka behind the port of streams, over the connections of kafkajs. Throws FAAS_KAFKA_* when no broker can be used. */
export async function openKafkaStreams(options: KafkaStreamsOptions): Promise<KafkaStreams> {
  const streams = new KafkaStreams(options);
  try {
    await streams.check();
  } catch (error) {
    await streams.close();
    throw error;
  }
  return streams;
}

export class KafkaStreams implements Streams {
  readonly capabilities: StreamsCapabilities = { adapter: 'kafka', shared: true, retention: 'broker', recordBytesMax };
  readonly #options: KafkaStreamsOptions;
  readonly #addresses: NodeAddresses = new Map();
  readonly #brokers: Brokers;
  readonly #topology: Topology;
  readonly #coordinators: Coordinators;
  readonly #offsetLookups: OffsetLookups;
  readonly #offsetCommits: OffsetCommits;
  readonly #entries = new Turns(entriesAtOnce);
  readonly #pace: Pace;
  readonly #recordLimits: RecordLimits;
  readonly #lanes: FetchLanes;
  readonly #fetching: readonly FetchConnection[];
  readonly #appender: Appender;
  readonly #members = new Set<KafkaGroupMember>();
  readonly #stop = new AbortController();
  #watching: Promise<void> | undefined;

  constructor(options: KafkaStreamsOptions) {
    this.#options = options;
    const { clock, compression, sessionMs, heartbeatMs } = options;
    this.#pace = new Pace({ leastMs: heartbeatMs, sessionMs, members: () => this.#members.size });
    this.#brokers = new Brokers(options, this.#addresses);
    this.#topology = new Topology(this.#brokers, this.#addresses, clock);
    this.#coordinators = new Coordinators(this.#brokers, clock);
    this.#offsetLookups = new OffsetLookups(this.#coordinators);
    this.#offsetCommits = new OffsetCommits(this.#coordinators, (topic, partitions) => this.#endsNow(topic, partitions));
    this.#recordLimits = new RecordLimits(this.#brokers, clock);
    const connections = () => fetchConnection(new Brokers(options, this.#addresses));
    const [quick, idle] = [connections(), connections()];
    this.#fetching = [quick, idle];
    this.#lanes = new FetchLanes({ topology: this.#topology, quick: quick.fetch, idle: idle.fetch, clock, log: options.log });
    this.#appender = new Appender({ brokers: this.#brokers, topology: this.#topology, clock, compression });
  }

  /** Throws when the brokers cannot be reached, or refuse us. */
  async check(): Promise<void> {
    await this.#topology.meet().catch(error => {
      throw kafkaError(error, `connect to ${this.#options.seeds.map(({ host, port }) => `${host}:${port}`).join(', ')}`);
    });
  }

  /** For `faas doctor`; `topics` are those that functions use. */
  async examine(topics: ReadonlySet<string>): Promise<readonly Checkup[]> {
    const { clock } = this.#options;
    const askedAtMs = clock.now();
    try {
      return kafkaCheckups(await this.#topology.survey(), topics, clock.now() - askedAtMs);
    } catch (error) {
      const { message, hint } = kafkaError(error, 'look at the topics');
      return [{ part: 'kafka', status: 'failed', said: message, ...(hint === undefined ? {} : { hint }) }];
    }
  }

  async ensureTopic(name: string, { partitions, retention }: TopicOptions): Promise<TopicInfo> {
    const doing = `create the topic ${name}`;
    const found = await this.#tried(doing, () => this.#topology.refresh(name));
    if (found !== undefined) return infoOf(found);
    const configEntries = [
      ...(retention?.ageMs === undefined ? [] : [{ name: 'retention.ms', value: String(retention.ageMs) }]),
      ...(retention?.bytesPerPartition === undefined ? [] : [{ name: 'retention.bytes', value: String(retention.bytesPerPartition) }]),
    ];
    await this.#tried(doing, async () => {
      const replicationFactor = this.#options.replication || Math.min(3, this.#addresses.size);
      const topics = [{ topic: name, numPartitions: partitions, replicationFactor, configEntries }];
      await this.#askController(broker => broker.createTopics({ topics, timeout: changeMs })).catch(error => {
        if (typeOf(error) !== 'TOPIC_ALREADY_EXISTS') throw error;
      });
    });
    const made = await this.#seenByAll(doing, name, topic => topic?.leaders.every(leader => leader >= 0) === true);
    if (made === undefined) throw kafkaError(errors.createErrorFromCode(brokerCodes.unknownTopic), doing);
    this.#checkTopics();
    return infoOf(made);
  }

  async describeTopic(name: string): Promise<TopicInfo | undefined> {
    const found = await this.#tried(`look up the topic ${name}`, () => this.#topology.find(name));
    if (found === undefined) return undefined;
    const bytes = await this.#recordLimits.of(name);
    return bytes === undefined ? infoOf(found) : { ...infoOf(found), recordBytesMax: bytes };
  }

  async listTopics(): Promise<readonly TopicInfo[]> {
    const topics = await this.#tried('list the topics', () => this.#topology.all());
    return topics.map(infoOf).sort((a, b) => (a.topic < b.topic ? -1 : 1));
  }

  /** Not older than two seconds: a fetch for an older one is refused by the broker. */
  async topicId(name: string): Promise<string | undefined> {
    return (await this.#tried(`look up the topic ${name}`, () => this.#topology.find(name)))?.topicId;
  }

  async deleteTopic(name: string): Promise<void> {
    const doing = `delete the topic ${name}`;
    await this.#tried(doing, async () => {
      await this.#askController(broker => broker.deleteTopics({ topics: [name], timeout: changeMs })).catch(error => {
        if (typeOf(error) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error;
      });
    });
    await this.#seenByAll(doing, name, topic => topic === undefined);
    this.#checkTopics();
  }

  async append(topic: string, records: readonly NewRecord[]): Promise<readonly number[]> {
    const { leaders } = await this.#require(topic);
    for (const { partition } of records) requirePartition(topic, partition, leaders.length);
    return this.#appender.append(topic, records);
  }

  async bounds(topic: string): Promise<readonly PartitionBounds[]> {
    const { leaders } = await this.#require(topic);
    const all = leaders.map((_, partition) => partition);
    const [starts, ends] = await Promise.all([this.#offsets(topic, all, earliest), this.#offsets(topic, all, latest)]);
    return all.map(partition => {
      const startOffset = starts.get(partition) ?? 0;
      return { partition, startOffset, endOffset: Math.max(startOffset, ends.get(partition) ?? 0) };
    });
  }

  async ends(topics: readonly string[]): Promise<ReadonlyMap<string, readonly number[]>> {
    return this.#tried('look up the ends of topics', async () => {
      const there = (await this.#topology.findAll(topics)).filter(({ leaders }) => leaders.length > 0);
      const found = await this.#latestOf(there);
      return new Map(there.map(({ topic, leaders }) => [topic, leaders.map((_, partition) => found.get(`${topic}/${partition}`) ?? 0)]));
    });
  }

  async offsetsAt(topic: string, timeMs: number): Promise<readonly { partition: number; offset: number }[]> {
    const { leaders } = await this.#require(topic);
    const all = leaders.map((_, partition) => partition);
    const [found, ends] = await Promise.all([this.#offsets(topic, all, Math.max(0, timeMs)), this.#offsets(topic, all, latest)]);
    return all.map(partition => {
      const offset = found.get(partition) ?? -1;
      return { partition, offset: offset >= 0 ? offset : (ends.get(partition) ?? 0) };
    });
  }

  async read(topic: string, partition: number, fromOffset: number, limit: ReadLimit): Promise<ReadResult> {
    const { leaders } = await this.#require(topic);
    requirePartition(topic, partition, leaders.length);
    const nothing: ReadResult = { records: [], nextOffset: fromOffset };
    let part = await this.#fetchOnce(topic, partition, fromOffset);
    if (part === 'out of range') {
      const { startOffset } = await this.#boundsOf({ topic, partition });
      if (fromOffset >= startOffset) return nothing;
      part = await this.#fetchOnce(topic, partition, startOffset);
      if (part === 'out of range' || part.nextOffset === undefined) return { records: [], nextOffset: startOffset };
    }
    if (part.nextOffset === undefined) return nothing;
    const waiting = new WaitingRecords();
    waiting.add(part.records);
    const records = waiting.take(limit);
    return { records, nextOffset: waiting.length === 0 ? part.nextOffset : (records.at(-1)?.offset ?? fromOffset) + 1 };
  }

  async join(options: JoinOptions): Promise<GroupMember> {
    const { clock, log, sessionMs } = this.#options;
    const member = await KafkaGroupMember.join({
      connection: this.#options,
      addresses: this.#addresses,
      coordinators: this.#coordinators,
      entries: this.#entries,
      offsets: this.#offsetLookups,
      offsetCommits: this.#offsetCommits,
      topology: this.#topology,
      reader: { lanes: this.#lanes, clock, bounds: at => this.#boundsOf(at) },
      clock,
      log,
      sessionMs,
      pace: this.#pace,
      join: options,
      onLeft: left => this.#members.delete(left),
    });
    this.#members.add(member);
    this.#watching ??= this.#watch();
    return member;
  }

  async committed(group: string, topic: string): Promise<readonly CommittedOffset[]> {
    const found = await this.#tried(`look up the topic ${topic}`, () => this.#topology.find(topic));
    if (found === undefined) return [];
    const partitions = found.leaders.map((_, partition) => partition);
    return this.#offsetLookups.committed(group, topic, partitions);
  }

  async setCommitted(group: string, topic: string, offsets: readonly CommittedOffset[], mode: 'ifAbsent' | 'replace'): Promise<void> {
    const doing = `set offsets of the group ${group}`;
    const present = new Set(mode === 'replace' ? [] : (await this.committed(group, topic)).map(({ partition }) => partition));
    const partitions = offsets
      .filter(({ partition }) => !present.has(partition))
      .map(({ partition, offset, metadata }) => ({ partition, offset: String(offset), metadata }));
    if (partitions.length === 0) return;
    const commit = (credentials: KafkaGroupMember['credentials']) =>
      this.#coordinators.ask(group, requestMs, broker =>
        broker.offsetCommit({ groupId: group, ...credentials, topics: [{ topic, partitions }] }),
      );
    try {
      await commit({ memberId: '', groupGenerationId: -1 });
    } catch (error) {
      if (!isOfMembers(error)) throw kafkaError(error, doing);
      // A group that is read takes offsets from its members alone; those that were never set may come from one of ours.
      const member = [...this.#members].find(one => one.group === group);
      if (mode === 'replace' || member === undefined) throw hasMembers(group);
      await commit(member.credentials).catch(failure => {
        throw kafkaError(failure, doing);
      });
    }
  }

  async deleteGroup(group: string): Promise<void> {
    try {
      await this.#coordinators.ask(group, requestMs, async broker => {
        const { results } = await broker.deleteGroups([group]);
        if (results[0]?.error !== undefined) throw results[0].error;
      });
    } catch (error) {
      const type = typeOf(error);
      if (type === 'GROUP_ID_NOT_FOUND') return;
      if (type === 'NON_EMPTY_GROUP') throw hasMembers(group);
      throw kafkaError(error, `delete the group ${group}`);
    }
  }

  /** The brokers do it by themselves. */
  async expire(): Promise<number> {
    return 0;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all([...this.#members].map(member => member.leave()));
    await this.#watching;
    this.#lanes.close();
    await Promise.all([...this.#fetching, this.#brokers].map(one => one.close()));
  }

  async #watch(): Promise<void> {
    const { clock, log } = this.#options;
    while (!this.#stop.signal.aborted) {
      await clock.sleep(watchMs, this.#stop.signal);
      const topics = new Set([...this.#members].flatMap(member => member.topics));
      if (topics.size === 0 || this.#stop.signal.aborted) continue;
      try {
        await this.#topology.load([...topics]);
        this.#checkTopics();
      } catch (error) {
        log.debug('topics cannot be looked up', { error: String(error) });
      }
    }
  }

  #checkTopics(): void {
    for (const member of this.#members) member.checkTopics();
  }

  async #require(topic: string): Promise<KafkaTopic> {
    return this.#tried(`look up the topic ${topic}`, () => this.#topology.require(topic));
  }

  async #askController<Answer>(question: (broker: Broker) => Promise<Answer>): Promise<Answer> {
    await this.#topology.meet();
    return this.#brokers.ask(this.#topology.controller ?? 'any', changeMs + requestMs, question);
  }

  /** Every node takes note of a change in its own time, and any of them may be asked next. */
  async #seenByAll(doing: string, name: string, isSo: (topic: KafkaTopic | undefined) => boolean): Promise<KafkaTopic | undefined> {
    const { clock } = this.#options;
    for (const untilMs = clock.now() + changeMs; ; ) {
      const seen = await this.#tried(doing, async () => {
        await this.#topology.refresh(name);
        return Promise.all([...this.#addresses.keys()].map(node => this.#topology.seenBy(node, name).catch(() => 'away' as const)));
      });
      if (seen.every(topic => topic === 'away' || isSo(topic)) || clock.now() > untilMs) return this.#topology.refresh(name);
      await clock.sleep(pauseMs.min);
    }
  }

  async #boundsOf({ topic, partition }: TopicPartition): Promise<{ startOffset: number; endOffset: number }> {
    const [starts, ends] = await Promise.all([this.#offsets(topic, [partition], earliest), this.#offsets(topic, [partition], latest)]);
    return { startOffset: starts.get(partition) ?? 0, endOffset: ends.get(partition) ?? 0 };
  }

  /** One question per node, whatever the number of topics. Keys are `<topic>/<partition>`. */
  async #latestOf(topics: readonly KafkaTopic[]): Promise<ReadonlyMap<string, number>> {
    const perNode = new Map<number, Map<string, { partition: number; timestamp: number }[]>>();
    for (const { topic, leaders } of topics) {
      for (const partition of leaders.keys()) {
        const leader = this.#leaderOf(topic, partition);
        const wanted = perNode.get(leader) ?? new Map<string, { partition: number; timestamp: number }[]>();
        perNode.set(leader, wanted);
        wanted.set(topic, [...(wanted.get(topic) ?? []), { partition, timestamp: latest }]);
      }
    }
    const answers = await Promise.all(
      [...perNode].map(([node, wanted]) =>
        this.#brokers.ask(node, requestMs, broker =>
          broker.listOffsets({
            replicaId: -1,
            isolationLevel: 0,
            topics: [...wanted].map(([topic, partitions]) => ({ topic, partitions })),
          }),
        ),
      ),
    );
    const ends = answers.flatMap(({ responses }) =>
      responses.flatMap(one => one.partitions.map(({ partition, offset }) => [`${one.topic}/${partition}`, Number(offset)] as const)),
    );
    return new Map(ends);
  }

  /** `timestamp`: earliest, latest, or the first record at or after it (−1 where there is none). */
  #offsets(topic: string, partitions: readonly number[], timestamp: number): Promise<ReadonlyMap<number, number>> {
    return this.#tried(`look up offsets of ${topic}`, () => this.#offsetsOnce(topic, partitions, timestamp), topic);
  }

  async #offsetsOnce(topic: string, partitions: readonly number[], timestamp: number): Promise<ReadonlyMap<number, number>> {
    const perNode = new Map<number, { partition: number; timestamp: number }[]>();
    for (const partition of partitions) {
      const leader = this.#leaderOf(topic, partition);
      perNode.set(leader, [...(perNode.get(leader) ?? []), { partition, timestamp }]);
    }
    const answers = await Promise.all(
      [...perNode].map(([node, wanted]) =>
        this.#brokers.ask(node, requestMs, broker =>
          broker.listOffsets({ replicaId: -1, isolationLevel: 0, topics: [{ topic, partitions: wanted }] }),
        ),
      ),
    );
    const found = answers.flatMap(({ responses }) => responses.flatMap(one => one.partitions));
    return new Map(found.map(({ partition, offset }) => [partition, Number(offset)]));
  }

  /** Of a topic as it is at this moment. Throws what kafkajs throws: UNKNOWN_TOPIC_OR_PARTITION at once where it is gone. */
  async #endsNow(topic: string, partitions: readonly number[]): Promise<ReadonlyMap<number, number>> {
    if ((await this.#topology.refresh(topic)) === undefined) throw errors.createErrorFromCode(brokerCodes.unknownTopic);
    return this.#offsetsOnce(topic, partitions, latest);
  }

  #fetchOnce(topic: string, partition: number, offset: number): Promise<Pick<FetchedPart, 'records' | 'nextOffset'> | 'out of range'> {
    return this.#tried(
      `read ${topic}/${partition}`,
      async () => {
        const parts = [{ topic, topicId: undefined, partition, offset, bytes: readBytes }];
        const leader = this.#leaderOf(topic, partition);
        const [part] = await this.#brokers.ask(leader, requestMs, broker => fetchOver(broker, parts, { waitMs: 0, bytesMax: readBytes }));
        if (part?.errorCode === brokerCodes.outOfRange) return 'out of range';
        if (part === undefined) return { records: new FetchedRecords(), nextOffset: undefined };
        if (part.errorCode !== brokerCodes.none) throw errors.createErrorFromCode(part.errorCode);
        return part;
      },
      topic,
    );
  }

  #leaderOf(topic: string, partition: number): number {
    const leader = this.#topology.leaderOf(topic, partition);
    if (leader === undefined) throw errors.createErrorFromCode(brokerCodes.leaderNotAvailable);
    return leader;
  }

  /** Again while it fails in a way that passes; `topic`: whose leaders are looked up again. */
  async #tried<Result>(doing: string, work: () => Promise<Result>, topic?: string): Promise<Result> {
    const { clock } = this.#options;
    const untilMs = clock.now() + changeMs;
    for (let delayMs = pauseMs.min; ; delayMs = Math.min(pauseMs.max, delayMs * 2)) {
      try {
        return await work();
      } catch (error) {
        if (!isPassing(error) || clock.now() + delayMs > untilMs || this.#stop.signal.aborted) throw kafkaError(error, doing);
      }
      await clock.sleep(delayMs, this.#stop.signal);
      if (topic !== undefined) await this.#topology.refresh(topic).catch(() => undefined);
    }
  }
}

function infoOf({ topic, leaders }: KafkaTopic): TopicInfo {
  return { topic, partitions: leaders.length };
}

function requirePartition(topic: string, partition: number, partitions: number): void {
  if (partition >= 0 && partition < partitions) return;
  throw new FaasError(
    'FAAS_STREAM_UNKNOWN_PARTITION',
    `topic ${topic} has no partition ${partition}`,
    'Choose the partition with the number of partitions that describeTopic answers.',
  );
}

function isOfMembers(error: unknown): boolean {
  return ['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'REBALANCE_IN_PROGRESS'].includes(typeOf(error) ?? '');
}

function hasMembers(group: string): FaasError {
  return new FaasError(
    'FAAS_GROUP_HAS_MEMBERS',
    `consumer group ${group} has members`,
    'Stop the function that reads with this group, then try again.',
  );
}
