import { Redis } from 'ioredis';
import { Kafka, logLevel } from 'kafkajs';

/**
 * Records per second of what one would write by hand: a kafkajs `eachBatch` loop with a pipelined HINCRBY and one produced record for each, which promises nothing: what is
 * handled again counts again.
 */
export async function kafkajsHincrbyRate(brokers: readonly string[], redisPort: number, topic: string, count: number): Promise<number> {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
  const redis = new Redis({ host: '127.0.0.1', port: redisPort });
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  const consumer = kafka.consumer({ groupId: `by-hand-${topic}`, maxWaitTimeInMs: 100 });
  await Promise.all([producer.connect(), consumer.connect()]);
  await consumer.subscribe({ topic, fromBeginning: true });
  let first: { readonly atMs: number; readonly records: number } | undefined;
  let seen = 0;
  try {
    return await new Promise<number>((resolve, reject) => {
      const eachBatch = async ({
        batch,
      }: {
        readonly batch: { readonly messages: readonly { readonly key: Buffer | null; readonly value: Buffer | null }[] };
      }) => {
        const orders = batch.messages.map(({ key, value }) => ({ key: String(key), order: JSON.parse(String(value)) }));
        const pipeline = redis.pipeline();
        for (const { key } of orders) pipeline.hincrby(`counts-${topic}`, key, 1);
        const counts = (await pipeline.exec()) ?? [];
        const messages = orders.map(({ key }, index) => ({ key, value: JSON.stringify({ count: counts[index]?.[1] }) }));
        await producer.send({ topic: `${topic}-counted`, messages });
        seen += orders.length;
        first ??= { atMs: performance.now(), records: seen };
        if (seen >= count) resolve(((seen - first.records) * 1000) / (performance.now() - first.atMs));
      };
      consumer.run({ partitionsConsumedConcurrently: 8, eachBatch }).catch(reject);
    });
  } finally {
    await Promise.all([consumer.disconnect(), producer.disconnect()]);
    redis.disconnect();
  }
}
