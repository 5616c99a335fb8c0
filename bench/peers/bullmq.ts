import { Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { orderOf } from '../payload.ts';
import { PeerMissing } from '../row.ts';
import { SteadyRate } from '../steady-rate.ts';
import { startRedis } from './redis.ts';

/** Six seconds of work and more beyond the warming up. */
const jobs = 200_000;
const bulk = 1_000;
/** What its documentation starts with, and near its best on this kind of work. */
const concurrency = 50;

/** Jobs per second over a backlog, once it is under way. `stateful`: HINCRBY on one of 1000 keys and one added job each, without any atomicity between them. */
export async function bullmqRate(stateful: boolean): Promise<number> {
  const { Redis } = await loadClient();
  const redis = await startRedis();
  const connection = new Redis({ host: '127.0.0.1', port: redis.port, maxRetriesPerRequest: null });
  const queue = new Queue('orders', { connection });
  const counted = new Queue('counted', { connection });
  try {
    for (let start = 0; start < jobs; start += bulk) {
      await queue.addBulk(
        Array.from({ length: bulk }, (_, index) => ({ name: 'order', data: orderOf(start + index), opts: { removeOnComplete: true } })),
      );
    }
    const handle = async ({ data }: { readonly data: ReturnType<typeof orderOf> }) => {
      if (data.total < 0) throw new Error('no order has a negative total');
      if (!stateful) return;
      const count = await connection.hincrby('counts', data.customer, 1);
      await counted.add('counted', { count });
    };
    return await workThrough(handle, connection, jobs);
  } finally {
    await queue.close();
    await counted.close();
    await connection.quit();
    await redis.stop();
  }
}

/** BullMQ leaves it to its user to bring the client. */
async function loadClient() {
  try {
    return await import('ioredis');
  } catch {
    throw new PeerMissing('BullMQ needs the client ioredis: npm install --no-save ioredis');
  }
}

async function workThrough(
  handle: (job: { readonly data: ReturnType<typeof orderOf> }) => Promise<void>,
  connection: Redis,
  jobs: number,
): Promise<number> {
  const worker = new Worker('orders', handle, { connection, concurrency, autorun: false });
  const steady = new SteadyRate(jobs);
  let done = 0;
  const finished = new Promise<number>((resolve, reject) => {
    worker.on('completed', () => {
      done += 1;
      const rate = steady.saw(done);
      if (rate !== undefined) resolve(rate);
    });
    worker.on('failed', (_, error) => reject(error));
  });
  const running = worker.run();
  try {
    return await finished;
  } finally {
    await worker.close();
    await running;
  }
}
