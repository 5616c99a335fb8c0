import type { Clock } from '../clock.ts';
import type { LiveFunction } from '../functions/live-function.ts';
import { inboxTopicOf } from '../functions/live-function.ts';
import type { Streams } from '../ports/streams.ts';

interface Known {
  readonly partitions: number;
  readonly recordBytesMax: number | undefined;
  readonly readAtMs: number;
}

/** What is older is looked up again: others may have added partitions, and their producers use them. */
const freshMs = 5_000;

type Described = Pick<Streams, 'describeTopic' | 'capabilities'>;

/** What the topics that are sent to are like: how many partitions, how large a record may be. Bounded by manifests. */
export class TopicSizes {
  readonly #streams: Described;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #sizes = new Map<string, Known>();

  constructor(streams: Described, clock: Pick<Clock, 'now'>) {
    this.#streams = streams;
    this.#clock = clock;
  }

  /** As far as it was looked up; what is old is answered as well, and looked up for the next time. */
  readonly partitionsOf = (topic: string): number | undefined => {
    const known = this.#sizes.get(topic);
    if (known === undefined) return undefined;
    if (this.#clock.now() - known.readAtMs >= freshMs) this.#refresh(topic, known);
    return known.partitions;
  };

  /** With its headers, as far as it was looked up. */
  readonly recordBytesMaxOf = (topic: string): number =>
    this.#sizes.get(topic)?.recordBytesMax ?? this.#streams.capabilities.recordBytesMax ?? Number.POSITIVE_INFINITY;

  haveAll(topics: readonly string[]): boolean {
    return topics.every(topic => this.#sizes.has(topic));
  }

  /** Looks up those that are not known yet. */
  async load(topics: readonly string[]): Promise<void> {
    for (const topic of new Set(topics)) if (!this.#sizes.has(topic)) await this.#read(topic);
  }

  /** After a deployment: topics may have been made, or made again. */
  forget(): void {
    this.#sizes.clear();
  }

  #refresh(topic: string, known: Known): void {
    this.#sizes.set(topic, { ...known, readAtMs: this.#clock.now() });
    // What was known stays good until the log can be asked again.
    this.#read(topic).catch(() => undefined);
  }

  async #read(topic: string): Promise<void> {
    const info = await this.#streams.describeTopic(topic);
    if (info === undefined) return;
    this.#sizes.set(topic, { partitions: info.partitions, recordBytesMax: info.recordBytesMax, readAtMs: this.#clock.now() });
  }
}

/** Looks up what a function sends to. The dead-letter topic is created where it is missing: what failed must have a place. */
export async function loadTargets(sizes: TopicSizes, streams: Streams, live: LiveFunction): Promise<void> {
  await sizes.load([...live.emitTopics.values(), ...live.spec.calls.map(inboxTopicOf)]);
  if (sizes.haveAll([live.deadLetterTopic])) return;
  await streams.ensureTopic(live.deadLetterTopic, { partitions: 1 });
  await sizes.load([live.deadLetterTopic]);
}
