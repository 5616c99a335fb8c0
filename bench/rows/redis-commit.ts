import { Redis } from 'ioredis';
import { commitScript } from '../../controller/adapters/redis/commit-script.ts';
import { systemClock } from '../../controller/clock.ts';
import type { CommitRequest } from '../../controller/ports/state.ts';
import { openOnRedis } from '../../test/services/redis-adapters.ts';
import { startRedis } from '../peers/redis.ts';
import type { Row, RowResult } from '../row.ts';
import { median, repeat } from '../statistics.ts';

const groupEvents = 200;
const groups = 400;
const turns = 3;
const warmUp = 50;
const keys = 1_000;
const valueBytes = 100;
const emitBytes = 200;
const source = { unit: 'bench.count', name: 'orders.0' };
const micros = 1e6;

/** What the commit of a full group costs the server: each event reads and writes one of 1000 keys, and half of the offsets are done out of order. */
export const redisCommit: Row = {
  name: 'redis-commit',
  async measure() {
    const plain = await repeat(turns, () => scriptTimes(0));
    const emitting = await repeat(turns, () => scriptTimes(1));
    return [
      atLeast('commit of 200 events, script time', plain, 100_000),
      atLeast('the same with an emit each', emitting, 50_000),
      atMost('longest of them', plain),
      atMost('longest with emits', emitting),
    ];
  },
};

function atLeast(measure: string, times: readonly (readonly number[])[], value: number): RowResult {
  const ours = (groupEvents * micros) / median(times.flat());
  return {
    measure,
    unit: 'events/s',
    ours,
    other: undefined,
    figure: ours,
    wanted: { relation: 'at least', value, of: 'events/s' },
    pods: 0,
  };
}

/** Of the quietest turn: what other programs take from the server's core counts as its time. */
function atMost(measure: string, times: readonly (readonly number[])[]): RowResult {
  const ours = Math.min(...times.map(turn => Math.max(...turn))) / 1_000;
  return { measure, unit: 'ms', ours, other: undefined, figure: ours, wanted: { relation: 'at most', value: 5, of: 'ms' }, pods: 0 };
}

/** Microseconds that the server spent in each commit script, from its own slow log. */
async function scriptTimes(emitsPerEvent: number): Promise<readonly number[]> {
  const redis = await startRedis();
  const admin = new Redis({ host: '127.0.0.1', port: redis.port });
  const address = `redis://127.0.0.1:${redis.port}`;
  const adapters = await openOnRedis(address);
  try {
    const { state } = adapters;
    const { generation } = await state.claim(source, {
      ownerToken: 'bench',
      brokerGeneration: 0,
      nowMs: systemClock.now(),
      committedOffset: 0,
    });
    const versions = new Map<string, string>();
    for (let ordinal = 1; ordinal <= warmUp + groups; ordinal += 1) {
      if (ordinal === warmUp + 1) {
        await admin.config('SET', 'slowlog-max-len', '100000', 'slowlog-log-slower-than', `${loggedMicros}`);
        await admin.slowlog('RESET');
      }
      const request = groupOf(ordinal, versions, emitsPerEvent);
      const result = await state.commit(source, request);
      if (result.kind !== 'ok') throw new Error(`a commit was answered ${result.kind}`);
      for (const [index, { key }] of request.writes.entries()) versions.set(key, `${request.id}:${index}`);
      if (emitsPerEvent > 0)
        await state.trim(source, 'bench', { generation, counter: result.firstSeq.counter + groupEvents * emitsPerEvent - 1 });
    }
    const log = (await admin.slowlog('GET', 100_000)) as readonly [id: number, at: number, micros: number, command: readonly string[]][];
    const commits = log.filter(([, , , command]) => command[1] === commitScript.sha);
    if (commits.length !== groups) throw new Error(`the slow log has ${commits.length} of ${groups} commits`);
    return commits.map(([, , took]) => took);
  } finally {
    await adapters.close();
    admin.disconnect();
    await redis.stop();
  }
}

/** Below what any full group costs, and above the commands within a script, which would cost more to log than to run. */
const loggedMicros = 100;

/** Two groups share a stretch of offsets: one has the odd ones and comes first, so that the other closes its gaps. */
function groupOf(ordinal: number, versions: ReadonlyMap<string, string>, emitsPerEvent: number): CommitRequest {
  const stretch = Math.floor((ordinal - 1) / 2) * 2 * groupEvents;
  const offsets = Array.from({ length: groupEvents }, (_, index) => stretch + 2 * index + (ordinal % 2));
  const touched = offsets.map((_, index) => `customer-${(ordinal * groupEvents + index) % keys}`);
  const value = Buffer.alloc(valueBytes, 'v');
  const emit = { topic: 'counted', partition: 0, key: Buffer.from('customer'), value: Buffer.alloc(emitBytes, 'e'), headers: [] };
  return {
    ownerToken: 'bench',
    ordinal,
    id: `commit-${ordinal}`,
    stream: 'bench.count|orders.0',
    highSeqOffset: 0,
    highSeqs: [],
    done: offsets.map(offset => [offset, offset + 1] as const),
    clearAttempts: [],
    ids: [],
    knownIds: [],
    reads: touched.map(key => ({ key, version: versions.get(key) ?? null })),
    writes: touched.map(key => ({ key, value })),
    emits: Array.from({ length: groupEvents * emitsPerEvent }, () => emit),
  };
}
