import errors from 'kafkajs/src/protocol/error.js';
import type { Coordinators } from './coordinators.ts';
import { brokerCodes, typeOf } from './kafka-error.ts';

export interface Credentials {
  readonly memberId: string;
  readonly groupGenerationId: number;
}

interface Open {
  readonly credentials: Credentials;
  /** By partition: what was told last. */
  readonly offsets: Map<number, { readonly offset: string; readonly metadata: string }>;
  readonly done: Promise<void>;
}

/** Where a topic ends now, by partition. */
type EndsOf = (topic: string, partitions: readonly number[]) => Promise<ReadonlyMap<number, number>>;

const requestMs = 2_000;

/**
 * Commits of offsets: what a member tells of one topic in one turn is one request, as when it claims all partitions that it has been given, or tells how far
 * they are. They are refused together, each topic by itself.
 */
export class OffsetCommits {
  readonly #coordinators: Coordinators;
  readonly #endsOf: EndsOf;
  /** By group and topic; not sent yet. */
  readonly #open = new Map<string, Open>();

  constructor(coordinators: Coordinators, endsOf: EndsOf) {
    this.#coordinators = coordinators;
    this.#endsOf = endsOf;
  }

  /** Throws what kafkajs throws. */
  commit(
    group: string,
    { memberId, groupGenerationId }: Credentials,
    { topic, partition, offset, metadata }: { topic: string; partition: number; offset: number; metadata: string },
  ): Promise<void> {
    const key = `${group} ${topic}`;
    let open = this.#open.get(key);
    if (open?.credentials.memberId !== memberId || open.credentials.groupGenerationId !== groupGenerationId) {
      open = this.#begin(key, group, topic, { memberId, groupGenerationId });
      this.#open.set(key, open);
    }
    open.offsets.set(partition, { offset: String(offset), metadata });
    return open.done;
  }

  #begin(key: string, group: string, topic: string, credentials: Credentials): Open {
    const offsets: Open['offsets'] = new Map();
    const done = new Promise(resolve => setImmediate(resolve)).then(async () => {
      if (this.#open.get(key)?.offsets === offsets) this.#open.delete(key);
      await this.#mustHave(topic, offsets);
      const topics = [{ topic, partitions: [...offsets].map(([partition, told]) => ({ partition, ...told })) }];
      const refused = await this.#coordinators.ask(group, requestMs, broker =>
        broker.offsetCommit({ groupId: group, ...credentials, topics }).then(() => undefined, asGone),
      );
      if (refused !== undefined) throw refused;
    });
    return { credentials, offsets, done };
  }

  /** The group would take an offset of a topic that was made again in the meantime, and the new one would pass for one that has lost records. */
  async #mustHave(topic: string, offsets: Open['offsets']): Promise<void> {
    const beyondStart = [...offsets].filter(([, { offset }]) => offset !== '0');
    if (beyondStart.length === 0) return;
    const ends = await this.#endsOf(
      topic,
      beyondStart.map(([partition]) => partition),
    );
    if (beyondStart.some(([partition, { offset }]) => Number(offset) > (ends.get(partition) ?? 0)))
      throw errors.createErrorFromCode(brokerCodes.unknownTopic);
  }
}

/** Of a topic that is gone: told again until it is there, an offset of the old one would be one of the new one. Throws everything else. */
function asGone(error: unknown): unknown {
  if (typeOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION') return error;
  throw error;
}
