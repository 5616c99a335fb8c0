import { expect, test } from 'vitest';
import { ConditionBoard } from '../../controller/conditions/condition-board.ts';
import { parseDeadLetter } from '../../controller/dispatch/dead-letter.ts';
import { packParked, unpackParked } from '../../controller/dispatch/parked-entry.ts';
import type { PendingEvent } from '../../controller/dispatch/pending-event.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { packRecord } from '../../runtime/protocol/record.ts';
import { DispatchWorld, liveFunction } from '../support/dispatch-world.ts';
import { type MemoryFunction, PodCrash } from '../support/memory-pod-client.ts';

const parking = (onExhausted: 'park' | 'block' | 'dlq') => ({
  retry: { attempts: 2, backoffMs: { min: 100, max: 1_000 }, maxCrashes: 2, onExhausted },
});

/** Fails on these values until they are mended; keeps what ran, per key. */
function recorder() {
  const broken = new Set<string>();
  const ran: Record<string, string[]> = {};
  const run: MemoryFunction = {
    handler: 'event',
    concurrency: 4,
    run: (_, ctx) => {
      if (broken.has(ctx.value)) throw new Error('not yet');
      ran[ctx.key ?? ''] = [...(ran[ctx.key ?? ''] ?? []), ctx.value];
      ctx.write(ctx.key ?? '', ran[ctx.key ?? '']?.join('') ?? '');
    },
  };
  return { broken, ran, run };
}

const events = (text: string) => text.split(' ').map(word => ({ key: word[0] ?? '', value: word }));

test('park holds back one key, in order, across a restart, and runs it again in order before anything later of that key', async () => {
  const { broken, ran, run } = recorder();
  broken.add('a1');
  const live = liveFunction('totals', parking('park'));
  const first = new DispatchWorld();
  await first.deploy(live, run);
  await first.append('orders', events('a0 a1 b0 a2 b1'));
  await first.settle();
  expect(ran).toStrictEqual({ a: ['a0'], b: ['b0', 'b1'] });
  expect(await first.adapters.state.progress(live.unit)).toMatchObject([{ frontier: 5, doneAbove: 0 }]);
  await first.stop();
  const second = new DispatchWorld({ beside: first });
  await second.deploy(live, run);
  await second.append('orders', events('a3 b2'));
  await second.settle();
  expect(ran).toStrictEqual({ a: ['a0'], b: ['b0', 'b1', 'b2'] });
  expect(await second.adapters.state.parked(live.unit)).toStrictEqual([{ source: 'orders.0', key: 'a', events: 3, replay: false }]);
  broken.clear();
  await second.adapters.state.replayParked({ unit: live.unit, name: 'orders.0' }, 'a');
  await second.clock.advance(5_000);
  await second.append('orders', events('a4'));
  await second.settle();
  expect(ran.a).toStrictEqual(['a0', 'a1', 'a2', 'a3', 'a4']);
  expect(await second.state(live.unit)).toStrictEqual({ a: 'a0a1a2a3a4', b: 'b0b1b2' });
  expect(await second.adapters.state.parked(live.unit)).toStrictEqual([]);
  expect(await second.records(live.deadLetterTopic)).toStrictEqual([]);
  await second.stop();
});

test('a replay that fails again leaves the rest of the key where it is', async () => {
  const { broken, ran, run } = recorder();
  for (const value of ['a0', 'a2']) broken.add(value);
  const live = liveFunction('totals', parking('park'));
  const world = new DispatchWorld();
  await world.deploy(live, run);
  await world.append('orders', events('a0 a1 a2 a3'));
  await world.settle();
  broken.delete('a0');
  await world.adapters.state.replayParked({ unit: live.unit, name: 'orders.0' }, 'a');
  await world.clock.advance(10_000);
  expect(ran).toStrictEqual({ a: ['a0', 'a1'] });
  expect(await world.adapters.state.parked(live.unit)).toMatchObject([{ key: 'a', events: 2, replay: false }]);
  await world.stop();
});

test('an event without a key has no key to hold back: it is a dead letter', async () => {
  const live = liveFunction('totals', parking('park'));
  const world = new DispatchWorld();
  await world.deploy(live, {
    handler: 'event',
    concurrency: 4,
    run: () => {
      throw new Error('never');
    },
  });
  await world.append('orders', [{ key: null, value: 'x' }]);
  await world.settle();
  expect(await world.values(live.deadLetterTopic)).toStrictEqual(['x']);
  await world.stop();
});

test('the conditions Parked and Blocked come and go with what is held', async () => {
  for (const onExhausted of ['park', 'block'] as const) {
    const { broken, ran, run } = recorder();
    broken.add('a0');
    const live = liveFunction('totals', parking(onExhausted));
    const outer = new DispatchWorld();
    const conditions = new ConditionBoard({ ...outer.adapters, clock: outer.clock, log: silentLog });
    const world = new DispatchWorld({ beside: outer, conditions });
    await world.deploy(live, run);
    await world.append('orders', events('a0 a1 b0'));
    await world.clock.advance(5_000);
    expect(ran).toStrictEqual({ b: ['b0'] });
    const type = onExhausted === 'park' ? 'Parked' : 'Blocked';
    expect(conditions.holding(live.unit, type)).toMatchObject({ reason: 'OutOfAttempts' });
    broken.clear();
    if (onExhausted === 'park') await world.adapters.state.replayParked({ unit: live.unit, name: 'orders.0' }, 'a');
    await world.clock.advance(10_000);
    expect(ran.a).toStrictEqual(['a0', 'a1']);
    expect(conditions.holding(live.unit, type)).toBeUndefined();
    await world.stop();
  }
});

test.each([1, 2, 3, 4, 5])(
  'poison that ends the pod, in a batch of 500 (seed %i): at most 4 crashes, one dead letter, the rest once',
  async seed => {
    const world = new DispatchWorld({ seed });
    const poison = String((seed * 7_919) % 500);
    const live = liveFunction('totals', {
      ...parking('dlq'),
      retry: { ...parking('dlq').retry, maxCrashes: 3 },
      subscriptions: [{ batch: { size: 500, windowMs: 0 } }],
    });
    let crashes = 0;
    await world.deploy(live, {
      handler: 'event',
      concurrency: 500,
      run: async (_, ctx) => {
        await ctx.sleep(Number(ctx.value) % 5);
        if (ctx.value === poison) {
          crashes += 1;
          throw new PodCrash('killed');
        }
        ctx.write(ctx.key ?? '', `${(await ctx.read(ctx.key ?? '')) ?? ''}${ctx.value}`);
      },
    });
    await world.append(
      'orders',
      Array.from({ length: 500 }, (_, index) => ({ key: `k${index}`, value: String(index) })),
    );
    await world.settle(120_000);
    const letters = (await world.records(live.deadLetterTopic)).map(record => parseDeadLetter(record));
    expect(letters.map(letter => Buffer.from(letter?.value ?? []).toString())).toStrictEqual([poison]);
    expect(letters[0]).toMatchObject({ reason: 'crash', crashes: 3 });
    expect(crashes).toBeLessThanOrEqual(4);
    const expected = Array.from({ length: 500 }, (_, index) => [`k${index}`, String(index)]).filter(([, value]) => value !== poison);
    expect(await world.state(live.unit)).toStrictEqual(Object.fromEntries(expected));
    await world.stop();
  },
);

test('an emit above what the broker takes fails its event before anything of it is committed', async () => {
  const world = new DispatchWorld({ emits: 'outbox' });
  Object.assign(world.adapters.streams, { capabilities: { ...world.adapters.streams.capabilities, recordBytesMax: 1_000 } });
  const live = liveFunction('totals', { emitTopics: { vips: 'shop.int.vips' } });
  await world.deploy(live, {
    handler: 'event',
    concurrency: 4,
    run: (_, ctx) => {
      ctx.write(ctx.key ?? '', ctx.value);
      ctx.emit('vips', ctx.key, 'x'.repeat(Number(ctx.value)));
    },
  });
  await world.append('orders', [
    { key: 'a', value: '1000' },
    { key: 'b', value: '100' },
  ]);
  await world.settle();
  expect(await world.state(live.unit)).toStrictEqual({ b: '100' });
  const [letter] = (await world.records(live.deadLetterTopic)).map(record => parseDeadLetter(record));
  expect(letter).toMatchObject({ reason: 'too-large', error: { code: 'FAAS_EMIT_TOO_LARGE' }, attempts: 1 });
  await world.stop();
});

test('a parked entry is read back as it was', () => {
  const packed = packRecord({ key: Buffer.from('k'), value: Buffer.of(0, 255), headers: [['h', Buffer.from('v')]] });
  const facts = {
    version: 1,
    appendedAtMs: 1,
    suspect: true,
    failures: 2,
    crashes: 0,
    heldAtMs: 3,
    revision: 'r1',
    doom: undefined,
  } as const;
  const back = unpackParked(new Uint8Array(packParked({ packed } as PendingEvent, facts)));
  expect(back.facts).toEqual({ ...facts });
  const parts = ({ key, value, headers }: typeof packed) =>
    [key, value, ...headers.flat()].map(part => Buffer.from(part ?? []).toString('hex'));
  expect(parts(back.packed)).toStrictEqual(parts(packed));
});
