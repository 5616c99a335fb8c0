import type { LiveFunction } from '../functions/live-function.ts';
import { inboxTopicOf } from '../functions/live-function.ts';
import type { Streams } from '../ports/streams.ts';

/** Partitions of the topics that one function sends to. Bounded by its manifest. */
export class TopicSizes {
  readonly #streams: Streams;
  readonly #sizes = new Map<string, number>();

  constructor(streams: Streams) {
    this.#streams = streams;
  }

  readonly partitionsOf = (topic: string): number | undefined => this.#sizes.get(topic);

  /** Looks up those that are not known yet. The dead-letter topic is created where it is missing: what failed must have a place. */
  async load(live: LiveFunction): Promise<void> {
    const targets = new Set([...live.emitTopics.values(), ...live.spec.calls.map(inboxTopicOf)]);
    for (const topic of targets) {
      if (this.#sizes.has(topic)) continue;
      const info = await this.#streams.describeTopic(topic);
      if (info !== undefined) this.#sizes.set(topic, info.partitions);
    }
    if (this.#sizes.has(live.deadLetterTopic)) return;
    const info = await this.#streams.ensureTopic(live.deadLetterTopic, { partitions: 1 });
    this.#sizes.set(live.deadLetterTopic, info.partitions);
  }
}
