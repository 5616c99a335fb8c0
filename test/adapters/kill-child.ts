import { openSqliteAdapters } from '../../controller/adapters/sqlite/sqlite-adapters.ts';
import { systemClock } from '../../controller/clock.ts';
import { systemRandom } from '../../controller/random.ts';
import { silentLog } from '../../controller/telemetry/log.ts';

/** Appends and commits without end, and prints one line per acknowledgement: `a <partition> <offset> <value>`, `c <done so far>`. */
const [, , folder = '', round = ''] = process.argv;
const { streams, state } = await openSqliteAdapters({ folder, clock: systemClock, random: systemRandom, log: silentLog });
const source = { unit: 'shop.totals', name: 'in.0' };
const none = new Uint8Array();

await streams.ensureTopic('in', { partitions: 4 });
await streams.ensureTopic('out', { partitions: 2 });
await Promise.all([appendLoop(0), appendLoop(1), appendLoop(2), appendLoop(3), commitLoop()]);

async function appendLoop(partition: number): Promise<never> {
  for (let i = 0; ; i += 1) {
    const values = Array.from({ length: 1 + (i % 7) }, (_, n) => `${round}-${i}-${n}`);
    const offsets = await streams.append(
      'in',
      values.map(value => ({ partition, key: none, value: Buffer.from(value), headers: [] })),
    );
    process.stdout.write(offsets.map((offset, n) => `a ${partition} ${offset} ${values[n]}\n`).join(''));
  }
}

async function commitLoop(): Promise<never> {
  const ownerToken = systemRandom.token();
  let { frontier } = await state.claim(source, { ownerToken, brokerGeneration: 0, nowMs: Date.now(), committedOffset: 0 });
  for (let ordinal = 1; ; ordinal += 1) {
    const done = 1 + (ordinal % 5);
    const [stored] = await state.read(source.unit, ['count']);
    const result = await state.commit(source, {
      ...{
        ownerToken,
        ordinal,
        id: `${ownerToken}-${ordinal}`,
        stream: 's',
        highSeqOffset: 0,
        highSeqs: [],
        clearAttempts: [],
        knownIds: [],
      },
      done: [[frontier, frontier + done]],
      ids: [{ id: `${frontier}`, expiresAtMs: 9e15 }],
      reads: [{ key: 'count', version: stored?.version ?? null }],
      writes: [{ key: 'count', value: Buffer.from(`${frontier + done}`) }],
      emits: Array.from({ length: done }, (_, i) => ({
        topic: 'out',
        partition: (frontier + i) % 2,
        key: null,
        value: Buffer.from(`${frontier + i}`),
        headers: [],
      })),
    });
    if (result.kind !== 'ok') throw new Error(result.kind);
    frontier = result.frontier;
    process.stdout.write(`c ${frontier}\n`);
  }
}
