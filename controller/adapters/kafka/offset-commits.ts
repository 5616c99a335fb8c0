import type { Coordinators } from './coordinators.ts';

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

const requestMs = 2_000;

/**
 * Commits of offsets: what a member tells of one topic in one turn is one request, as when it claims all partitions that it has been given, or tells how far
 * they are. They are refused together: topics apart, because one that is gone is asked about for a while.
 */
export class OffsetCommits {
  readonly #coordinators: Coordinators;
  /** By group and topic; not sent yet. */
  readonly #open = new Map<string, Open>();

  constructor(coordinators: Coordinators) {
    this.#coordinators = coordinators;
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
      const topics = [{ topic, partitions: [...offsets].map(([partition, told]) => ({ partition, ...told })) }];
      await this.#coordinators.ask(group, requestMs, broker => broker.offsetCommit({ groupId: group, ...credentials, topics }));
    });
    return { credentials, offsets, done };
  }
}
