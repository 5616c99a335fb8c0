import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../controller/clock.ts';
import type { Streams } from '../controller/ports/streams.ts';
import { systemRandom } from '../controller/random.ts';
import { silentLog } from '../controller/telemetry/log.ts';
import { builtModule, scratchFolder } from './paths.ts';
import { orderOf } from './payload.ts';

type Adapters = typeof import('../controller/adapters/sqlite/sqlite-adapters.ts');

const records = 100_000;
const atOnce = 1_000;
const partitions = 8;

/**
 * The limit of what a log on SQLite can give: records are appended, and read again, through the port that the runtime uses, with nothing in
 * between. An event that is handled was appended once and read once: 1 / (1 / append + 1 / read).
 */
export async function rawSqlite(): Promise<{ readonly append: number; readonly read: number; readonly limit: number }> {
  const { openSqliteAdapters }: Adapters = await import(builtModule('controller/adapters/sqlite/sqlite-adapters.js'));
  const stores = await openSqliteAdapters({
    folder: mkdtempSync(join(scratchFolder, 'raw-')),
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  });
  try {
    await stores.streams.ensureTopic('raw', { partitions });
    const append = await rate(async () => {
      for (let start = 0; start < records; start += atOnce) await stores.streams.append('raw', recordsFrom(start));
    });
    const read = await rate(async () => {
      for (let partition = 0; partition < partitions; partition += 1) await readAll(stores.streams, partition);
    });
    return { append, read, limit: 1 / (1 / append + 1 / read) };
  } finally {
    await stores.close();
  }
}

function recordsFrom(start: number) {
  return Array.from({ length: atOnce }, (_, index) => {
    const order = orderOf(start + index);
    return {
      partition: (start + index) % partitions,
      key: Buffer.from(order.customer),
      value: Buffer.from(JSON.stringify(order)),
      headers: [],
    };
  });
}

async function readAll(streams: Streams, partition: number): Promise<void> {
  for (let offset = 0; ; ) {
    const { records: found, nextOffset } = await streams.read('raw', partition, offset, { records: atOnce, bytes: 2 ** 24 });
    if (found.length === 0) return;
    offset = nextOffset;
  }
}

async function rate(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return (records * 1000) / (performance.now() - startedMs);
}
