import type { Streams } from '../ports/streams.ts';

/** How many partitions topics have. A topic keeps its number, so what was seen stays true until the topic is made again under its name. */
export class TopicPartitions {
  readonly #streams: Pick<Streams, 'describeTopic'>;
  readonly #partitions = new Map<string, number>();

  constructor(streams: Pick<Streams, 'describeTopic'>) {
    this.#streams = streams;
  }

  of(topic: string): number | undefined {
    return this.#partitions.get(topic);
  }

  haveAll(topics: readonly string[]): boolean {
    return topics.every(topic => this.#partitions.has(topic));
  }

  async load(topics: readonly string[]): Promise<void> {
    for (const topic of new Set(topics)) {
      if (this.#partitions.has(topic)) continue;
      const info = await this.#streams.describeTopic(topic);
      if (info !== undefined) this.#partitions.set(topic, info.partitions);
    }
  }

  /** After a deployment: topics may have been made, or made again. */
  forget(): void {
    this.#partitions.clear();
  }
}
