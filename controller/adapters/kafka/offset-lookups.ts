import type { CommittedOffset } from '../../ports/streams.ts';
import type { Coordinators } from './coordinators.ts';
import { kafkaError } from './kafka-error.ts';

interface Lookup {
  /** Partitions by topic. */
  readonly wanted: Map<string, Set<number>>;
  readonly answer: Promise<ReadonlyMap<string, readonly CommittedOffset[]>>;
}

const requestMs = 2_000;

/** Committed offsets of groups: what is asked of one group in one turn is one request, as when a member claims all that it has been given. */
export class OffsetLookups {
  readonly #coordinators: Coordinators;
  /** By group; not sent yet. */
  readonly #open = new Map<string, Lookup>();

  constructor(coordinators: Coordinators) {
    this.#coordinators = coordinators;
  }

  /** Those that there are, in the order of partitions. Throws FAAS_KAFKA_*. */
  async committed(group: string, topic: string, partitions: readonly number[]): Promise<readonly CommittedOffset[]> {
    let lookup = this.#open.get(group);
    if (lookup === undefined) {
      const wanted = new Map<string, Set<number>>();
      lookup = { wanted, answer: this.#ask(group, wanted) };
      this.#open.set(group, lookup);
    }
    const mine = lookup.wanted.get(topic) ?? new Set();
    lookup.wanted.set(topic, mine);
    for (const partition of partitions) mine.add(partition);
    const found = (await lookup.answer).get(topic) ?? [];
    return found.filter(({ partition }) => partitions.includes(partition));
  }

  async #ask(group: string, wanted: ReadonlyMap<string, ReadonlySet<number>>): Promise<ReadonlyMap<string, readonly CommittedOffset[]>> {
    await new Promise(resolve => setImmediate(resolve));
    this.#open.delete(group);
    try {
      const topics = [...wanted].map(([topic, partitions]) => ({ topic, partitions: [...partitions].map(partition => ({ partition })) }));
      const { responses } = await this.#coordinators.ask(group, requestMs, broker => broker.offsetFetch({ groupId: group, topics }));
      return new Map(responses.map(({ topic, partitions }) => [topic, inOrder(partitions)]));
    } catch (error) {
      throw kafkaError(error, `read the offsets of the group ${group} in ${[...wanted.keys()].join(', ')}`);
    }
  }
}

interface Answered {
  readonly partition: number;
  /** −1: none. */
  readonly offset: string;
  readonly metadata: string | null;
}

function inOrder(partitions: readonly Answered[]): readonly CommittedOffset[] {
  return partitions
    .filter(({ offset }) => Number(offset) >= 0)
    .map(({ partition, offset, metadata }) => ({ partition, offset: Number(offset), metadata: metadata ?? '' }))
    .sort((a, b) => a.partition - b.partition);
}
