import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createMemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { systemClock } from '../../controller/clock.ts';
import { entryPath } from '../../controller/entries.ts';
import type { DirectCall } from '../../controller/gateway/direct-calls.ts';
import { createPodCallbacks } from '../../controller/gateway/pod-callbacks.ts';
import { systemRandom } from '../../controller/random.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { noMetrics } from '../../controller/telemetry/metrics.ts';
import { BatchTokens } from '../../controller/wire/batch-tokens.ts';
import { createHttpPodClient } from '../../controller/wire/http-pod-client.ts';
import type { Outcome } from '../../runtime/protocol/messages.ts';
import { batchEvent, batchOf, bytes, loadRequest, processPods, runOn, startPod, type TestPod, text } from './pod-fixture.ts';

const closers: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function emptyPod(): Promise<TestPod> {
  const pod = await startPod();
  closers.push(() => pod.close());
  return pod;
}

async function podWith(code: string, changes: Parameters<TestPod['load']>[1] = {}, callbackUrl?: string): Promise<TestPod> {
  const pod = await startPod(processPods(), callbackUrl);
  closers.push(() => pod.close());
  expect(await pod.load(code, changes)).toMatchObject({ kind: 'ready' });
  return pod;
}

const call = { trigger: 'call' } as const;
const answer = (outcome: Outcome | undefined) => (outcome?.kind === 'ok' ? JSON.parse(text(outcome.answer) ?? 'null') : outcome);

describe('order within a batch', () => {
  const tracing = `let running = 0; const seen = []; export default async event => {
    seen.push(event.data); running += 1; const now = running; await new Promise(d => setTimeout(d, 30)); running -= 1;
    if (event.data === 'fail') throw new Error('x'); return [now, seen.slice()]; }`;
  const key = bytes('a');

  test('events of one key run one after another, those of others beside them', async () => {
    const pod = await podWith(tracing, { concurrency: 4 });
    const batch = batchOf([
      batchEvent(0, 'a1', { ...call, key }),
      batchEvent(1, 'a2', { ...call, key }),
      batchEvent(2, 'b', call),
      batchEvent(3, 'c', { ...call, key: null }),
    ]);
    const { outcomes } = await pod.run(batch);
    expect(answer(outcomes.get(1))[1].slice(0, 4)).toEqual(['a1', 'b', 'c', 'a2']);
    expect(answer(outcomes.get(3))[0]).toBe(3);
  });

  const twoOfOneKey = [batchEvent(0, 'a1', { ...call, key }), batchEvent(1, 'a2', { ...call, key })];

  test('order: none runs events of one key side by side', async () => {
    const pod = await podWith(tracing, { concurrency: 4 });
    const { outcomes } = await pod.run(batchOf(twoOfOneKey, { order: 'none' }));
    expect([0, 1].map(index => answer(outcomes.get(index))[0])).toEqual([1, 2]);
  });

  test('order: none of a function with state runs those of one key in a row: side by side they would only disturb each other', async () => {
    const pod = await podWith(tracing, { concurrency: 4 });
    const state = [{ key: 'a', version: null, value: undefined }];
    const { outcomes } = await pod.run(batchOf(twoOfOneKey, { order: 'none', state }));
    expect([0, 1].map(index => answer(outcomes.get(index))[0])).toEqual([1, 1]);
  });

  test('order: partition runs the whole batch in a row, whatever the concurrency', async () => {
    const pod = await podWith(tracing, { concurrency: 4 });
    const { outcomes } = await pod.run(
      batchOf(
        [0, 1, 2].map(index => batchEvent(index, index, call)),
        { order: 'partition' },
      ),
    );
    expect([0, 1, 2].map(index => answer(outcomes.get(index))[0])).toEqual([1, 1, 1]);
  });

  test.each([
    ['key', [undefined, 'failed', 'returned', 'ok']],
    ['partition', [undefined, 'failed', 'returned', 'returned']],
    ['none', [undefined, 'failed', 'ok', 'ok']],
  ] as const)('after a failure, order: %s', async (order, expected) => {
    const pod = await podWith(tracing);
    const { outcomes } = await pod.run(
      batchOf(
        [batchEvent(1, 'fail', { key }), batchEvent(2, 'later', { key }), batchEvent(3, 'other')].map((event, index) => ({
          ...event,
          index,
        })),
        { order },
      ),
    );
    expect([undefined, ...[0, 1, 2].map(index => outcomes.get(index)?.kind)]).toEqual(expected);
    if (expected[2] === 'returned') expect(outcomes.get(1)).toEqual({ kind: 'returned', why: 'after-failure' });
  });
});

describe('a batch handler', () => {
  const key = bytes('a');

  test('gets all events at once; each write and emit names its event; the last write of a key counts', async () => {
    const pod = await podWith(`export const batch = async (events, ctx) => {
      for (const event of events) {
        const state = ctx.stateOf('total', event);
        const now = (await state.get())?.n ?? 0;
        state.set({ n: now + event.data });
        ctx.emit(event, 'vips', event.key, { sum: now + event.data });
      } }`);
    const { outcomes } = await pod.run(
      batchOf([batchEvent(0, 1), batchEvent(1, 2), batchEvent(2, 4)], {
        state: [{ key: 'total', version: 'v', value: bytes('{"n":10}') }],
      }),
    );
    const ok = [0, 1, 2].map(index => outcomes.get(index)).map(outcome => (outcome?.kind === 'ok' ? outcome : undefined));
    expect(ok.map(outcome => outcome?.reads)).toEqual([
      [{ key: 'total', version: 'v' }],
      [{ key: 'total', version: '@0' }],
      [{ key: 'total', version: '@1' }],
    ]);
    expect(ok.map(outcome => outcome?.writes.map(({ value }) => text(value)))).toEqual([[], [], ['{"n":17}']]);
    expect(ok.map(outcome => text(outcome?.emits[0]?.value))).toEqual(['{"sum":11}', '{"sum":13}', '{"sum":17}']);
  });

  test('BatchFailure fails those that it names; what read from their writes is returned, the others stand', async () => {
    const pod = await podWith(`class BatchFailure extends Error { code = 'FAAS_BATCH_FAILURE'; failed = [{ index: 0, reason: 'bad line' }] }
      export const batch = async (events, ctx) => {
        ctx.stateOf('a', events[0]).set(1);
        await ctx.stateOf('a', events[1]).get();
        ctx.stateOf('b', events[2]).set(2);
        throw new BatchFailure(); }`);
    const { outcomes } = await pod.run(batchOf([0, 1, 2].map(index => batchEvent(index))));
    expect(outcomes.get(0)).toMatchObject({ kind: 'failed', error: { code: 'FAAS_BATCH_FAILURE', message: 'bad line' } });
    expect(outcomes.get(1)).toEqual({ kind: 'returned', why: 'after-failure' });
    expect(outcomes.get(2)).toMatchObject({ kind: 'ok', writes: [{ key: 'b' }] });
  });

  test('any other error fails all of them; a payload that cannot be read fails alone', async () => {
    const pod = await podWith(
      `export const batch = events => { if (events.length !== 2) throw new Error('got ' + events.length); if (events[0].data) throw new Error('all'); }`,
    );
    const bad = { value: bytes('{') };
    const good = await pod.run(batchOf([batchEvent(0, 0, { key }), batchEvent(1, 0, bad), batchEvent(2, 0)]));
    expect([0, 1, 2].map(index => good.outcomes.get(index)?.kind)).toEqual(['ok', 'failed', 'ok']);
    const failed = await pod.run(batchOf([batchEvent(0, 1), batchEvent(1, 1)]));
    expect([0, 1].map(index => failed.outcomes.get(index))).toMatchObject([
      { kind: 'failed', error: { message: 'all' } },
      { kind: 'failed', error: { message: 'all' } },
    ]);
  });

  test('limits.timeout is for the call: all events of the batch have the attempt', async () => {
    const pod = await podWith('export const batch = () => new Promise(() => {})', { timeoutMs: 200 });
    const { outcomes } = await pod.run(batchOf([batchEvent(0), batchEvent(1)]));
    expect([...outcomes.values()]).toMatchObject([
      { kind: 'failed', reason: 'timeout' },
      { kind: 'failed', reason: 'timeout' },
    ]);
  });
});

describe('what a handler asks of the server', () => {
  async function server(
    calls: (call: DirectCall) => Promise<unknown>,
    { isReadable } = { isReadable: true },
  ): Promise<{ url: string; tokens: BatchTokens; requests: string[]; put: (key: string, value: string) => Promise<string> }> {
    const { state } = createMemoryAdapters({ clock: systemClock, random: systemRandom });
    const tokens = new BatchTokens();
    const requests: string[] = [];
    const answers = createPodCallbacks({
      state,
      calls: { call: request => calls(request) as never },
      tokens,
      pods: {},
      metrics: noMetrics,
    });
    const http: Server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', async () => {
        requests.push(request.url ?? '');
        const handle = request.url === '/internal/v1/state' ? answers.readState : answers.call;
        if (!isReadable) {
          response.writeHead(503, { 'content-type': 'application/json' }).end('{}');
          return;
        }
        const { status, body } = await handle(request.headers.authorization?.slice(7), JSON.parse(Buffer.concat(chunks).toString()));
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      });
    });
    await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve));
    closers.push(() => {
      http.closeAllConnections();
      http.close();
    });
    const source = { unit: 'shop.f', name: 'orders.0' };
    const { generation: _ } = await state.claim(source, { ownerToken: 'o', brokerGeneration: 0, nowMs: 1, committedOffset: 0 });
    let ordinal = 0;
    return {
      url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
      tokens,
      requests,
      async put(key, value) {
        ordinal += 1;
        const result = await state.commit(source, {
          ownerToken: 'o',
          ordinal,
          id: `c${ordinal}`,
          stream: 's',
          highSeqOffset: 0,
          highSeqs: [],
          done: [[ordinal, ordinal + 1]],
          clearAttempts: [],
          ids: [],
          knownIds: [],
          reads: [],
          writes: [{ key, value: bytes(value) }],
          emits: [],
        });
        expect(result.kind).toBe('ok');
        return `c${ordinal}:0`;
      },
    };
  }

  test('keys that did not come with the batch are read under its token, once per turn, with their versions', async () => {
    const { url, tokens, requests, put } = await server(async () => ({ kind: 'timeout' }));
    const version = await put('x', '{"n":5}');
    const pod = await podWith(
      `export default async (e, ctx) => {
        const [x, y] = await Promise.all([ctx.stateOf('x').get(), ctx.stateOf('y').get()]);
        return [x, y ?? 'none', await ctx.stateOf('x').increment('n', 2), await ctx.stateOf('x').get()];
      }`,
      { concurrency: 4 },
      url,
    );
    const batch = batchOf([batchEvent(0, 0, call)]);
    tokens.grant(batch.batchToken, { unit: 'shop.f', podId: pod.pod.id, calls: new Set(), depth: 0 });
    const { outcomes } = await pod.run(batch);
    expect(answer(outcomes.get(0))).toEqual([{ n: 5 }, 'none', 7, { n: 7 }]);
    expect(outcomes.get(0)).toMatchObject({
      reads: [
        { key: 'x', version },
        { key: 'y', version: null },
      ],
    });
    expect(requests).toEqual(['/internal/v1/state']);
  });

  test('without a token the state cannot be read: the event fails and may be tried again', async () => {
    const { url } = await server(async () => ({ kind: 'timeout' }));
    const pod = await podWith(`export default async (e, ctx) => ctx.stateOf('x').get()`, {}, url);
    expect((await pod.run(batchOf([batchEvent(0)]))).outcomes.get(0)).toMatchObject({
      kind: 'failed',
      retryable: true,
      error: { code: 'FAAS_STATE_REFUSED' },
    });
  });

  test('state that cannot be read is no fault of the event, also when the handler goes on without it', async () => {
    const { url, tokens } = await server(async () => ({ kind: 'timeout' }), { isReadable: false });
    const pod = await podWith(
      `export default async (e, ctx) => ctx.state.set({ n: 1, other: await ctx.stateOf('x').get().catch(() => 'none') })`,
      {},
      url,
    );
    const batch = batchOf([batchEvent(0, 0), batchEvent(1, 0)]);
    tokens.grant(batch.batchToken, { unit: 'shop.f', podId: pod.pod.id, calls: new Set(), depth: 0 });
    const { outcomes } = await pod.run(batch);
    expect([0, 1].map(index => outcomes.get(index))).toEqual([0, 1].map(() => ({ kind: 'returned', why: 'state-unread' })));
  });

  test('a call is answered, within the smaller of both times; a failed one rejects; fireAndForget is handed over before the batch ends', async () => {
    const seen: DirectCall[] = [];
    const { url, tokens } = await server(async request => {
      seen.push(request);
      const data = JSON.parse(text(request.data) ?? '');
      return data === 'fail'
        ? { kind: 'failed', error: { code: 'E', name: 'E', message: 'callee says no', stack: undefined }, reason: 'error' }
        : { kind: 'ok', answer: bytes(JSON.stringify({ tax: data * 2 })), repeated: false };
    });
    const pod = await podWith(
      `export default async (e, ctx) => {
        ctx.fireAndForget('tax', null, 99);
        const failed = await ctx.call('shop.tax', 'k', 'fail').catch(error => error.message);
        return [await ctx.call('tax', e.key, 21, { timeoutMs: 500, idempotencyKey: 'once' }), failed]; }`,
      { timeoutMs: 3_000 },
      url,
    );
    const batch = batchOf([batchEvent(0, 0, { ...call, headers: [['traceparent', bytes(`00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`)]] })]);
    tokens.grant(batch.batchToken, { unit: 'shop.f', podId: pod.pod.id, calls: new Set(['shop.tax']), depth: 2 });
    const { outcomes } = await pod.run(batch);
    const [result, failed] = answer(outcomes.get(0));
    expect(result).toEqual({ tax: 42 });
    expect(failed).toContain('failed');
    const awaited = seen.find(request => request.idempotencyKey === 'once');
    expect(awaited).toMatchObject({ unit: 'shop.tax', key: 'key-0', depth: 3, timeoutMs: 500 });
    expect(awaited?.traceparent).toMatch(new RegExp(`^00-${'a'.repeat(32)}-[0-9a-f]{16}-01$`));
    expect(seen.map(request => text(request.data)).sort()).toEqual(['"fail"', '21', '99']);
  });
});

test('emits carry the trace of their attempt; starts have ids that a retry repeats', async () => {
  const pod = await podWith(
    `export default (e, ctx) => { ctx.emit('vips', null, { a: 1 }, { type: 't', headers: { 'X-Shop': 'ä' } }); return [ctx.start('tax', 'k', 1), ctx.start('shop.tax', null, 2), ctx.trace.traceparent, ctx.attempt, ctx.idempotencyKey]; }`,
  );
  const { outcomes } = await pod.run(batchOf([batchEvent(0, 0, { ...call, attempt: 3 })]));
  const outcome = outcomes.get(0);
  const [first, second, traceparent, attempt, key] = answer(outcome);
  expect([first, second, attempt, key]).toEqual(['orders/0/100:start:1', 'orders/0/100:start:2', 3, 'orders/0/100']);
  if (outcome?.kind !== 'ok') throw new Error('not ok');
  expect(outcome.emits.map(emit => [emit.kind, emit.target, text(emit.key), emit.id, emit.type])).toEqual([
    ['emit', 'vips', null, undefined, 't'],
    ['start', 'shop.tax', 'k', first, undefined],
    ['start', 'shop.tax', null, second, undefined],
  ]);
  expect(outcome.emits[0]?.headers.map(([name, value]) => [name, text(value)])).toEqual([
    ['x-shop', 'ä'],
    ['traceparent', traceparent],
  ]);
});

test('schemas of the bundle are checked when an event is read and when one is emitted', async () => {
  const pod = await podWith(
    `export default (e, ctx) => ctx.emit('vips', null, e.data.out);
     export const faasSchemas = { orders: d => typeof d.out === 'number' || ['/out must be number'], vips: d => d > 0 || ['must be > 0'] };`,
  );
  const { outcomes } = await pod.run(batchOf([batchEvent(0, { out: 1 }), batchEvent(1, { out: 'x' }), batchEvent(2, { out: -1 })]));
  expect([0, 1, 2].map(index => outcomes.get(index))).toMatchObject([
    { kind: 'ok' },
    {
      kind: 'failed',
      reason: 'schema',
      retryable: false,
      error: { message: 'the payload does not match the schema of stream "orders": /out must be number' },
    },
    {
      kind: 'failed',
      reason: 'schema',
      retryable: false,
      error: { message: 'the emitted data does not match the schema of stream "vips": must be > 0' },
    },
  ]);
});

test('an event that the payload filter does not let through is done without the handler', async () => {
  const pod = await podWith(`export default () => { throw new Error('ran') }`, { dataFilters: { orders: { '/a/0/~1b': 'x*', '/n': 1 } } });
  const { outcomes } = await pod.run(
    batchOf([batchEvent(0, { a: [{ '/b': 'xyz' }], n: 2 }), batchEvent(1, { a: [{ '/b': 'xyz' }], n: 1 }), batchEvent(2, null)]),
  );
  expect([0, 1, 2].map(index => outcomes.get(index))).toMatchObject([
    { kind: 'ok', filtered: true },
    { kind: 'failed', error: { message: 'ran' } },
    { kind: 'ok', filtered: true },
  ]);
});

test('what is printed or logged is known by its event and trace, also after waiting, and is bounded', async () => {
  const pod = await podWith(
    `export default async (e, ctx) => { await new Promise(d => setTimeout(d, 5)); console.log('hello %s', e.key, { a: 1 }); process.stderr.write('raw\\n'); ctx.log.warn('w', { n: 1n }); ctx.log.info('f', { a: 2 }); console.error('x'.repeat(100_000)); return ctx.trace.traceparent; }`,
    { concurrency: 2 },
  );
  const { logs, outcomes } = await pod.run(batchOf([batchEvent(0, 0, call), batchEvent(1, 0, call)]));
  const traceparent = answer(outcomes.get(1));
  const own = logs.filter(({ index }) => index === 1);
  expect(own.map(({ level, message, fields }) => [level, message.slice(0, 22), fields])).toEqual([
    ['info', 'hello key-1 { a: 1 }', undefined],
    ['error', 'raw', undefined],
    ['warn', 'w', { dropped: 'fields that are no JSON' }],
    ['info', 'f', { a: 2 }],
    ['error', 'x'.repeat(22), undefined],
  ]);
  expect(own.every(log => log.traceparent === traceparent)).toBe(true);
  expect(bytes(own[4]?.message ?? '').length).toBeLessThanOrEqual(16_384);
});

test('a batch may print 1 MiB; what is more is counted and dropped', async () => {
  const pod = await podWith(`export default () => { for (let i = 0; i < 3000; i += 1) console.log('y'.repeat(1000)); }`);
  const { logs } = await pod.run(batchOf([batchEvent(0)]));
  expect(logs.length).toBeLessThan(1_100);
  expect(logs.at(-1)).toMatchObject({ level: 'warn', message: 'log lines dropped: a batch may print 1 MiB' });
});

test('a function past its lifespan gets a new worker, without a gap; the old one runs its shutdown', async () => {
  const pod = await podWith(
    `let n = 0; export default (e, ctx) => { n += 1; return [n, ctx.cold]; }; export const shutdown = () => { console.log('bye'); }`,
    { lifespanMs: 100 },
  );
  const output: string[] = [];
  pod.pods.onOutput(({ text: line }) => output.push(line));
  const answers: unknown[] = [];
  const until = Date.now() + 10_000;
  while (Date.now() < until && !output.includes('bye\n')) {
    const { end, outcomes } = await pod.run(batchOf([batchEvent(0, 0, call)]));
    expect(end).toEqual({ kind: 'done' });
    answers.push(answer(outcomes.get(0)));
  }
  expect(output).toContain('bye\n');
  expect(answers.filter(value => JSON.stringify(value) === '[1,true]').length).toBeGreaterThan(1);
});

test('a pod takes two batches whatever their size, and of small ones four times its concurrency; then it is busy', async () => {
  const pod = await podWith('export default () => new Promise(d => setTimeout(d, 300))', { concurrency: 2 });
  const large = [pod.run(batchOf([0, 1, 2].map(index => batchEvent(index)))), pod.run(batchOf([0, 1, 2].map(index => batchEvent(index))))];
  while ((await pod.client.status(pod.pod))?.eventsInFlight !== 6) await new Promise(resolve => setImmediate(resolve));
  const small = [pod.run(batchOf([batchEvent(0)])), pod.run(batchOf([batchEvent(0)]))];
  while ((await pod.client.status(pod.pod))?.eventsInFlight !== 8) await new Promise(resolve => setImmediate(resolve));
  expect((await pod.run(batchOf([batchEvent(0)]))).end).toEqual({ kind: 'busy' });
  for (const { end } of await Promise.all([...large, ...small])) expect(end).toEqual({ kind: 'done' });
});

test('a client that goes away takes with it what has not begun', async () => {
  const pod = await podWith(`export default async e => { console.log('ran', e.data); await new Promise(d => setTimeout(d, 150)); }`);
  const output: string[] = [];
  pod.pods.onOutput(({ text: line }) => output.push(line));
  const running = pod.run(batchOf([batchEvent(0), batchEvent(1), batchEvent(2)]));
  while ((await pod.client.status(pod.pod))?.eventsInFlight !== 3) await new Promise(resolve => setImmediate(resolve));
  await pod.client.close();
  expect((await running).end.kind).toBe('lost');
  const again = await pod.run(batchOf([batchEvent(0, 'after')]));
  expect(again.outcomes.get(0)?.kind).toBe('ok');
  expect(output.join('')).not.toContain('ran 2');
});

test('a pod that is gone is not reached: it has seen nothing of the batch', async () => {
  const pod = await podWith('export default () => 1');
  expect((await pod.run(batchOf([batchEvent(0)]))).end).toEqual({ kind: 'done' });
  await pod.pods.kill(pod.pod.id);
  await expect.poll(async () => (await pod.run(batchOf([batchEvent(0)]))).end.kind).toBe('unreached');
});

test('a pod that is told to end while batches come has answered each that it ran, and ran no other', async () => {
  const ends = new Map<string, number>();
  const folder = mkdtempSync(join(tmpdir(), 'faas-ran-'));
  const file = join(folder, 'ran.txt');
  const done: number[] = [];
  let sent = 0;
  for (let round = 0; round < 10; round += 1) {
    const pod = await podWith(
      `import { appendFileSync } from 'node:fs'; export default e => appendFileSync(${JSON.stringify(file)}, e.data + '\\n')`,
    );
    const senders = Array.from({ length: 16 }, async () => {
      // Whoever is refused asks elsewhere, or later: a few times at once is more than a server does.
      for (let refusals = 0; refusals < 5; ) {
        sent += 1;
        const number = sent;
        const { end } = await pod.run(batchOf([batchEvent(0, number)]));
        ends.set(end.kind, (ends.get(end.kind) ?? 0) + 1);
        if (end.kind === 'done') done.push(number);
        if (end.kind !== 'done' && end.kind !== 'busy') refusals += 1;
      }
    });
    await pod.run(batchOf([batchEvent(0, 0)]));
    await pod.pods.stop(pod.pod.id, 2_000);
    await Promise.all(senders);
  }
  const ran = readFileSync(file, 'utf8')
    .split('\n')
    .filter(line => line !== '' && line !== '0');
  rmSync(folder, { recursive: true });
  console.log(`a pod that ends: ${JSON.stringify(Object.fromEntries(ends))}`);
  expect(ran.map(Number).toSorted((a, b) => a - b)).toEqual(done.toSorted((a, b) => a - b));
  expect(ends.get('lost')).toBe(undefined);
  expect([...ends.keys()]).toEqual(expect.arrayContaining(['done', 'draining']));
});

describe('a batch that is sent ahead', () => {
  const slow = (last: string) => `await new Promise(d => setTimeout(d, 300)); export default () => ${last}`;

  test('waits for the function, and its time counts from its arrival', async () => {
    const pod = await emptyPod();
    const loading = pod.load(slow('1'));
    while ((await pod.client.status(pod.pod))?.state !== 'loading') await new Promise(resolve => setImmediate(resolve));
    const kept = pod.run(batchOf([batchEvent(0)], { waits: true }));
    const late = pod.run(batchOf([batchEvent(0, 0, { remainingMs: 50 })], { waits: true }));
    const refused = await pod.run(batchOf([batchEvent(0)]));
    expect([refused.end, (await loading).kind]).toEqual([{ kind: 'draining' }, 'ready']);
    expect((await kept).outcomes.get(0)?.kind).toBe('ok');
    expect((await late).outcomes.get(0)).toMatchObject({ kind: 'failed', reason: 'timeout' });
  });

  test('has not begun when its pod ends before the function is there, and is lost when it has', async () => {
    const pod = await emptyPod();
    const loading = pod.load(slow('new Promise(() => {})'));
    while ((await pod.client.status(pod.pod))?.state !== 'loading') await new Promise(resolve => setImmediate(resolve));
    const running = pod.run(batchOf([batchEvent(0)], { waits: true }));
    while ((await pod.client.status(pod.pod))?.eventsInFlight !== 1) await new Promise(resolve => setImmediate(resolve));
    await pod.pods.kill(pod.pod.id);
    expect([(await running).end.kind, (await loading).kind]).toEqual(['unreached', 'failed']);
    const other = await emptyPod();
    const again = other.load(slow('new Promise(() => {})'));
    while ((await other.client.status(other.pod))?.state !== 'loading') await new Promise(resolve => setImmediate(resolve));
    const begun = other.run(batchOf([batchEvent(0)], { waits: true }));
    await again;
    await new Promise(d => setTimeout(d, 100));
    await other.pods.kill(other.pod.id);
    expect((await begun).end.kind).toBe('lost');
  });

  test.each(['ready', 'loading'])('is lost when its handler ends the pod at once: a pod that is %s', async state => {
    const passages = mkdtempSync(join(tmpdir(), 'faas-passages-'));
    closers.push(() => rmSync(passages, { recursive: true }));
    vi.stubEnv('FAAS_POD_FAULT_POINT', `batch.handed-over:1:${passages}`);
    const pod = await emptyPod();
    vi.unstubAllEnvs();
    const loading = pod.load(slow('1'));
    if (state === 'ready') await loading;
    else while ((await pod.client.status(pod.pod))?.state !== state) await new Promise(resolve => setImmediate(resolve));
    expect((await pod.run(batchOf([batchEvent(0)], { waits: true }))).end.kind).toBe('lost');
    await loading;
  });
});

test.each([
  ['an idle one', undefined],
  ['one that runs a handler', 'await new Promise(() => {})'],
  ['one whose worker sits in a native call', `crypto.pbkdf2Sync('p', 's', 2 ** 31 - 1, 64, 'sha512')`],
])('P5 a pod ends within 2 s of losing its parent: %s', async (_, statement) => {
  const script = `
    const pod = require('node:child_process').spawn(process.execPath, [${JSON.stringify(entryPath('pod'))}, '268435456', 'boot'], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], env: {} });
    pod.send({ kind: 'admit', token: 't', callbackUrl: '' });
    pod.on('message', ({ port }) => console.log(JSON.stringify([pod.pid, port])));`;
  const parent = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [pid, port] = await new Promise<[number, number]>(resolve => parent.stdout.once('data', data => resolve(JSON.parse(String(data)))));
  const client = createHttpPodClient({ clock: systemClock, log: silentLog });
  closers.push(() => client.close());
  const pod = { id: 'p', bootId: 'boot', address: `http://127.0.0.1:${port}`, token: 't', startedAtMs: 0, pid };
  if (statement !== undefined) {
    await client.load(
      pod,
      loadRequest(`import crypto from 'node:crypto'; export default async () => { ${statement} }`, { timeoutMs: 60_000 }),
      5_000,
    );
    void runOn(client, pod, batchOf([batchEvent(0)]));
    while ((await client.status(pod))?.eventsInFlight !== 1) await new Promise(resolve => setImmediate(resolve));
  }
  parent.kill('SIGKILL');
  const lost = Date.now();
  while (alive(pid) && Date.now() - lost < 5_000) await new Promise(resolve => setTimeout(resolve, 20));
  expect(Date.now() - lost).toBeLessThan(2_000);
});

/** A process that has ended and was not waited for yet is a zombie: it is over. */
function alive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
