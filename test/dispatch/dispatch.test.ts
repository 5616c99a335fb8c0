import { expect, test } from 'vitest';
import { parseDeadLetter, replayRecord } from '../../controller/dispatch/dead-letter.ts';
import { pinOffsets } from '../../controller/functions/pin-offsets.ts';
import { inboxRecord } from '../../controller/inbox/inbox-record.ts';
import type { TriggerSpec, WebhookTrigger } from '../../controller/manifest/spec.ts';
import { partitionOf } from '../../controller/ports/partition-of.ts';
import type { RecordHeader } from '../../controller/ports/streams.ts';
import { DispatchWorld, liveFunction } from '../support/dispatch-world.ts';
import { Failure, type MemoryContext, type MemoryFunction, PodCrash } from '../support/memory-pod-client.ts';

const one = (run: MemoryFunction['run'], given: Partial<MemoryFunction> = {}): MemoryFunction => ({
  handler: 'event',
  concurrency: 4,
  run,
  ...given,
});
const header = (name: string, value: string): RecordHeader => [name, Buffer.from(value)];

async function countKey(ctx: MemoryContext): Promise<number> {
  const count = Number((await ctx.read(ctx.key ?? '')) ?? 0) + 1;
  ctx.write(ctx.key ?? '', String(count));
  return count;
}

const webhook = (path: string, respond: WebhookTrigger['respond']): WebhookTrigger => ({
  kind: 'webhook',
  path,
  verify: { scheme: 'none' },
  secret: undefined,
  key: undefined,
  respond,
});

function inboxEvent(id: string, key: string | null, value: string) {
  return inboxRecord(
    {
      id,
      source: '/test',
      type: 'test',
      timeMs: 0,
      trigger: 'webhook',
      triggerName: '/hook',
      key,
      value: Buffer.from(value),
      contentType: 'text/plain',
      traceparent: '',
      hop: 0,
      causationId: undefined,
      correlationId: id,
      headers: [],
    },
    1,
  );
}

test.each(['inline', 'outbox'] as const)(
  'a record is handled; its state, its emit and its progress are committed together (%s)',
  async emits => {
    const world = new DispatchWorld({ emits });
    const live = liveFunction('totals', { emitTopics: { vips: 'shop.int.vips' } });
    await world.deploy(
      live,
      one(async (_, ctx) => ctx.emit('vips', ctx.key, `${ctx.key}=${await countKey(ctx)}`)),
    );
    await world.append('orders', [
      { key: 'a', value: '1' },
      { key: 'b', value: '2' },
      { key: 'a', value: '3' },
    ]);
    await world.settle();
    await world.clock.advance(10_000);
    expect(await world.state(live.unit)).toEqual({ a: '2', b: '1' });
    expect((await world.values('shop.int.vips')).sort()).toEqual(['a=1', 'a=2', 'b=1']);
    expect(await world.adapters.state.progress(live.unit)).toEqual([{ source: 'orders.0', frontier: 3, doneAbove: 0 }]);
    expect(await world.adapters.streams.committed(live.group, 'orders')).toMatchObject([{ partition: 0, offset: 3 }]);
    expect((await world.adapters.state.figures(live.unit)).outboxEntries).toBe(0);
    await world.stop();
  },
);

test.each([
  { awayMs: 1_000, records: 1 },
  { awayMs: 0, records: 2 },
  { awayMs: 0, records: 3 },
  { awayMs: 0, records: 5 },
  { awayMs: 1_000, records: 5 },
])(
  'a topic that was deleted and made again $awayMs ms later with $records records is handled from its first record on',
  async ({ awayMs, records }) => {
    const world = new DispatchWorld();
    const live = liveFunction('totals');
    await world.deploy(
      live,
      one(async (_, ctx) => void (await countKey(ctx))),
    );
    await world.append('orders', [
      { key: 'a', value: '1' },
      { key: 'a', value: '2' },
      { key: 'a', value: '3' },
    ]);
    await world.settle();
    await world.adapters.streams.deleteTopic('orders');
    await world.clock.advance(awayMs);
    await world.adapters.streams.ensureTopic('orders', { partitions: 1 });
    await world.append(
      'orders',
      Array.from({ length: records }, () => ({ key: 'b', value: '4' })),
    );
    await world.settle();
    await world.clock.advance(10_000);
    expect(await world.state(live.unit)).toEqual({ a: '3', b: String(records) });
    expect(await world.adapters.state.progress(live.unit)).toEqual([{ source: 'orders.0', frontier: records, doneAbove: 0 }]);
    await world.stop();
  },
);

test('what an outbox publishes is marked with its upstream and rising seqs', async () => {
  const world = new DispatchWorld({ emits: 'outbox' });
  const live = liveFunction('totals', { emitTopics: { vips: 'shop.int.vips' } });
  await world.deploy(
    live,
    one((_, ctx) => ctx.emit('vips', null, ctx.value)),
  );
  await world.append('orders', [
    { key: 'a', value: '1' },
    { key: 'a', value: '2' },
  ]);
  await world.settle();
  const marks = (await world.records('shop.int.vips')).map(({ headers }) =>
    headers
      .filter(([name]) => name === 'ce_faasstream' || name === 'ce_faasseq')
      .map(
        ([name, value]) =>
          `${name}=${Buffer.from(value)
            .toString()
            .replace(/\d{13}\.0*/, 'G.')}`,
      ),
  );
  expect(marks).toEqual([
    ['ce_faasstream=shop.totals|orders.0', 'ce_faasseq=G.1'],
    ['ce_faasstream=shop.totals|orders.0', 'ce_faasseq=G.2'],
  ]);
  await world.stop();
});

test.each([null, 'vip'])('ids of emits name the event that they come from by its place, with the key %s', async key => {
  const world = new DispatchWorld();
  const live = liveFunction('totals', { emitTopics: { vips: 'shop.int.vips' } });
  await world.deploy(
    live,
    one((_, ctx) => {
      ctx.emit('vips', key, '1');
      ctx.emit('vips', key, '2');
    }),
  );
  await world.append('orders', [
    { key: 'a', value: '1' },
    { key: 'a', value: '2' },
  ]);
  await world.settle();
  const ids = (await world.records('shop.int.vips')).map(({ headers }) => {
    const texts = new Map(headers.map(([name, value]) => [name, Buffer.from(value).toString()]));
    return ['ce_id', 'ce_causationid', 'ce_correlationid'].map(name => texts.get(name));
  });
  expect(ids.sort()).toEqual([
    ['shop.totals/orders/0/0/0', 'orders/0/0', 'orders/0/0'],
    ['shop.totals/orders/0/0/1', 'orders/0/0', 'orders/0/0'],
    ['shop.totals/orders/0/1/0', 'orders/0/1', 'orders/0/1'],
    ['shop.totals/orders/0/1/1', 'orders/0/1', 'orders/0/1'],
  ]);
  await world.stop();
});

test.each(['key', 'partition'] as const)('order %s: each key in order, whatever the handler takes', async order => {
  const world = new DispatchWorld();
  const live = liveFunction('log', { subscriptions: [{ order }] });
  await world.deploy(
    live,
    one(async (event, ctx) => {
      await ctx.sleep(event.offset % 7);
      ctx.write(ctx.key ?? '', `${(await ctx.read(ctx.key ?? '')) ?? ''}${ctx.value}`);
    }),
    2,
  );
  const events = Array.from({ length: 60 }, (_, index) => ({ key: `k${index % 5}`, value: String(Math.floor(index / 5) % 10) }));
  await world.append('orders', events);
  await world.settle();
  expect(await world.state(live.unit)).toEqual(Object.fromEntries(['k0', 'k1', 'k2', 'k3', 'k4'].map(key => [key, '012345678901'])));
  await world.stop();
});

test('keys run side by side in one partition, far above the speed of one lane', async () => {
  const run = one(async (_, ctx) => ctx.sleep(10), { concurrency: 100 });
  const timeFor = async (order: 'key' | 'partition') => {
    const world = new DispatchWorld();
    await world.deploy(liveFunction('slow', { subscriptions: [{ order }] }), run);
    await world.append(
      'orders',
      Array.from({ length: 400 }, (_, index) => ({ key: `k${index}`, value: '' })),
    );
    const startMs = world.clock.now();
    while (world.dispatcher.report()[0]?.finishedTotal !== 400) await world.clock.advance(1);
    await world.stop();
    return world.clock.now() - startMs;
  };
  expect(await timeFor('partition')).toBeGreaterThanOrEqual(4_000);
  expect(await timeFor('key')).toBeLessThan(200);
});

test('a hot key is handled in runs: later events of a batch see what earlier ones wrote', async () => {
  const world = new DispatchWorld();
  const live = liveFunction('totals');
  let batches = 0;
  const pods = world.pods;
  const { run } = pods.client;
  pods.client.run = (pod, batch, on) => {
    batches += 1;
    return run(pod, batch, on);
  };
  await world.deploy(
    live,
    one(async (_, ctx) => void (await countKey(ctx))),
  );
  await world.append(
    'orders',
    Array.from({ length: 500 }, () => ({ key: 'hot', value: '' })),
  );
  await world.settle();
  expect(await world.state(live.unit)).toEqual({ hot: '500' });
  expect(batches).toBeLessThan(30);
  await world.stop();
});

test('an event that fails is tried again after its backoff, then kept with all that is known of it; other keys go on', async () => {
  const world = new DispatchWorld();
  const live = liveFunction('totals');
  const attempts: string[] = [];
  await world.deploy(
    live,
    one(async (_, ctx) => {
      attempts.push(`${ctx.key}${ctx.value}/${ctx.attempt}`);
      if (ctx.value === 'bad') throw new Error('no');
      await countKey(ctx);
    }),
  );
  await world.append('orders', [
    { key: 'a', value: 'bad', headers: [header('x', '1')] },
    { key: 'a', value: 'ok' },
    { key: 'b', value: 'ok' },
  ]);
  await world.settle();
  expect(attempts).toEqual(['abad/1', 'bok/1', 'abad/2', 'abad/3', 'aok/1']);
  expect(await world.state(live.unit)).toEqual({ a: '1', b: '1' });
  const [letter] = (await world.records(live.deadLetterTopic)).map(parseDeadLetter);
  expect(letter).toMatchObject({
    unit: 'shop.totals',
    revision: 'r1-00000000',
    reason: 'error',
    error: { message: 'no' },
    attempts: 3,
    origin: { topic: 'orders', partition: 0, offset: 0, stream: 'orders' },
    headers: [header('x', '1')],
  });
  await world.stop();
});

test('a dead letter can be replayed, and comes as the event that it was', async () => {
  const world = new DispatchWorld();
  const live = liveFunction('totals', { subscriptions: [{}, { topic: 'faas.shop.totals.inbox', inbox: true, stream: '' }] });
  const seen: string[] = [];
  let healed = false;
  await world.deploy(
    live,
    one((event, ctx) => {
      seen.push(`${event.trigger} ${event.stream} ${event.topic}/${event.offset} ${event.idempotencyKey} ${ctx.attempt}`);
      if (!healed) throw new Failure('error', false);
    }),
  );
  await world.append('orders', [{ key: 'a', value: 'x' }]);
  await world.settle();
  const [letter] = (await world.records(live.deadLetterTopic)).flatMap(record => parseDeadLetter(record) ?? []);
  if (letter === undefined) throw new Error('no dead letter');
  healed = true;
  for (const token of ['t1', 't1', 't2']) await world.adapters.streams.append(live.inboxTopic, [replayRecord(letter, token, 1)]);
  await world.settle();
  expect(seen).toEqual(['1', '1', '1'].map(attempt => `stream orders orders/0 shop.totals/orders/0/0 ${attempt}`));
  await world.stop();
});

test('an inbox event is handled once, however often it was appended', async () => {
  const world = new DispatchWorld();
  const live = liveFunction('hook', { subscriptions: [{ topic: 'faas.shop.hook.inbox', inbox: true, stream: '' }] });
  await world.deploy(
    live,
    one(async (_, ctx) => void (await countKey(ctx))),
  );
  await world.adapters.streams.append(live.inboxTopic, [
    inboxEvent('one', 'k', ''),
    inboxEvent('one', 'k', ''),
    inboxEvent('two', 'k', ''),
  ]);
  await world.settle();
  await world.adapters.streams.append(live.inboxTopic, [inboxEvent('two', 'k', '')]);
  await world.settle();
  await world.clock.advance(2_000);
  expect(await world.state(live.unit)).toEqual({ k: '2' });
  expect(await world.adapters.state.progress(live.unit)).toEqual([{ source: `${live.inboxTopic}.0`, frontier: 4, doneAbove: 0 }]);
  await world.stop();
});

test('events whose ids are known are left out of their batch, and those behind them are handled', async () => {
  const world = new DispatchWorld();
  const live = liveFunction('hook', { subscriptions: [{ topic: 'faas.shop.hook.inbox', inbox: true, stream: '' }] });
  const sent: string[] = [];
  const { run } = world.pods.client;
  world.pods.client.run = (pod, batch, on) => {
    sent.push(batch.events.map(({ index, offset }) => `${index}:${offset}`).join(' '));
    expect(world.dispatcher.report()[0]?.inFlightByPod.get(pod.id)).toBe(batch.events.length);
    return run(pod, batch, on);
  };
  await world.deploy(
    live,
    one(async (_, ctx) => {
      ctx.log(ctx.value);
      await countKey(ctx);
    }),
  );
  await world.adapters.streams.append(live.inboxTopic, [inboxEvent('one', 'a', '')]);
  await world.settle();
  const again = [inboxEvent('one', 'a', ''), inboxEvent('two', 'a', ''), inboxEvent('three', 'a', ''), inboxEvent('four', 'b', '')];
  await world.adapters.streams.append(live.inboxTopic, again);
  await world.settle();
  expect(sent).toEqual(['0:0', '0:2 1:3 2:4']);
  expect(await world.state(live.unit)).toEqual({ a: '3', b: '1' });
  const logs = await world.adapters.history.read({ kind: 'log', unit: live.unit, limit: 10 });
  expect(logs.map(({ data }) => data.eventId)).toEqual(['one', 'two', 'four', 'three']);
  await world.stop();
});

test('who waits for the result of an inbox event gets it after the commit: the answer, the dead letter, or nothing in time', async () => {
  const world = new DispatchWorld();
  const live = liveFunction('hook', {
    on: [webhook('/hook', 'result')],
    subscriptions: [{ topic: 'faas.shop.hook.inbox', inbox: true, stream: '' }],
  });
  await world.deploy(
    live,
    one((_, ctx) => {
      if (ctx.value === 'bad') throw new Failure('decode', false);
      ctx.answer(`did ${ctx.value}`);
    }),
  );
  const answers = ['good', 'bad', 'never'].map(id => world.dispatcher.resultOf(live.unit, id, 30_000));
  await world.adapters.streams.append(live.inboxTopic, [inboxEvent('good', 'a', 'good'), inboxEvent('bad', 'b', 'bad')]);
  await world.settle();
  await world.clock.advance(30_000);
  expect(await Promise.all(answers)).toMatchObject([
    { kind: 'ok', answer: Buffer.from('did good') },
    { kind: 'dead-letter', reason: 'decode' },
    { kind: 'timeout' },
  ]);
  const late = world.dispatcher.resultOf(live.unit, 'good', 1_000);
  await world.clock.advance(1);
  expect(await late).toMatchObject({ kind: 'ok', answer: Buffer.from('did good') });
  await world.stop();
});

test.each<[string, TriggerSpec[], boolean]>([
  ['respond: result', [webhook('/hook', 'result')], true],
  ['respond: accepted', [webhook('/hook', 'accepted')], false],
  ['respond: accepted beside one that answers', [webhook('/hook', 'accepted'), webhook('/other', 'result')], false],
  ['a webhook that the manifest does not have any more', [], false],
])(
  'a pod is told whether somebody waits for what the handler returns, and it is kept for repetitions if so: %s',
  async (_, on, isAnswered) => {
    const world = new DispatchWorld();
    const live = liveFunction('hook', { on, subscriptions: [{ topic: 'faas.shop.hook.inbox', inbox: true, stream: '' }] });
    const told: unknown[] = [];
    await world.deploy(
      live,
      one((event, ctx) => {
        told.push([event.trigger, event.noAnswer]);
        ctx.answer('done');
      }),
    );
    await world.adapters.streams.append(live.inboxTopic, [inboxEvent('one', 'a', '')]);
    await world.settle();
    expect(told).toEqual([['webhook', !isAnswered]]);
    const [known] = await world.adapters.state.known(live.unit, ['one']);
    expect(known).toMatchObject({ id: 'one' });
    expect(known?.answer).toEqual(isAnswered ? Buffer.from('done') : undefined);
    await world.stop();
  },
);

test('a filter on key and headers is decided without a pod, and what it leaves out is done', async () => {
  const world = new DispatchWorld();
  const live = liveFunction('eu', { subscriptions: [{ filter: { key: undefined, headers: { region: 'eu' }, data: {} } }] });
  await world.deploy(
    live,
    one(() => {}),
  );
  await world.append('orders', [
    { key: 'a', value: '', headers: [header('region', 'us')] },
    { key: 'b', value: '' },
  ]);
  await world.clock.advance(3_000);
  expect(world.pods.wishes).toEqual([]);
  expect(await world.adapters.state.progress(live.unit)).toEqual([{ source: 'orders.0', frontier: 2, doneAbove: 0 }]);
  await world.stop();
});

test('a poison event ends with its own dead letter and takes no neighbour with it', async () => {
  const world = new DispatchWorld();
  const live = liveFunction('totals');
  let crashes = 0;
  await world.deploy(
    live,
    one(async (_, ctx) => {
      await ctx.sleep(5);
      if (ctx.value === 'poison') {
        crashes += 1;
        throw new PodCrash();
      }
      await countKey(ctx);
    }),
  );
  const events = Array.from({ length: 40 }, (_, index) => ({ key: `k${index % 20}`, value: index === 7 ? 'poison' : 'ok' }));
  await world.append('orders', events);
  await world.settle();
  expect(crashes).toBe(4);
  const letters = (await world.records(live.deadLetterTopic)).map(record => parseDeadLetter(record));
  expect(letters).toMatchObject([{ reason: 'crash', crashes: 3, attempts: 3, origin: { offset: 7 } }]);
  const counts = await world.state(live.unit);
  expect(Object.values(counts).reduce((sum, count) => sum + Number(count), 0)).toBe(39);
  await world.stop();
});

test.each([
  ['alone on its pod: it counts', false, [3], {}],
  ['beside a direct call: it does not count, and the event is handled in the end', true, [], { a: '1' }],
])('a suspect whose worker ended %s', async (_, isBeside, crashes, state) => {
  const world = new DispatchWorld();
  const live = liveFunction('totals', { retry: { attempts: 3, backoffMs: { min: 10, max: 10 }, maxCrashes: 3, onExhausted: 'dlq' } });
  let ended = 0;
  const { run } = world.pods.client;
  world.pods.client.run = async (pod, batch, on) => {
    if (ended >= 5) return run(pod, batch, on);
    ended += 1;
    if (isBeside) {
      world.tokens.grant(`call-${ended}`, { unit: live.unit, podId: pod.id, calls: new Set(), depth: 0 });
      world.tokens.revoke(`call-${ended}`);
    }
    for (const { index } of batch.events) on.result({ index, outcome: { kind: 'returned', why: 'worker-ended' } });
    return { kind: 'done' };
  };
  await world.deploy(
    live,
    one(async (_event, ctx) => void (await countKey(ctx))),
  );
  await world.append('orders', [{ key: 'a', value: '' }]);
  await world.settle();
  expect((await world.records(live.deadLetterTopic)).map(record => parseDeadLetter(record)?.crashes)).toEqual(crashes);
  expect(await world.state(live.unit)).toEqual(state);
  await world.stop();
});

test('the suspects of a crash run alone in turns of their partitions: none waits for all those of another', async () => {
  const world = new DispatchWorld();
  const live = liveFunction('totals');
  const begun: number[] = [];
  const handler = one(
    async (event, ctx) => {
      begun.push(event.partition ?? -1);
      await ctx.sleep(50);
    },
    { concurrency: 100 },
  );
  await world.deploy(live, handler, 4);
  await world.append(
    'orders',
    Array.from({ length: 40 }, (_, index) => ({ key: `k${index}`, value: '' })),
  );
  await world.clock.advance(30);
  expect(begun).toHaveLength(40);
  const [pod = ''] = world.pods.podIds(live.unit);
  world.pods.end(pod, 'crashed');
  await world.settle();
  const again = begun.slice(40);
  const hit = new Set(again);
  expect(hit.size).toBeGreaterThan(1);
  expect(new Set(again.slice(0, hit.size))).toEqual(hit);
  await world.stop();
});

test('events whose pod was not reached are no suspects, though it has crashed: they go together to the next one', async () => {
  const world = new DispatchWorld();
  const live = liveFunction('totals');
  const { run } = world.pods.client;
  const together: number[] = [];
  world.pods.client.run = async (pod, batch, on) => {
    together.push(batch.events.length);
    if (together.length > 1) return run(pod, batch, on);
    world.pods.end(pod.id, 'crashed');
    return { kind: 'unreached', detail: 'connection refused' };
  };
  await world.deploy(
    live,
    one(async (_event, ctx) => void (await countKey(ctx))),
  );
  await world.append(
    'orders',
    Array.from({ length: 4 }, (_, index) => ({ key: `k${index}`, value: '' })),
  );
  await world.settle();
  expect(together).toEqual([4, 4]);
  expect(Object.keys(await world.state(live.unit))).toHaveLength(4);
  await world.stop();
});

test('a pod that was told to stop, or that only lost its connection, makes nobody suspect', async () => {
  let results = 0;
  const loses = () => {
    results += 1;
    return results === 1;
  };
  const world = new DispatchWorld({ faults: { loses } });
  const live = liveFunction('totals');
  const attempts = new Map<string, number>();
  await world.deploy(
    live,
    one(async (event, ctx) => {
      attempts.set(String(event.offset), ctx.attempt);
      await ctx.sleep(50);
      await countKey(ctx);
    }),
  );
  await world.append(
    'orders',
    Array.from({ length: 8 }, (_, index) => ({ key: `k${index}`, value: '' })),
  );
  await world.clock.advance(70);
  for (const id of world.pods.podIds(live.unit)) world.pods.end(id, 'stopped');
  await world.settle();
  expect([...attempts.values()]).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
  expect(Object.keys(await world.state(live.unit))).toHaveLength(8);
  await world.stop();
});

test('busy and draining pods are answers: the events go elsewhere, without an attempt', async () => {
  let refusals = 0;
  const world = new DispatchWorld({ faults: { admit: () => (['busy', 'draining', 'ok'] as const)[Math.min(refusals++, 2)] ?? 'ok' } });
  const live = liveFunction('totals');
  const attempts: number[] = [];
  await world.deploy(
    live,
    one((_, ctx) => {
      attempts.push(ctx.attempt);
    }),
  );
  await world.append('orders', [{ key: 'a', value: '' }]);
  await world.clock.advance(50);
  world.pods.start(
    live.unit,
    live.revision,
    one((_, ctx) => void attempts.push(ctx.attempt)),
  );
  await world.settle();
  expect(attempts).toEqual([1]);
  await world.stop();
});

test('a batch handler that fails as a whole is halved until the guilty event is alone', async () => {
  const world = new DispatchWorld();
  const live = liveFunction('bulk', { retry: { attempts: 1, backoffMs: { min: 10, max: 10 }, maxCrashes: 3, onExhausted: 'dlq' } });
  const sizes: number[] = [];
  const { run } = world.pods.client;
  world.pods.client.run = async (pod, batch, on) => {
    sizes.push(batch.events.length);
    const isBad = batch.events.some(event => event.offset === 5);
    return run(pod, batch, {
      ...on,
      result: result =>
        on.result(
          isBad
            ? {
                index: result.index,
                outcome: {
                  kind: 'failed',
                  reason: 'error',
                  retryable: true,
                  error: { code: '', name: '', message: 'one of them', stack: undefined },
                },
              }
            : result,
        ),
    });
  };
  await world.deploy(
    live,
    one(() => {}, { handler: 'batch', concurrency: 1 }),
  );
  await world.append(
    'orders',
    Array.from({ length: 8 }, (_, index) => ({ key: `k${index}`, value: '' })),
  );
  await world.settle();
  expect(sizes[0]).toBe(8);
  expect(sizes.filter(size => size === 1).length).toBeGreaterThanOrEqual(1);
  expect((await world.records(live.deadLetterTopic)).map(record => parseDeadLetter(record)?.origin.offset)).toEqual([5]);
  await world.stop();
});

test('events wait for a fuller batch as long as the window is open, and no longer', async () => {
  const world = new DispatchWorld();
  const live = liveFunction('bulk', { subscriptions: [{ batch: { size: 10, windowMs: 200 } }] });
  const at: number[] = [];
  const startMs = world.clock.now();
  await world.deploy(
    live,
    one(() => void at.push(world.clock.now() - startMs)),
  );
  await world.clock.advance(10);
  await world.append('orders', [{ key: 'a', value: '' }]);
  await world.clock.advance(100);
  await world.append('orders', [{ key: 'b', value: '' }]);
  await world.clock.advance(400);
  expect(at).toEqual([210, 210]);
  await world.append(
    'orders',
    Array.from({ length: 10 }, (_, index) => ({ key: `k${index}`, value: '' })),
  );
  await world.clock.advance(1);
  expect(at).toHaveLength(12);
  await world.stop();
});

test('what has waited in a window once runs again at once: the halves of a batch, and the guilty event that they leave', async () => {
  const world = new DispatchWorld();
  const batch = { size: 32, windowMs: 4_000 };
  const retry = { attempts: 3, backoffMs: { min: 100, max: 200 }, maxCrashes: 3, onExhausted: 'dlq' } as const;
  const live = liveFunction('bulk', { retry, subscriptions: [{ order: 'partition', batch }] });
  const calls: { atMs: number; events: number }[] = [];
  const { run } = world.pods.client;
  world.pods.client.run = async (pod, sent, on) => {
    calls.push({ atMs: world.clock.now(), events: sent.events.length });
    const error = { code: '', name: '', message: 'one of them', stack: undefined };
    const outcome = { kind: 'failed', reason: 'error', retryable: true, error } as const;
    const isBad = sent.events.some(event => event.offset === 20);
    return run(pod, sent, { ...on, result: result => on.result(isBad ? { index: result.index, outcome } : result) });
  };
  await world.deploy(
    live,
    one(() => {}, { handler: 'batch', concurrency: 1 }),
  );
  const events = Array.from({ length: 32 }, (_, index) => ({ key: `k${index}`, value: '' }));
  await world.append('orders', events);
  await world.clock.advance(1_000);
  expect((await world.records(live.deadLetterTopic)).map(record => parseDeadLetter(record)?.origin.offset)).toEqual([20]);
  expect(world.dispatcher.report()[0]).toMatchObject({ waiting: 0 });
  const [first] = calls;
  expect(Math.max(...calls.map(({ atMs }) => atMs)) - (first?.atMs ?? 0)).toBeLessThan(500);

  // Who comes after that waits for others as before.
  const before = calls.length;
  await world.append('orders', [{ key: 'late', value: '' }]);
  await world.clock.advance(3_900);
  expect(calls).toHaveLength(before);
  await world.clock.advance(200);
  expect(calls).toHaveLength(before + 1);
  await world.stop();
});

test('a retry waits for its backoff, and for no window', async () => {
  const world = new DispatchWorld();
  const live = liveFunction('bulk', {
    retry: { attempts: 5, backoffMs: { min: 100, max: 100 }, maxCrashes: 3, onExhausted: 'dlq' },
    subscriptions: [{ batch: { size: 2, windowMs: 1_000 } }],
  });
  const at = new Map<string, number[]>();
  const startMs = world.clock.now();
  await world.deploy(
    live,
    one((_, { key, attempt }) => {
      at.set(String(key), [...(at.get(String(key)) ?? []), world.clock.now() - startMs]);
      if (key === 'bad' && attempt < 4) throw new Failure('error', true);
    }),
  );
  await world.append('orders', [{ key: 'bad', value: '' }]);
  await world.clock.advance(3_000);
  const [first = 0, ...again] = at.get('bad') ?? [];
  expect(first).toBe(1_000);
  expect(again).toHaveLength(3);
  expect((again.at(-1) ?? 0) - first).toBeLessThanOrEqual(300);
  await world.stop();
});

test('held bytes are bounded, and everything is handled all the same', async () => {
  const world = new DispatchWorld({ limits: { bytesPerPartitionMax: 20_000 } });
  const live = liveFunction('slow');
  await world.deploy(
    live,
    one(async (_, ctx) => ctx.sleep(20), { concurrency: 2 }),
  );
  await world.append(
    'orders',
    Array.from({ length: 300 }, (_, index) => ({ key: `k${index}`, value: 'x'.repeat(1_000) })),
  );
  let most = 0;
  for (let i = 0; i < 400; i += 1) {
    most = Math.max(most, world.dispatcher.report()[0]?.waiting ?? 0);
    await world.clock.advance(25);
  }
  expect(most).toBeGreaterThan(5);
  expect(most).toBeLessThan(40);
  expect(world.dispatcher.report()[0]).toMatchObject({ finishedTotal: 300, waiting: 0 });
  await world.stop();
});

test('a new revision goes on with the same sessions; a function that is not live any more is left in good order', async () => {
  const world = new DispatchWorld();
  const live = liveFunction('totals');
  await world.deploy(
    live,
    one(async (_, ctx) => void (await countKey(ctx))),
  );
  await world.append('orders', [{ key: 'a', value: '' }]);
  await world.settle();
  world.dispatcher.update([{ ...live, revision: 'r2-00000000' }]);
  await world.append('orders', [{ key: 'a', value: '' }]);
  await world.settle();
  world.dispatcher.update([]);
  await world.clock.advance(100);
  expect(world.dispatcher.report()).toEqual([]);
  await world.append('orders', [{ key: 'a', value: '' }]);
  world.dispatcher.update([live]);
  await world.settle();
  expect(await world.state(live.unit)).toEqual({ a: '3' });
  expect(await world.adapters.streams.committed(live.group, 'orders')).toMatchObject([{ offset: 2 }]);
  await world.stop();
  expect(await world.adapters.streams.committed(live.group, 'orders')).toMatchObject([{ offset: 3 }]);
});

test('a store that lost everything: a partition that had told the broker nothing stands still as well, until an operator goes on', async () => {
  const world = new DispatchWorld({ emits: 'outbox' });
  const live = liveFunction('totals');
  const keyIn = (partition: number) => ['a', 'b', 'c', 'd', 'e'].find(key => partitionOf(Buffer.from(key), '', 2) === partition) ?? '';
  await world.adapters.streams.ensureTopic('orders', { partitions: 2 });
  await pinOffsets(world.adapters.streams, live);
  await world.deploy(
    live,
    one(async (_, ctx) => void (await countKey(ctx))),
    2,
  );
  await world.append('orders', [{ key: keyIn(0), value: '' }]);
  await world.settle();
  await world.clock.advance(10_000);
  await world.adapters.state.deleteUnit(live.unit);
  await world.append('orders', [{ key: keyIn(1), value: '' }]);
  await world.clock.advance(60_000);
  expect(await world.state(live.unit)).toEqual({});
  await world.adapters.state.acceptRollback(live.unit, world.clock.now());
  await world.clock.advance(60_000);
  expect(await world.state(live.unit)).toEqual({ [keyIn(1)]: '1' });
  await world.stop();
});

test('a function that stops handles events while the disk of the store is waited for, and then leaves at once', async () => {
  const world = new DispatchWorld({ emits: 'outbox' });
  const { state } = world.adapters;
  const verify = state.verify.bind(state);
  state.verify = async (...given) => {
    await world.clock.sleep(3_000);
    return verify(...given);
  };
  const live = liveFunction('totals');
  const handledAtMs: number[] = [];
  await world.deploy(
    live,
    one(() => void handledAtMs.push(world.clock.now())),
  );
  const append = async (times: number) => {
    for (let i = 0; i < times; i += 1) {
      await world.append('orders', [{ key: 'a', value: '' }]);
      await world.clock.advance(100);
    }
  };
  await append(10);
  const stoppedAtMs = world.clock.now();
  let leftAtMs: number | undefined;
  const stopping = world.dispatcher.stop(20_000).then(() => {
    leftAtMs = world.clock.now();
  });
  await append(100);
  await stopping;
  const silentMs = (leftAtMs ?? Number.POSITIVE_INFINITY) - (handledAtMs.at(-1) ?? 0);
  expect(handledAtMs.filter(atMs => atMs > stoppedAtMs).length).toBeGreaterThan(20);
  expect(silentMs).toBeLessThan(200);
  expect((await world.adapters.streams.committed(live.group, 'orders'))[0]?.offset).toBeGreaterThanOrEqual(9);
});

test.each([
  ['earliest', 'earliest' as const, ['old', 'new']],
  ['latest', 'latest' as const, ['old', 'new']],
  ['a time', { timeMs: 1_000_000_000_000_000 }, ['new']],
])('a partition that no deploy has pinned came later: a function that wants %s misses nothing of it', async (_, from, expected) => {
  const world = new DispatchWorld();
  await world.adapters.streams.ensureTopic('orders', { partitions: 1 });
  await world.append('orders', [{ key: 'a', value: 'old' }]);
  const seen: string[] = [];
  await world.deploy(
    liveFunction('late', { subscriptions: [{ from }] }),
    one((_event, ctx) => void seen.push(ctx.value)),
  );
  await world.clock.advance(50);
  await world.append('orders', [{ key: 'a', value: 'new' }]);
  await world.settle();
  expect(seen).toEqual(expected);
  await world.stop();
});

test('a function that does nothing is reported by the same object each time, and by another one after each event', async () => {
  const world = new DispatchWorld();
  await world.adapters.streams.ensureTopic('orders', { partitions: 2 });
  await world.deploy(
    liveFunction('still', {}),
    one(() => undefined),
  );
  await world.settle();
  const before = world.dispatcher.report()[0];
  await world.clock.advance(60_000);
  expect(world.dispatcher.report()[0]).toBe(before);
  await world.append('orders', [{ key: 'a', value: 'x' }]);
  await world.settle();
  const after = world.dispatcher.report()[0];
  expect([before?.finishedTotal, after?.finishedTotal]).toEqual([0, 1]);
  await world.clock.advance(60_000);
  expect(world.dispatcher.report()[0]).toBe(after);
  await world.stop();
});

test('the report tells what waits, what runs where, and how far each partition is', async () => {
  const world = new DispatchWorld();
  const live = liveFunction('slow');
  await world.deploy(
    live,
    one(async (_, ctx) => ctx.sleep(1_000), { concurrency: 2 }),
  );
  const appendedAtMs = world.clock.now();
  await world.append('orders', [
    { key: 'a', value: '' },
    { key: 'b', value: '' },
  ]);
  await world.clock.advance(100);
  expect(world.dispatcher.report()).toMatchObject([
    {
      unit: 'shop.slow',
      waiting: 2,
      inFlight: 2,
      finishedTotal: 0,
      inFlightByPod: new Map([['pod-1', 2]]),
      partitions: [{ topic: 'orders', partition: 0, frontier: 0, endOffset: 2, inFlight: 2, oldestAppendedAtMs: appendedAtMs }],
    },
  ]);
  await world.clock.advance(2_000);
  expect(world.dispatcher.report()).toMatchObject([{ waiting: 0, inFlight: 0, finishedTotal: 2, partitions: [{ frontier: 2 }] }]);
  await world.stop();
});

test('what a handler prints, each failed attempt and each dead letter is in the history of its function', async () => {
  const world = new DispatchWorld();
  const live = liveFunction('totals');
  await world.deploy(
    live,
    one((_, ctx) => {
      ctx.log('hello');
      throw new Failure('schema', false);
    }),
  );
  await world.append('orders', [{ key: 'a', value: '' }]);
  await world.settle();
  const entries = await world.adapters.history.read({ kind: 'log', unit: live.unit, limit: 10 });
  expect(entries.map(({ data }) => [data.level, data.message, data.eventId])).toEqual([
    ['info', 'hello', 'orders/0/0'],
    ['error', 'dead letter', 'orders/0/0'],
  ]);
  await world.stop();
});

test('a batch token is good for its batch and no longer', async () => {
  const world = new DispatchWorld();
  const live = liveFunction('totals', { calls: ['shop.tax'] });
  const { run } = world.pods.client;
  const tokens: string[] = [];
  world.pods.client.run = (pod, batch, on) => {
    tokens.push(batch.batchToken);
    expect(world.tokens.find(batch.batchToken)).toEqual({ unit: 'shop.totals', podId: pod.id, calls: new Set(['shop.tax']), depth: 0 });
    return run(pod, batch, on);
  };
  await world.deploy(
    live,
    one(() => {}),
  );
  await world.append('orders', [{ key: 'a', value: '' }]);
  await world.settle();
  expect(tokens).toHaveLength(1);
  expect(world.tokens.find(tokens[0] ?? '')).toBeUndefined();
  await world.stop();
});

test('a member that did not hear that it lost a partition asks the group before it claims again, and its successor is left in peace', async () => {
  const deaf = new DispatchWorld();
  const live = liveFunction('totals');
  const { streams, state } = deaf.adapters;
  const join = streams.join.bind(streams);
  const claim = state.claim.bind(state);
  const claims: string[] = [];
  state.claim = (source, options) => {
    claims.push(source.name);
    return claim(source, options);
  };
  streams.join = options => join({ ...options, onRevoked: () => {} });
  const events = Array.from({ length: 8 }, (_, index) => ({ key: `k${index}`, value: '' }));
  const slow = one(async (_, ctx) => {
    await ctx.sleep(500);
    await countKey(ctx);
  });
  await deaf.deploy(live, slow, 2);
  await deaf.append('orders', events);
  await deaf.clock.advance(100);
  streams.join = join;
  const successor = new DispatchWorld({ beside: deaf, seed: 2 });
  await successor.deploy(live, slow, 2);
  await deaf.clock.advance(10_000);
  await successor.append('orders', events);
  await deaf.clock.advance(10_000);
  expect(claims).toEqual(['orders.0', 'orders.1', 'orders.1']);
  expect(await successor.state(live.unit)).toEqual(Object.fromEntries(events.map(({ key }) => [key, '2'])));
  await Promise.all([deaf.stop(), successor.stop()]);
});
