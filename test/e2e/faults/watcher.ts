import type { Consumer, Kafka } from 'kafkajs';
import { headerNames } from '../../../runtime/protocol/headers.ts';

interface Emit {
  readonly key: string;
  readonly id: string;
  readonly n: number;
}

/** Another client's reader of what functions emit: it knows the one rule that readers are told, and nothing else of the runtime. */
export class Watcher {
  readonly #consumer: Consumer;
  readonly #next = new Map<number, number>();
  readonly #highest = new Map<string, readonly [number, number]>();
  readonly #visible = new Map<string, string[]>();

  private constructor(consumer: Consumer) {
    this.#consumer = consumer;
  }

  static async start(kafka: Kafka, topic: string): Promise<Watcher> {
    const consumer = kafka.consumer({ groupId: `watcher-${process.pid}-${Date.now()}`, maxWaitTimeInMs: 100, retry: { retries: 1_000 } });
    const watcher = new Watcher(consumer);
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ partition, message }) => {
        const offset = Number(message.offset);
        // After a rebalance some are read again.
        if (offset < (watcher.#next.get(partition) ?? 0)) return;
        watcher.#next.set(partition, offset + 1);
        const [stream, seq] = [headerNames.stream, headerNames.seq].map(name => String(message.headers?.[name]));
        const { id, n } = JSON.parse(String(message.value));
        watcher.#take(`${stream} ${partition}`, `${seq}`, { key: String(message.key), id, n });
      },
    });
    return watcher;
  }

  get visible(): ReadonlyMap<string, readonly string[]> {
    return this.#visible;
  }

  async stop(): Promise<void> {
    await this.#consumer.disconnect();
  }

  #take(stream: string, seq: string, { key, id, n }: Emit): void {
    const [generation = 0, counter = 0] = seq.split('.').map(Number);
    const [highest, highestCounter] = this.#highest.get(stream) ?? [-1, -1];
    if (generation < highest || (generation === highest && counter <= highestCounter)) return;
    this.#highest.set(stream, [generation, counter]);
    const seen = this.#visible.get(key);
    if (seen === undefined) this.#visible.set(key, [`${id}@${n}`]);
    else seen.push(`${id}@${n}`);
  }
}
