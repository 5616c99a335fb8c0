import errors from 'kafkajs/src/protocol/error.js';
import type { Clock } from '../../clock.ts';
import { FaasError } from '../../errors.ts';
import { type Brokers, type NodeAddresses, versionMax } from './brokers.ts';
import { type Metadata, metadataCall, metadataKey, type TopicMetadata } from './metadata-request.ts';
import { Together } from './together.ts';

export interface KafkaTopic {
  readonly topic: string;
  /** undefined: the broker tells none. */
  readonly topicId: string | undefined;
  /** Leaders by partition; −1: none at the moment. */
  readonly leaders: readonly number[];
}

interface Known {
  readonly topic: KafkaTopic | undefined;
  readonly readAtMs: number;
}

/** What is believed without asking again; a leader that moved is found out earlier, by an error. */
const freshMs = 2_000;
const timeoutMs = 2_000;
/** More would be forgotten in the order in which they were learned. */
const topicsMax = 20_000;

/** Which topics there are, and which node leads each of their partitions. */
export class Topology {
  readonly addresses: NodeAddresses;
  controller: number | undefined;
  readonly #brokers: Brokers;
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();
  /** Questions on their way, so that many who ask for a topic ask once. */
  readonly #asking = new Map<string, Promise<KafkaTopic | undefined>>();
  readonly #together = new Together(topics => this.load(topics));

  constructor(brokers: Brokers, addresses: NodeAddresses, clock: Clock) {
    this.#brokers = brokers;
    this.addresses = addresses;
    this.#clock = clock;
  }

  /** Not older than two seconds; undefined: there is no such topic. */
  async find(topic: string): Promise<KafkaTopic | undefined> {
    const known = this.#known.get(topic);
    if (known !== undefined && this.#clock.now() - known.readAtMs < freshMs) return known.topic;
    return this.refresh(topic);
  }

  /** Those of the topics that are there, looked up in one request where any is not known well enough. */
  async findAll(topics: readonly string[]): Promise<readonly KafkaTopic[]> {
    const freshFromMs = this.#clock.now() - freshMs;
    const stale = topics.filter(topic => (this.#known.get(topic)?.readAtMs ?? 0) <= freshFromMs);
    await this.load(stale);
    return topics.map(topic => this.#known.get(topic)?.topic).filter(topic => topic !== undefined);
  }

  async require(topic: string): Promise<KafkaTopic> {
    const found = await this.find(topic);
    if (found !== undefined) return found;
    throw new FaasError('FAAS_STREAM_UNKNOWN_TOPIC', `there is no topic ${topic}`, 'Create it, or deploy the context that owns it.');
  }

  /** As the brokers say now. */
  async refresh(topic: string): Promise<KafkaTopic | undefined> {
    const asked = this.#asking.get(topic);
    if (asked !== undefined) return asked;
    const askedAtMs = this.#clock.now();
    const asking = this.#together
      .about(topic)
      .catch(error => {
        // It may be another one that was refused.
        if ((this.#known.get(topic)?.readAtMs ?? Number.NEGATIVE_INFINITY) < askedAtMs) throw error;
      })
      .then(() => this.#known.get(topic)?.topic)
      .finally(() => this.#asking.delete(topic));
    this.#asking.set(topic, asking);
    return asking;
  }

  /** Looks many up in one request. Throws when one of them is refused, after all others were learned. */
  async load(topics: readonly string[]): Promise<void> {
    if (topics.length === 0) return;
    const { topicMetadata } = await this.#ask(topics);
    let refused = 0;
    for (const found of topicMetadata) {
      if (found.topicErrorCode === 0 || isAbsent(found.topicErrorCode)) this.#learn(found.topic, topicOf(found));
      else refused = found.topicErrorCode;
    }
    if (refused !== 0) throw errors.createErrorFromCode(refused);
  }

  /** Learns the nodes alone. The question must name a topic, or it is for all of them; what is answered about it does not matter. */
  async meet(): Promise<void> {
    await this.#ask(['faas']);
  }

  /** All that the cluster says about itself. */
  survey(): Promise<Metadata> {
    return this.#ask([]);
  }

  /** All but those that belong to Kafka itself. */
  async all(): Promise<readonly KafkaTopic[]> {
    const { topicMetadata } = await this.survey();
    return topicMetadata.filter(one => !one.isInternal).flatMap(one => topicOf(one) ?? []);
  }

  /** What one node believes: it learns of changes after the others. */
  async seenBy(node: number, topic: string): Promise<KafkaTopic | undefined> {
    const { topicMetadata } = await this.#ask([topic], node);
    return topicMetadata.flatMap(one => topicOf(one) ?? [])[0];
  }

  /** As far as it is known; undefined: nobody, or not known. */
  leaderOf(topic: string, partition: number): number | undefined {
    const leader = this.#known.get(topic)?.topic?.leaders[partition];
    return leader === -1 ? undefined : leader;
  }

  /** As far as it is known; undefined: there is no such topic, or it has none. */
  topicIdOf(topic: string): string | undefined {
    return this.#known.get(topic)?.topic?.topicId;
  }

  /** As far as it is known; 0: there is no such topic. */
  partitionsOf(topic: string): number {
    return this.#known.get(topic)?.topic?.leaders.length ?? 0;
  }

  forget(topic: string): void {
    this.#known.delete(topic);
  }

  #learn(name: string, topic: KafkaTopic | undefined): void {
    this.#known.delete(name);
    this.#known.set(name, { topic, readAtMs: this.#clock.now() });
    const [oldest] = this.#known.keys();
    if (this.#known.size > topicsMax && oldest !== undefined) this.#known.delete(oldest);
  }

  async #ask(topics: readonly string[], node: number | 'any' = 'any'): Promise<Metadata> {
    const metadata = await this.#brokers.ask(node, timeoutMs, broker =>
      broker.connectionPool.send(metadataCall(topics, versionMax(broker, metadataKey))),
    );
    const ids = new Set(metadata.brokers.map(({ nodeId }) => nodeId));
    for (const { nodeId, host, port } of metadata.brokers) this.addresses.set(nodeId, { host, port });
    for (const id of this.addresses.keys()) if (!ids.has(id)) this.addresses.delete(id);
    this.controller = metadata.controllerId;
    return metadata;
  }
}

/** 3: no such topic; 5: it is being made and has no leader yet; 17: no topic can have this name. */
function isAbsent(code: number): boolean {
  return code === 3 || code === 5 || code === 17;
}

function topicOf({ topic, topicId, topicErrorCode, partitionMetadata }: TopicMetadata): KafkaTopic | undefined {
  if (topicErrorCode !== 0) return undefined;
  const leaders: number[] = [];
  for (const { partitionId, leader } of partitionMetadata) leaders[partitionId] = leader;
  return { topic, topicId, leaders };
}
