import type { Clock } from '../../clock.ts';
import type { Brokers } from './brokers.ts';
import { isPassing } from './kafka-error.ts';
import { Together } from './together.ts';

/** What a batch costs besides its records, and some more. */
const batchBytes = 588;
/** Of 1 048 588 that a topic takes in one batch unless it is told otherwise (message.max.bytes). */
export const recordBytesMax = 1_048_588 - batchBytes;

const requestMs = 2_000;
/** Others may change it. */
const freshMs = 30_000;
const topicResource = 2;

interface Known {
  /** undefined: as much as usual, or we may not ask. */
  readonly bytes: number | undefined;
  readonly readAtMs: number;
}

/** How large a record a topic takes, where that is less than usual. Bounded by the topics that functions send to. */
export class RecordLimits {
  readonly #brokers: Brokers;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #known = new Map<string, Known>();
  readonly #together = new Together(topics => this.#read(topics));

  constructor(brokers: Brokers, clock: Pick<Clock, 'now'>) {
    this.#brokers = brokers;
    this.#clock = clock;
  }

  async of(topic: string): Promise<number | undefined> {
    const known = this.#known.get(topic);
    if (known !== undefined && this.#clock.now() - known.readAtMs < freshMs) return known.bytes;
    const bytes = (await this.#together.about(topic)).get(topic);
    this.#known.set(topic, { bytes, readAtMs: this.#clock.now() });
    return bytes;
  }

  /** Those that take less than usual. */
  async #read(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const limits = new Map<string, number>();
    try {
      const resources = topics.map(name => ({ type: topicResource, name, configNames: ['max.message.bytes'] }));
      const answer = await this.#brokers.ask('any', requestMs, broker => broker.describeConfigs({ resources }));
      for (const { resourceName, configEntries } of answer.resources) {
        const bytes = Number(configEntries[0]?.configValue) - batchBytes;
        if (bytes < recordBytesMax) limits.set(resourceName, Math.max(0, bytes));
      }
    } catch (error) {
      // Without the right to ask, what is too large is refused by the broker instead. Others may be asked about all the same.
      if (topics.length < 2 || isPassing(error)) return limits;
      for (const found of await Promise.all(topics.map(topic => this.#read([topic]))))
        for (const [name, bytes] of found) limits.set(name, bytes);
    }
    return limits;
  }
}
