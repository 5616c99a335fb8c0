import { eventually } from '../child.ts';
import { type Entry, entriesOf, entryManifest, sendEvenly } from '../entries.ts';
import { startFaas } from '../faas-server.ts';
import { withKafkaAndRedis } from '../kafka-and-redis.ts';
import { boundRow, type Row, type RowResult } from '../row.ts';
import { percentile } from '../statistics.ts';

const perSecond = 1_000;
/** What is asked is the latency of a server at work: until then three processes compile what they run. */
const warmUpMs = 5_000;
const durationMs = 10_000;

/** At an even rate to one warm pod. */
async function measureOn(
  settings: Readonly<Record<string, string>>,
  where: string,
  p50: number,
  p99: number,
): Promise<readonly RowResult[]> {
  const server = await startFaas(settings);
  try {
    await server.deploy(entryManifest('{ min: 1, max: 1 }'));
    const warmUp = await sendEvenly(server, perSecond, warmUpMs);
    await eventually('the warm-up is handled', () => (server.lines().length >= warmUp ? true : undefined));
    const sent = await sendEvenly(server, perSecond, durationMs);
    await eventually('all events are handled', () => (server.lines().length >= warmUp + sent ? true : undefined));
    const all = entriesOf(server);
    const entries = all.slice(warmUp);
    const atFirst = percentile(
      all.slice(0, perSecond).map(entry => entry.sinceAppendMs),
      0.99,
    ).toFixed(0);
    const at = (figure: (entry: Entry) => number, share: number) => percentile(entries.map(figure), share);
    const sinceAppend = (share: number) => at(entry => entry.sinceAppendMs, share);
    const sinceSent = (share: number) => at(entry => entry.sinceSentMs, share).toFixed(1);
    const measure = `append to handler entry at ${perSecond} events/s${where}`;
    return [
      boundRow(`${measure}, p50`, 'ms', sinceAppend(0.5), p50, 1, `from before the request ${sinceSent(0.5)} and ${sinceSent(0.99)} ms`),
      boundRow(`${measure}, p99`, 'ms', sinceAppend(0.99), p99, 1, `${atFirst} ms in the first second of a new server`),
    ];
  } finally {
    await server.stop();
  }
}

export const latency: Row = {
  name: 'latency',
  measure: () => measureOn({}, '', 3, 20),
};

export const latencyOnKafka: Row = {
  name: 'latency-kafka',
  measure: () => withKafkaAndRedis(settings => measureOn(settings, ' on Kafka and Redis', 8, 40)),
};
