import { afterAll, beforeAll, expect, test } from 'vitest';
import { podFaultPointNames } from '../../runtime/pod/fault-points.ts';
import { type KafkaCluster, startKafka } from '../services/kafka/kafka-cluster.ts';
import { kafkaAndRedis } from '../services/kafka-and-redis.ts';
import { describeWith } from '../services/needed-service.ts';
import { startRedis } from '../services/redis.ts';
import { crashAtEach, crashPodsAtEach, hits, pointsOfLoad } from './crash-run.ts';
import { crashReplayAtEach, wrongReplay } from './replay-run.ts';
import { patienceMs, ServerProcess } from './server-process.ts';

const limit = { timeout: 3 * patienceMs };
const atHits = `hits ${hits.join(', ')}`;
const replayPoints = ['replay.before-append', 'replay.after-append'] as const;

describeWith(kafkaAndRedis, 'on Kafka and Redis', () => {
  let kafka: KafkaCluster;
  beforeAll(async () => {
    kafka = await startKafka();
  }, 300_000);
  afterAll(() => kafka?.stop());

  /** A server with a Redis and topics of its own. */
  async function withServer(context: string, work: (server: ServerProcess, env: Readonly<Record<string, string>>) => Promise<void>) {
    const redis = await startRedis();
    const server = await ServerProcess.create(context);
    try {
      const streams = { FAAS_STREAMS: `kafka://${kafka.bootstrap.join(',')}`, FAAS_KAFKA_SESSION: '1s' };
      await work(server, { ...streams, FAAS_STATE: redis.url });
    } finally {
      await server.dispose();
      await redis.stop();
    }
  }

  // Side by side, and the replays first: they wait more than they work.
  test.concurrent.each(replayPoints.map((at, index) => [at, index] as const))(
    `a server that dies at %s, ${atHits}, handles each event of the replay once more`,
    limit,
    (at, index) =>
      withServer(`replay-${index}`, async (server, env) => {
        const seen = await crashReplayAtEach(server, at, env, kafka.bootstrap);
        console.log(`${at}, ${atHits}: ${[...seen.values()].flat().length} handled, ${wrongReplay(seen).length} keys wrong`);
        expect(wrongReplay(seen), server.output).toEqual([]);
      }),
  );

  test.concurrent.each(pointsOfLoad.map((at, index) => [at, index] as const))(
    `a server that dies at %s, ${atHits}, has exact counts in the end`,
    limit,
    (at, index) =>
      withServer(`crash-${index}`, async (server, env) => expect(await crashAtEach(server, at, env), server.output).toEqual([])),
  );

  test.concurrent.each(podFaultPointNames.map((at, index) => [at, index] as const))(
    `pods that die at %s, ${atHits}, leave exact counts`,
    limit,
    (at, index) =>
      withServer(`pod-${index}`, async (server, env) => expect(await crashPodsAtEach(server, at, env), server.output).toEqual([])),
  );
});
