import { drainRate } from '../drain.ts';
import { startFaas } from '../faas-server.ts';
import { orders } from '../payload.ts';
import { bullmqRate } from '../peers/bullmq.ts';
import { rawSqlite } from '../raw-sqlite.ts';
import { PeerMissing, type Row, type RowResult, ratioRow } from '../row.ts';
import { median, repeat } from '../statistics.ts';

const turns = 3;
/** Some seconds of work: what is measured is the steady rate, not the warming up of three processes. */
const backlog = 300_000;

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

async function backlogRate(name: string, pods: number): Promise<number> {
  const server = await startFaas({ 'pods-pool': '0' });
  try {
    await server.deploy(streams);
    await server.emit('bench.orders', orders(backlog));
    await server.deploy(withFunction(name, pods));
    return await drainRate(server, `bench.${name}`, backlog);
  } finally {
    await server.stop();
  }
}

export const stateless: Row = {
  name: 'stateless',
  async measure({ podsMax }) {
    const ours = median(await repeat(turns, () => backlogRate('stateless', podsMax)));
    const raw = await repeat(turns, rawSqlite);
    const limit = { name: 'of 1/(1/append+1/read)', value: median(raw.map(one => one.limit)) };
    const results: RowResult[] = [ratioRow('stateless over a backlog', 'events/s', ours, limit, 0.4, podsMax)];
    return [...results, ...(await besideBullmq('stateless over a backlog', ours, false, 8, podsMax))];
  },
};

export const stateful: Row = {
  name: 'stateful',
  async measure({ podsMax }) {
    const ours = median(await repeat(turns, () => backlogRate('count', podsMax)));
    return besideBullmq('counter per key, one emit, effectively once', ours, true, 6, podsMax);
  },
};

export async function besideBullmq(
  measure: string,
  ours: number,
  withState: boolean,
  atLeast: number,
  pods: number,
): Promise<readonly RowResult[]> {
  const name = withState ? 'of BullMQ 50, HINCRBY, add' : 'of BullMQ 50';
  try {
    const theirs = median(await repeat(turns, () => bullmqRate(withState)));
    return [ratioRow(measure, 'events/s', ours, { name, value: theirs }, atLeast, pods)];
  } catch (error) {
    if (!(error instanceof PeerMissing)) throw error;
    return [
      { measure, unit: 'events/s', ours, other: undefined, figure: ours, wanted: undefined, pods, note: `peer skipped: ${error.message}` },
    ];
  }
}
