import { Redis } from 'ioredis';
import { Kafka, logLevel } from 'kafkajs';
import { SteadyRate } from '../steady-rate.ts';

/**
 * Records per second of what one would write by hand: a kafkajs `eachBatch` loop with a pipelined HINCRBY and one produced record for each, which promises nothing: what is
 * handled again counts again. Once it is under way. `emitTo`: a topic that no other run emits to.
 */
export async function kafkajsHincrbyRate(
  brokers: readonly string[],
  redisPort: number,
  { topic, emitTo, count }: { readonly topic: string; readonly emitTo: string; readonly count: number },
): Promise<number> {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
  const redis = new Redis({ host: '127.0.0.1', port: redisPort });
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  const consumer = kafka.consumer({ groupId: `by-hand-${emitTo}`, maxWaitTimeInMs: 100 });
  await Promise.all([producer.connect(), consumer.connect()]);
  await consumer.subscribe({ topic, fromBeginning: true });
  const steady = new SteadyRate(count);
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
        for (const { key } of orders) pipeline.hincrby(`counts-${emitTo}`, key, 1);
        const counts = (await pipeline.exec()) ?? [];
        const messages = orders.map(({ key }, index) => ({ key, value: JSON.stringify({ count: counts[index]?.[1] }) }));
        await producer.send({ topic: emitTo, messages });
        seen += orders.length;
        const rate = steady.saw(seen);
        if (rate !== undefined) resolve(rate);
      };
      consumer.run({ partitionsConsumedConcurrently: 8, eachBatch }).catch(reject);
    });
  } finally {
    await Promise.all([consumer.disconnect(), producer.disconnect()]);
    redis.disconnect();
  }
}
