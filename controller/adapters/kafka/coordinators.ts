import type Broker from 'kafkajs/src/broker/index.js';
import type { Clock } from '../../clock.ts';
import type { Brokers } from './brokers.ts';
import { isPassing } from './kafka-error.ts';

const groupCoordinator = 0;
const findMs = 2_000;
/** So long a question to a coordinator is tried again: it moves within seconds when its node is killed. */
const giveUpMs = 10_000;
const pauseMs = { min: 20, max: 500 };

/** Which node coordinates a group, as far as it is known. */
export class Coordinators {
  readonly #brokers: Brokers;
  readonly #clock: Clock;
  readonly #known = new Map<string, number>();

  constructor(brokers: Brokers, clock: Clock) {
    this.#brokers = brokers;
    this.#clock = clock;
  }

  async find(group: string): Promise<number> {
    const known = this.#known.get(group);
    if (known !== undefined) return known;
    const { coordinator } = await this.#brokers.ask('any', findMs, broker =>
      broker.findGroupCoordinator({ groupId: group, coordinatorType: groupCoordinator }),
    );
    this.#known.set(group, coordinator.nodeId);
    return coordinator.nodeId;
  }

  forget(group: string): void {
    this.#known.delete(group);
  }

  /** Asks the coordinator; again, and another one, while it fails in a way that passes. */
  async ask<Answer>(group: string, timeoutMs: number, question: (broker: Broker) => Promise<Answer>): Promise<Answer> {
    const untilMs = this.#clock.now() + giveUpMs;
    for (let delayMs = pauseMs.min; ; delayMs = Math.min(pauseMs.max, delayMs * 2)) {
      try {
        return await this.#brokers.ask(await this.find(group), timeoutMs, question);
      } catch (error) {
        this.forget(group);
        if (!isPassing(error) || this.#clock.now() + delayMs > untilMs) throw error;
      }
      await this.#clock.sleep(delayMs);
    }
  }
}
