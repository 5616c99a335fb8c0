import type { Clock } from '../../clock.ts';
import type { Brokers } from './brokers.ts';

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

  constructor(brokers: Brokers, clock: Pick<Clock, 'now'>) {
    this.#brokers = brokers;
    this.#clock = clock;
  }

  async of(topic: string): Promise<number | undefined> {
    const known = this.#known.get(topic);
    if (known !== undefined && this.#clock.now() - known.readAtMs < freshMs) return known.bytes;
    const bytes = await this.#read(topic);
    this.#known.set(topic, { bytes, readAtMs: this.#clock.now() });
    return bytes;
  }

  async #read(topic: string): Promise<number | undefined> {
    try {
      const resources = [{ type: topicResource, name: topic, configNames: ['max.message.bytes'] }];
      const answer = await this.#brokers.ask('any', requestMs, broker => broker.describeConfigs({ resources }));
      const bytes = Number(answer.resources[0]?.configEntries[0]?.configValue) - batchBytes;
      return bytes < recordBytesMax ? Math.max(0, bytes) : undefined;
    } catch {
      // Without the right to ask, what is too large is refused by the broker instead.
      return undefined;
    }
  }
}
