import { Kafka, logLevel } from 'kafkajs';

/** Records per second of a bare kafkajs `eachBatch` loop that only counts, from its first batch to its last, when it runs over them for the second time. */
export async function kafkajsCountRate(brokers: readonly string[], topic: string, count: number): Promise<number> {
  await countOnce(brokers, topic, count);
  return countOnce(brokers, topic, count);
}

async function countOnce(brokers: readonly string[], topic: string, count: number): Promise<number> {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `count-${topic}-${performance.now()}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let first: { readonly atMs: number; readonly records: number } | undefined;
  let seen = 0;
  try {
    return await new Promise<number>((resolve, reject) => {
      const eachBatch = async ({ batch }: { readonly batch: { readonly messages: readonly unknown[] } }) => {
        seen += batch.messages.length;
        first ??= { atMs: performance.now(), records: seen };
        if (seen >= count) resolve(((seen - first.records) * 1000) / (performance.now() - first.atMs));
      };
      consumer.run({ autoCommit: false, partitionsConsumedConcurrently: 8, eachBatch }).catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
}

/** The records of a backlog, spread over the partitions by their keys. */
export async function produce(brokers: readonly string[], topic: string, count: number, textOf: (index: number) => string): Promise<void> {
  const producer = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  for (let start = 0; start < count; start += 5_000) {
    const size = Math.min(5_000, count - start);
    const messages = Array.from({ length: size }, (_, at) => ({ key: `customer-${(start + at) % 1_000}`, value: textOf(start + at) }));
    await producer.send({ topic, messages });
  }
  await producer.disconnect();
}
