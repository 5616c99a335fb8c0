import { expect, test } from 'vitest';
import { replayHeader } from '../../controller/dispatch/dead-letter.ts';
import type { FaultPoints } from '../../controller/fault-points.ts';
import { inboxTopicOf } from '../../controller/functions/live-function.ts';
import type { OffsetTarget } from '../../controller/functions/move-offsets.ts';
import type { NewRecord, RecordHeader, Streams } from '../../controller/ports/streams.ts';
import type { ReplayJob } from '../../controller/replay/replay-job.ts';
import { runReplays } from '../../controller/replay/replay-loop.ts';
import { ReplayStore } from '../../controller/replay/replay-store.ts';
import { startReplay } from '../../controller/replay/start-replay.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { headerNames } from '../../runtime/protocol/headers.ts';
import { DispatchWorld, liveFunction } from '../support/dispatch-world.ts';
import type { MemoryFunction } from '../support/memory-pod-client.ts';
import { seededRandom } from '../support/seeded-random.ts';

const keys = ['a', 'b', 'c', 'd', 'e'];
const perRound = 300;
const live = liveFunction('totals', { subscriptions: [{}, { topic: inboxTopicOf('shop.totals'), stream: '', inbox: true }] });

/** Keeps the values of each key in the order of their handling. */
const keep: MemoryFunction = {
  handler: 'event',
  concurrency: 4,
  async run(event, ctx) {
    const log = (await ctx.read(ctx.key ?? '')) ?? '';
    ctx.write(ctx.key ?? '', `${log}${Buffer.from(event.value ?? []).toString()} `);
  },
};

/** A world in which the function has handled `perRound` events; some of them were published twice by their upstream. */
async function handledWorld(seed: number) {
  const random = seededRandom(seed);
  const world = new DispatchWorld({ emits: 'outbox', seed });
  await world.deploy(live, keep, 3);
  const replays = new ReplayStore({ ...world.adapters, random, clock: world.clock });
  const { streams } = world.adapters;
  const send = async (from: number, to: number) => {
    for (let n = from; n < to; n += 1) {
      const event = { key: keys[n % keys.length] ?? '', value: String(n), headers: upstream(n) };
      await world.append('orders', n % 7 === 0 ? [event, event] : [event]);
    }
  };
  await send(0, perRound);
  await world.settle();
  const bounds = await streams.bounds('orders');
  const start = (ratePerSecond?: number) =>
    startReplay({ streams, replays, clock: world.clock, random }, live, {
      from: 'earliest',
      to: 'latest',
      stream: undefined,
      inbox: false,
      ratePerSecond,
    });
  return { world, random, replays, send, start, bounds };
}

function upstream(n: number): RecordHeader[] {
  const [stream, seq] = ['shop.feed|direct.0', `7.${n}`];
  return [
    [headerNames.stream, Buffer.from(stream)],
    [headerNames.seq, Buffer.from(seq)],
  ];
}

/** Leaders that come and go, sometimes two at a time, each of them cut off at any place of its work. */
async function replayThroughCrashes(handled: Awaited<ReturnType<typeof handledWorld>>, change: (streams: Streams) => Streams) {
  const { world, random, replays, send } = handled;
  const faults: FaultPoints = () => {
    if (random.fraction() < 0.3) throw new Error('cut off');
  };
  const options = { ...world.adapters, streams: change(world.adapters.streams), replays, live: () => [live], clock: world.clock, faults };
  let sent = perRound;
  for (let term = 0; term < 100 && (await isRunning(replays)); term += 1) {
    const leaders = Array.from({ length: 1 + Math.floor(2 * random.fraction()) }, () => new AbortController());
    const over = leaders.map(({ signal }) => runReplays({ ...options, log: silentLog }, signal));
    await send(sent, sent + 10);
    sent += 10;
    for (let steps = 1 + Math.floor(30 * random.fraction()); steps > 0; steps -= 1) await world.clock.advance(100);
    for (const leader of leaders) leader.abort();
    await world.clock.advance(1);
    await Promise.all(over);
  }
  await world.settle();
  await world.clock.advance(5_000);
  await world.settle();
  return sent;
}

async function isRunning(replays: ReplayStore): Promise<boolean> {
  return (await replays.list(live.unit)).some(({ state }) => state === 'running');
}

/** What is wrong: each event of the replayed range was handled twice, each other one once, and per key both times in the order of the log. */
async function wrongIn(world: DispatchWorld, sent: number): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const [key, text] of Object.entries(await world.state(live.unit))) {
    const log = text.trim().split(' ').map(Number);
    const firsts = log.filter((n, at) => log.indexOf(n) === at);
    const again = log.filter((n, at) => log.indexOf(n) !== at);
    const all = Array.from({ length: sent }, (_, n) => n).filter(n => keys[n % keys.length] === key);
    if (firsts.join() !== all.join()) wrong.push(`${key}: first ${firsts.join()}`);
    if (again.join() !== all.filter(n => n < perRound).join()) wrong.push(`${key}: again ${again.join()}`);
  }
  return wrong;
}

const seeds = Array.from({ length: 8 }, (_, seed) => seed + 1);

test.each(seeds)(
  'a replay through crashes of its leaders, beside live traffic: each event once more, in the order of its key (seed %i)',
  async seed => {
    const handled = await handledWorld(seed);
    await handled.start();
    const sent = await replayThroughCrashes(handled, streams => streams);
    expect(await isRunning(handled.replays)).toBe(false);
    expect(await wrongIn(handled.world, sent)).toEqual([]);
    await handled.world.stop();
  },
);

test('the checker sees a replay whose copies have a new token at each append', async () => {
  let found = false;
  for (const seed of seeds) {
    if (found) break;
    const handled = await handledWorld(seed);
    await handled.start();
    let appends = 0;
    const renamed = (record: NewRecord): NewRecord => ({
      ...record,
      headers: record.headers.map(([name, value]) => [
        name,
        name === replayHeader ? Buffer.from(`${Buffer.from(value)}/${appends}`) : value,
      ]),
    });
    const sent = await replayThroughCrashes(handled, streams => ({
      ...bound(streams),
      append: (topic, records) => {
        appends += 1;
        return streams.append(topic, records.map(renamed));
      },
    }));
    found = (await wrongIn(handled.world, sent)).length > 0;
    await handled.world.stop();
  }
  expect(found).toBe(true);
}, 60_000);

function bound(streams: Streams): Streams {
  return new Proxy(streams, { get: (target, name) => Reflect.get(target, name).bind?.(target) ?? Reflect.get(target, name) });
}

test('a second replay handles the same events again, and one that is cancelled stops where it is', async () => {
  const handled = await handledWorld(3);
  const { world, replays } = handled;
  const run = async (forMs: number) => {
    const leader = new AbortController();
    const options = { ...world.adapters, replays, live: () => [live], clock: world.clock, faults: () => {}, log: silentLog };
    const over = runReplays(options, leader.signal);
    for (let ms = 0; ms < forMs; ms += 100) await world.clock.advance(100);
    leader.abort();
    await world.clock.advance(1);
    await over;
    await world.settle();
  };
  await handled.start();
  await run(20_000);
  expect((await replays.list(live.unit)).map(({ state }) => state)).toEqual(['done']);
  expect(await handledTotal(world)).toBe(2 * perRound);
  const slow = await handled.start(50);
  await run(3_000);
  const cancelled = await replays.change(live.unit, slow.id, one => ({ ...one, state: 'cancelled' }));
  const { events } = cancelled as ReplayJob;
  expect(events).toBeGreaterThan(50);
  expect(events).toBeLessThan(perRound);
  await run(10_000);
  expect((await replays.list(live.unit)).find(({ id }) => id === slow.id)?.events).toBe(events);
  await world.stop();
});

async function handledTotal(world: DispatchWorld): Promise<number> {
  return Object.values(await world.state(live.unit)).reduce((sum, log) => sum + log.trim().split(' ').length, 0);
}

test.each<[string, OffsetTarget, OffsetTarget]>([
  ['offsets', { offset: 100 }, { offset: 50 }],
  ['one offset, which is not included', { offset: 50 }, { offset: 50 }],
  ['times', { timeMs: 2_000 }, { timeMs: 1_000 }],
  ['nothing before the first', { offset: 5 }, 'earliest'],
  ['nothing behind the last', 'latest', { timeMs: 1_000 }],
])('a range that is upside down is said to be so: %s', async (_, from, to) => {
  const { world, random, replays } = await handledWorld(1);
  const options = { streams: world.adapters.streams, replays, clock: world.clock, random };
  const wish = { from, to, stream: undefined, inbox: false, ratePerSecond: undefined };
  await expect(startReplay(options, live, wish)).rejects.toMatchObject({
    code: 'FAAS_REPLAY_EMPTY',
    message: expect.stringContaining('or before'),
  });
  await world.stop();
});
