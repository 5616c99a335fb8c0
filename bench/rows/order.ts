import { startKafka } from '../../test/services/kafka/kafka-cluster.ts';
import { kafkaService } from '../../test/services/kafka/kafka-home.ts';
import { eventually } from '../child.ts';
import { startFaas } from '../faas-server.ts';
import { type Row, ratioRow, requireService } from '../row.ts';

const count = 10_000;
const keys = 1_000;
/** Events per second that Confluent's Parallel Consumer, which is not made any more, gave as its own on such a load. */
const parallelConsumer = 4_860;

const streams = 'version: 1\ncontext: bench\nstreams:\n  waits: { partitions: 1 }\n';
const withOrder = (order: string) => `${streams}functions:
  wait:
    handler: wait.ts
    on:
      - stream: { streams: [waits], from: earliest, order: ${order}, batch: { size: 100 } }
    limits: { concurrency: 100 }
    scale: { min: 1, max: 1 }
    env:
      OUT: \${OUT}
`;

/** Events per second of one partition with handlers of 0 to 5 ms; throws when a key was handled out of order. */
async function rate(order: 'key' | 'partition', settings: Readonly<Record<string, string>> = {}): Promise<number> {
  const server = await startFaas({ 'pods-pool': '0', ...settings });
  try {
    await server.deploy(streams);
    const events = Array.from({ length: count }, (_, index) => ({ key: `key-${index % keys}`, data: { index, ms: (index * 7919) % 6 } }));
    await server.emit('bench.waits', events);
    await server.deploy(withOrder(order));
    const firstMs = await eventually('the first event is handled', () => (server.lines().length > 0 ? performance.now() : undefined));
    const already = server.lines().length;
    const lastMs = await eventually(
      'all events are handled',
      () => (server.lines().length >= count ? performance.now() : undefined),
      180_000,
    );
    checkOrder(server.lines());
    return ((count - already) * 1000) / (lastMs - firstMs);
  } finally {
    await server.stop();
  }
}

function checkOrder(lines: readonly string[]): void {
  const last = new Map<string, number>();
  for (const line of lines) {
    const [key = '', index = ''] = line.split(' ');
    const before = last.get(key) ?? -1;
    if (Number(index) <= before) throw new Error(`${key}: event ${index} was handled after event ${before}`);
    last.set(key, Number(index));
  }
  if (lines.length !== count) throw new Error(`${lines.length} events were handled, expected ${count}`);
}

export const order: Row = {
  name: 'order',
  async measure() {
    const byKey = await rate('key');
    const byPartition = await rate('partition');
    return [
      ratioRow(
        'one partition, 0-5 ms each, 100 at a time, order: key',
        'events/s',
        [byKey],
        { name: 'of order: partition', turns: [byPartition] },
        10,
        1,
      ),
    ];
  },
};

/** The same partition in Kafka, against the figure of who did nothing else. */
export const orderOnKafka: Row = {
  name: 'order-kafka',
  async measure() {
    requireService(kafkaService);
    const kafka = await startKafka();
    try {
      const ours = await rate('key', { streams: `kafka://${kafka.bootstrap.join(',')}` });
      const measure = 'one partition in Kafka, 0-5 ms each, 100 at a time, order: key';
      const wanted = { relation: 'at least', value: parallelConsumer, of: 'events/s' } as const;
      return [
        {
          measure,
          unit: 'events/s',
          ours,
          other: { name: 'of the Parallel Consumer', value: parallelConsumer },
          figure: ours,
          wanted,
          pods: 1,
        },
      ];
    } finally {
      await kafka.stop();
    }
  },
};
