import { FaasError } from '../../errors.ts';
import type { TopicPartition } from '../../ports/streams.ts';
import type { StoredTopic } from './operations.ts';

/** A topic as the main thread knows it. Its ends are learnt from answers; until then they are unknown, and a read asks. */
export interface OpenTopic extends StoredTopic {
  readonly ends: (number | undefined)[];
}

/** Topics of the data folder (main thread): this process is the only one that changes them. */
export class TopicDirectory {
  readonly #topics = new Map<string, OpenTopic>();

  all(): readonly OpenTopic[] {
    return [...this.#topics.values()];
  }

  find(topic: string): OpenTopic | undefined {
    return this.#topics.get(topic);
  }

  add(topic: StoredTopic): OpenTopic {
    const known = this.#topics.get(topic.topic);
    if (known !== undefined) return known;
    const open = { ...topic, ends: Array.from<number | undefined>({ length: topic.partitions }) };
    this.#topics.set(topic.topic, open);
    return open;
  }

  remove(topic: string): void {
    this.#topics.delete(topic);
  }

  /** Throws FAAS_STREAM_UNKNOWN_TOPIC. */
  require(topic: string): OpenTopic {
    const found = this.#topics.get(topic);
    if (found !== undefined) return found;
    throw new FaasError(
      'FAAS_STREAM_UNKNOWN_TOPIC',
      `there is no topic ${topic}`,
      'Deploy the context that owns it, or create it with ensureTopic.',
    );
  }

  /** Throws FAAS_STREAM_UNKNOWN_TOPIC or FAAS_STREAM_UNKNOWN_PARTITION. */
  slotOf({ topic, partition }: TopicPartition): number {
    const { firstSlot, partitions } = this.require(topic);
    if (Number.isInteger(partition) && partition >= 0 && partition < partitions) return firstSlot + partition;
    throw new FaasError(
      'FAAS_STREAM_UNKNOWN_PARTITION',
      `topic ${topic} has no partition ${partition}`,
      'Choose the partition with the number of partitions that describeTopic answers.',
    );
  }

  /** 0: no such topic. Infinity: not known yet, ask the log. */
  endOf({ topic, partition }: TopicPartition): number {
    const open = this.#topics.get(topic);
    return open === undefined ? 0 : (open.ends[partition] ?? Infinity);
  }

  /**
   * Ends only grow: answers may be looked at in any order. Answers the slot's partition; undefined when the topic went while the answer was
   * on its way, whether or not it came back since.
   */
  learnEnd(topic: string, slot: number, end: number): number | undefined {
    const open = this.#topics.get(topic);
    if (open === undefined || slot < open.firstSlot || slot >= open.firstSlot + open.partitions) return undefined;
    const partition = slot - open.firstSlot;
    open.ends[partition] = Math.max(open.ends[partition] ?? 0, end);
    return partition;
  }
}
