import { afterAll, beforeAll } from 'vitest';
import { type KafkaCluster, startKafka } from '../services/kafka/kafka-cluster.ts';
import { kafkaService } from '../services/kafka/kafka-home.ts';
import { emptyBrokers, openStreams, rollBackTransaction } from '../services/kafka/open-kafka.ts';
import { describeWith } from '../services/needed-service.ts';
import { type StreamsUnderTest, streamsContract } from './streams.ts';

describeWith(kafkaService, 'the port of streams', () => {
  let kafka: KafkaCluster;
  beforeAll(async () => {
    kafka = await startKafka();
  }, 300_000);
  afterAll(() => kafka?.stop());

  streamsContract(
    'kafka',
    async clock => {
      await emptyBrokers(kafka.bootstrap);
      const open = () => openStreams(kafka.bootstrap, { clock });
      const subject: StreamsUnderTest = {
        streams: await open(),
        async reopen() {
          await subject.streams.close();
          subject.streams = await open();
        },
        skipOffsets: (at, count) => rollBackTransaction(kafka.bootstrap, at, count),
        close: () => subject.streams.close(),
      };
      return subject;
    },
    'broker',
  );
});
