import { drainRate } from '../drain.ts';
import { startFaas } from '../faas-server.ts';
import { orders } from '../payload.ts';
import { bullmqRate } from '../peers/bullmq.ts';
import { rawSqlite } from '../raw-sqlite.ts';
import { inTurns, type Row, type RowResult, ratioRow, type Turns } from '../row.ts';

const turns = 3;
/** Some seconds of work beyond the warming up; rates of stateful work rise for longer. */
const backlog = { stateless: 2_000_000, count: 1_200_000 };

const streams = `version: 1
context: bench
streams:
  orders: { partitions: 8 }
  counted: { internal: true, partitions: 8 }
`;

/** Every pod is there from the start: the backlog, not the start, is what is measured. */
const withFunction = (name: string, pods: number) => `${streams}
functions:
  ${name}:
    handler: ${name}.ts
    on:
      - stream: { streams: [orders], from: earliest, batch: { size: 500 } }
    limits: { concurrency: 1000 }
    scale: { min: ${pods}, max: ${pods} }
    emits: [counted]
`;

async function backlogRate(name: keyof typeof backlog, pods: number): Promise<number> {
  const server = await startFaas({ 'pods-pool': '0' });
  try {
    await server.deploy(streams);
    await server.emit('bench.orders', orders(backlog[name]));
    await server.deploy(withFunction(name, pods));
    return await drainRate(server, `bench.${name}`, backlog[name]);
  } finally {
    await server.stop();
  }
}

export const stateless: Row = {
  name: 'stateless',
  async measure({ podsMax }) {
    const { ours, raw, bullmq } = await inTurns(turns, {
      ours: () => backlogRate('stateless', podsMax),
      raw: async () => (await rawSqlite()).limit,
      bullmq: () => bullmqRate(false),
    });
    const measure = 'stateless over a backlog';
    return [
      ratioRow(measure, 'events/s', ours, { name: 'of 1/(1/append+1/read)', turns: raw }, 0.4, podsMax),
      ratioRow(measure, 'events/s', ours, { name: 'of BullMQ 50', turns: bullmq }, 8, podsMax),
    ];
  },
};

export const stateful: Row = {
  name: 'stateful',
  async measure({ podsMax }) {
    const { ours, bullmq } = await inTurns(turns, { ours: () => backlogRate('count', podsMax), bullmq: () => bullmqRate(true) });
    return [besideBullmq('counter per key, one emit, effectively once', ours, bullmq, podsMax)];
  },
};

/** A counter per key and one emit each, beside jobs that count with HINCRBY and add another job. */
export function besideBullmq(measure: string, ours: Turns, bullmq: Turns, pods: number): RowResult {
  return ratioRow(measure, 'events/s', ours, { name: 'of BullMQ 50, HINCRBY, add', turns: bullmq }, 6, pods);
}
