import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { noFaults } from '../../controller/fault-points.ts';
import { createDirectCalls, type DirectCallsRole } from '../../controller/gateway/create-direct-calls.ts';
import type { DirectAnswer, DirectCall } from '../../controller/gateway/direct-calls.ts';
import { waitingCallsMax } from '../../controller/gateway/unit-calls.ts';
import type { CommitResult, StateStore } from '../../controller/ports/state.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { noMetrics } from '../../controller/telemetry/metrics.ts';
import { BatchTokens } from '../../controller/wire/batch-tokens.ts';
import type { PodClient } from '../../controller/wire/pod-client.ts';
import { PodExits } from '../../controller/wire/pod-exits.ts';
import type { Batch } from '../../runtime/protocol/messages.ts';
import { Failure, type MemoryFunction, type MemoryPodFaults, MemoryPodFleet, PodCrash } from '../support/memory-pod-client.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { liveFunction } from './live-functions.ts';

const unit = 'shop.tax';
const live = liveFunction(unit, [], { emits: [{ name: 'sold', context: 'shop', stream: 'sold' }], calls: ['shop.other'] });
const { revision } = live;

interface RigOptions {
  readonly run?: MemoryFunction['run'];
  readonly pods?: number;
  readonly concurrency?: number;
  readonly emits?: 'inline' | 'outbox';
  readonly durability?: 'default' | 'strict';
  readonly faults?: MemoryPodFaults;
  readonly wrap?: (state: StateStore) => StateStore;
  /** Answers batches in place of the pods. */
  readonly answers?: PodClient['run'];
}

class Rig {
  readonly clock = new VirtualClock();
  readonly random = seededRandom(3);
  readonly adapters;
  readonly fleet: MemoryPodFleet;
  readonly state: StateStore;
  readonly function: MemoryFunction;
  readonly batches: number[] = [];
  readonly live;
  readonly #answers: RigOptions['answers'];
  calls: DirectCallsRole;

  constructor(options: RigOptions = {}) {
    this.#answers = options.answers;
    this.live = { ...live, spec: { ...live.spec, durability: options.durability ?? 'default' } };
    const { clock, random } = this;
    this.adapters = createMemoryAdapters({ clock, random, ...(options.emits === undefined ? {} : { emits: options.emits }) });
    this.state = options.wrap?.(this.adapters.state) ?? this.adapters.state;
    const admit: NonNullable<MemoryPodFaults['admit']> = (pod, batch) => {
      this.batches.push(batch.events.length);
      return options.faults?.admit?.(pod, batch) ?? 'ok';
    };
    this.fleet = new MemoryPodFleet({ clock, state: this.adapters.state, faults: { ...options.faults, admit } });
    this.function = {
      handler: 'event',
      concurrency: options.concurrency ?? 4,
      run: options.run ?? ((_, ctx) => ctx.answer(`"${ctx.value}"`)),
    };
    for (let i = 0; i < (options.pods ?? 1); i += 1) this.fleet.start(unit, revision, this.function);
    this.calls = this.role();
  }

  /** A gateway process: its memory is its own, the store is not. */
  role(): DirectCallsRole {
    const { clock, random, adapters, state, fleet } = this;
    const role = createDirectCalls({
      streams: adapters.streams,
      history: adapters.history,
      state,
      pods: fleet,
      client: this.#answers === undefined ? fleet.client : { run: this.#answers },
      exits: new PodExits({ pods: fleet, client: fleet.client, clock }),
      tokens: new BatchTokens(),
      clock,
      random,
      faults: noFaults,
      log: silentLog,
      metrics: noMetrics,
      dedupeWindowMs: 60_000,
      slot: '0',
      soon: queueMicrotask,
    });
    role.update([this.live]);
    return role;
  }

  /** Lets time pass until the calls are answered. */
  async answers(...calls: Promise<DirectAnswer>[]): Promise<DirectAnswer[]> {
    let answers: DirectAnswer[] | undefined;
    void Promise.all(calls).then(all => {
      answers = all;
    });
    await this.clock.run(() => answers !== undefined);
    return answers ?? [];
  }

  call(data: string, more: Partial<DirectCall> = {}): Promise<DirectAnswer> {
    return this.calls.call({ ...callOf(data), ...more });
  }

  async stateOf(key: string): Promise<string | undefined> {
    const [read] = await this.adapters.state.read(unit, [key]);
    return read?.value === undefined ? undefined : Buffer.from(read.value).toString();
  }

  async topic(name: string): Promise<readonly string[]> {
    const { records } = await this.adapters.streams.read(name, 0, 0, { records: 1_000, bytes: 1e6 });
    return records.map(({ value }) => Buffer.from(value ?? []).toString());
  }
}

function callOf(data: string): DirectCall {
  return {
    unit,
    key: null,
    data: Buffer.from(data),
    contentType: 'application/json',
    idempotencyKey: undefined,
    timeoutMs: 10_000,
    depth: 0,
    traceparent: undefined,
  };
}

const text = (answer: DirectAnswer | undefined) =>
  answer?.kind === 'ok' && answer.answer !== undefined ? Buffer.from(answer.answer).toString() : answer?.kind;

const count: MemoryFunction['run'] = async (_, ctx) => {
  const key = ctx.key ?? '-';
  const value = Number((await ctx.read(key)) ?? 0) + 1;
  ctx.write(key, String(value));
  ctx.answer(String(value));
};

test('calls beside which a worker ended go again one by one, each alone on its pod, which says when it begins them', async () => {
  const batches: Batch[] = [];
  const rig = new Rig({
    async answers(_, batch, on) {
      batches.push(batch);
      for (const { index } of batch.events) {
        if (batches.length === 1) on.result({ index, outcome: { kind: 'returned', why: 'worker-ended' } });
        else on.result({ index, outcome: { kind: 'failed', reason: 'memory', retryable: true, error } });
      }
      return { kind: 'done' };
    },
  });
  const error = { code: 'FAAS_OUT_OF_MEMORY', name: 'FaasError', message: 'too much', stack: undefined };
  await rig.answers(rig.call('a'), rig.call('b'));
  const [first, ...again] = batches.map(({ events, exclusive, waits }) => ({ events: events.length, exclusive, waits }));
  expect(first).toEqual({ events: 2, exclusive: undefined, waits: undefined });
  expect(again).toEqual([1, 1].map(events => ({ events, exclusive: true, waits: true })));
});

test('a call that pods give back again and again fails, and its history says so', async () => {
  const rig = new Rig({
    async answers(_, { events }, on) {
      for (const { index } of events) on.result({ index, outcome: { kind: 'returned', why: 'neighbour-crash' } });
      return { kind: 'done' };
    },
  });
  const [answer] = await rig.answers(rig.call('a', { key: 'k' }));
  expect(answer).toMatchObject({ kind: 'failed', reason: 'crash' });
  const entries = await rig.adapters.history.read({ kind: 'log', unit, limit: 10 });
  expect(entries.map(({ data }) => data.message)).toEqual(['direct call failed']);
});

describe('a stop', () => {
  test('answers those that nobody will answer any more, and takes none from then on', async () => {
    const rig = new Rig({ run: () => new Promise(() => undefined) });
    const waiting = [rig.call('a'), rig.call('b')];
    await rig.clock.advance(10);
    rig.calls.giveUp();
    expect((await rig.answers(...waiting, rig.call('c'))).map(({ kind }) => kind)).toEqual(['stopped', 'stopped', 'unavailable']);
    const from = rig.clock.now();
    await rig.calls.stop(10_000);
    expect(rig.clock.now()).toBe(from);
  });
});

test('what fails is in the history of its function, and of very many a second some', async () => {
  const rig = new Rig({
    run: () => {
      throw new Failure('error', false);
    },
  });
  await rig.answers(...Array.from({ length: 50 }, (_, id) => rig.call(String(id))));
  const entries = await rig.adapters.history.read({ kind: 'log', unit, limit: 100 });
  expect(entries.length).toBe(20);
  expect(entries[0]?.data).toMatchObject({ level: 'warn', message: 'direct call failed', fields: { reason: 'error' } });
});

describe('answers', () => {
  test('what the handler returned, or nothing', async () => {
    const rig = new Rig({ run: (_, ctx) => (ctx.value === 'quiet' ? undefined : ctx.answer(`"${ctx.value}!"`)) });
    const [loud, quiet] = await rig.answers(rig.call('hey'), rig.call('quiet'));
    expect([text(loud), quiet]).toEqual(['"hey!"', { kind: 'ok', answer: undefined, repeated: false }]);
  });

  test.each([
    ['an unknown function', { unit: 'shop.nobody' }, { kind: 'unknown-function' }],
    ['17 calls deep', { depth: 17 }, { kind: 'too-deep' }],
    ['16 calls deep', { depth: 16 }, { kind: 'ok', answer: Buffer.from('"x"'), repeated: false }],
  ] as const)('%s', async (_, more, expected) => {
    const rig = new Rig();
    expect(await rig.answers(rig.call('x', more))).toEqual([expected]);
  });

  test('a handler that fails, with its reason', async () => {
    const rig = new Rig({
      run: () => {
        throw new Failure('schema', false);
      },
    });
    expect(await rig.answers(rig.call('x'))).toMatchObject([{ kind: 'failed', reason: 'schema', error: { message: 'failed: schema' } }]);
  });

  test('the deadline passes', async () => {
    const rig = new Rig({ run: (_, ctx) => ctx.sleep(20_000) });
    const started = rig.clock.now();
    expect(await rig.answers(rig.call('x', { timeoutMs: 1_500 }))).toEqual([{ kind: 'timeout' }]);
    expect(rig.clock.now() - started).toBe(1_500);
  });

  test('a pod that crashes: the caller gets an error, the state is untouched', async () => {
    const rig = new Rig({
      run: (_, ctx) => {
        ctx.write('k', 'spoiled');
        throw new PodCrash();
      },
    });
    expect(await rig.answers(rig.call('x'))).toMatchObject([{ kind: 'failed', reason: 'crash' }]);
    expect(await rig.stateOf('k')).toBeUndefined();
  });
});

test('a function that calls itself with its own key ends at the depth, and not in a deadlock', async () => {
  const depths: number[] = [];
  const rig: Rig = new Rig({
    concurrency: 1,
    async run(event, ctx) {
      const header = (name: string) => Buffer.from(event.headers.find(([found]) => found === name)?.[1] ?? []).toString();
      const depth = Number(header('ce_hop'));
      depths.push(depth);
      const answer = await rig.call('', { key: 'a', depth: depth + 1, traceparent: header('traceparent') });
      ctx.answer(answer.kind === 'ok' ? (text(answer) ?? '') : answer.kind);
    },
  });
  // Each holds its place in a pod while it waits for the next one.
  rig.fleet.onWant = () => rig.fleet.start(unit, revision, rig.function);
  const started = rig.clock.now();
  expect((await rig.answers(rig.call('', { key: 'a' }))).map(text)).toEqual(['too-deep']);
  expect(depths).toEqual(Array.from({ length: 17 }, (_, depth) => depth));
  expect(rig.clock.now() - started).toBeLessThan(5_000);
});

describe('pods', () => {
  test('from zero: one is asked for, and the call waits for it within its deadline', async () => {
    const rig = new Rig({ pods: 0 });
    rig.fleet.onWant = () => rig.clock.after(300, () => rig.fleet.start(unit, revision, rig.function));
    expect((await rig.answers(rig.call('x'))).map(text)).toEqual(['"x"']);
    expect(rig.fleet.wishes[0]).toEqual({ unit, pods: 1, reason: 'direct-call' });
  });

  test('none within the deadline: unavailable, with a time to try again', async () => {
    const rig = new Rig({ pods: 0 });
    expect(await rig.answers(rig.call('x', { timeoutMs: 500 }))).toEqual([{ kind: 'unavailable', retryAfterMs: 1_000 }]);
  });

  test('busy and draining are no answers: the call goes again', async () => {
    const said: string[] = [];
    const rig = new Rig({
      faults: {
        admit() {
          const what = said.length === 0 ? 'busy' : said.length === 1 ? 'draining' : 'ok';
          said.push(what);
          return what;
        },
      },
    });
    expect((await rig.answers(rig.call('x'))).map(text)).toEqual(['"x"']);
    expect(said).toEqual(['busy', 'draining', 'ok']);
  });

  test.each([
    ['was draining, and was off the list before the connection broke', true, 'killed', 0],
    ['had ended as it was told to', false, 'stopped', 0],
    ['had ended as it was told to, of which the gateway hears later', false, 'stopped', 500],
  ] as const)('a call that was on its way to a pod that %s goes to another one', async (_, drains, reason, heardAfterMs) => {
    const by: string[] = [];
    const rig = new Rig({
      pods: 2,
      faults: { exitDelayMs: () => heardAfterMs },
      run: async (_, ctx) => {
        by.push(ctx.podId);
        await ctx.sleep(100);
        ctx.answer('1');
      },
    });
    const call = rig.call('x');
    await rig.clock.advance(50);
    const [first = ''] = by;
    if (drains) rig.fleet.drain(first);
    rig.fleet.end(first, reason);
    expect(await rig.answers(call)).toMatchObject([{ kind: 'ok' }]);
    expect(by).toEqual([first, rig.fleet.podIds(unit)[0]]);
  });

  test.each([
    ['crashed, of which the gateway hears later', 'crashed', 500],
    ['was lost without a word', 'stopped', 60_000],
  ] as const)('a call on a pod that %s fails, and is told within 3 s', async (_, reason, heardAfterMs) => {
    const rig = new Rig({ faults: { exitDelayMs: () => heardAfterMs }, run: (_, ctx) => ctx.sleep(100) });
    const call = rig.call('x');
    await rig.clock.advance(50);
    const [only = ''] = rig.fleet.podIds(unit);
    rig.fleet.end(only, reason);
    const sinceMs = rig.clock.now();
    expect(await rig.answers(call)).toMatchObject([{ kind: 'failed', reason: 'crash' }]);
    expect(rig.clock.now() - sinceMs).toBe(Math.min(heardAfterMs, 3_000));
  });

  test('a call whose connection broke while the pod lives fails at once', async () => {
    const rig = new Rig({ faults: { loses: () => true } });
    const sinceMs = rig.clock.now();
    expect(await rig.answers(rig.call('x'))).toMatchObject([{ kind: 'failed', reason: 'crash' }]);
    expect(rig.clock.now() - sinceMs).toBe(0);
  });

  test('a pod that is on the list and cannot be reached any more has seen nothing of a call: it waits for another one', async () => {
    const rig = new Rig();
    const [gone] = rig.fleet.podIds(unit);
    const { run } = rig.fleet.client;
    rig.fleet.client.run = async (pod, batch, on) =>
      pod.id === gone ? { kind: 'unreached', detail: 'connection refused' } : run(pod, batch, on);
    rig.clock.after(2_000, () => rig.fleet.start(unit, revision, rig.function));
    expect((await rig.answers(rig.call('x'))).map(text)).toEqual(['"x"']);
  });

  test('no pod, and no leader who could have one started: calls wait until there is one again, and 10 s at most', async () => {
    const rig = new Rig({ pods: 0 });
    let hasLeader = false;
    rig.fleet.want = () => {
      if (hasLeader) rig.fleet.start(unit, revision, rig.function);
      return hasLeader;
    };
    rig.clock.after(9_000, () => {
      hasLeader = true;
    });
    expect((await rig.answers(rig.call('x'))).map(text)).toEqual(['"x"']);
    hasLeader = false;
    for (const id of rig.fleet.podIds(unit)) rig.fleet.end(id, 'stopped');
    const sinceMs = rig.clock.now();
    expect(await rig.answers(rig.call('y', { timeoutMs: 30_000 }))).toEqual([{ kind: 'unavailable', retryAfterMs: 1_000 }]);
    expect(rig.clock.now() - sinceMs).toBeLessThan(11_000);
    // Each by itself: what waited for an earlier leader takes nothing from it.
    expect(await rig.answers(rig.call('z', { timeoutMs: 3_000 }))).toMatchObject([{ kind: 'unavailable' }]);
    await rig.clock.advance(60_000);
    rig.clock.after(5_000, () => {
      hasLeader = true;
    });
    expect((await rig.answers(rig.call('x'))).map(text)).toEqual(['"x"']);
  });

  test.each([
    ['as one batch', 15, [15]],
    ['as two, where the first is enough for a pod to begin with', 50, [16, 34]],
  ])('calls of one turn travel %s', async (_, calls, batches) => {
    const rig = new Rig({ concurrency: 64 });
    await rig.answers(...Array.from({ length: calls }, (_, i) => rig.call(String(i))));
    expect(rig.batches).toEqual(batches);
  });

  test('slow calls spread over pods, and a third pod is asked for when both are full', async () => {
    const seen = new Map<string, number>();
    const rig = new Rig({
      pods: 2,
      concurrency: 1,
      run: async (_, ctx) => {
        seen.set(ctx.podId, (seen.get(ctx.podId) ?? 0) + 1);
        await ctx.sleep(100);
        ctx.answer('1');
      },
    });
    await rig.answers(rig.call('warm-up'), rig.call('warm-up'));
    for (let i = 0; i < 40; i += 1) await rig.answers(rig.call('learn'));
    seen.clear();
    const wishes = rig.fleet.wishes.length;
    await rig.answers(...Array.from({ length: 10 }, () => rig.call('x')));
    expect([...seen.values()]).toEqual([5, 5]);
    expect(rig.fleet.wishes[wishes]).toEqual({ unit, pods: 3, reason: 'direct-call' });
  });

  test('pods of the live revision come first, others serve until there is one', async () => {
    const by: string[] = [];
    const rig = new Rig({ pods: 0, run: (_, ctx) => void by.push(ctx.podId) });
    const old = rig.fleet.start(unit, 'r0-ffffffff', rig.function);
    await rig.answers(rig.call('x'));
    const current = rig.fleet.start(unit, revision, rig.function);
    await rig.answers(rig.call('x'), rig.call('x'));
    expect(by).toEqual([old.pod.id, current.pod.id, current.pod.id]);
  });
});

describe.each(['inline', 'outbox'] as const)('commits, emits %s', emits => {
  test('state is written before the answer', async () => {
    const rig = new Rig({ emits, run: count });
    expect((await rig.answers(rig.call('', { key: 'a' }))).map(text)).toEqual(['1']);
    expect(await rig.stateOf('a')).toBe('1');
  });

  test('a hundred calls of one key at once count to a hundred, once each', async () => {
    const rig = new Rig({ emits, run: count, concurrency: 64, pods: 2 });
    const answers = await rig.answers(...Array.from({ length: 100 }, () => rig.call('', { key: 'a' })));
    expect(answers.map(answer => Number(text(answer))).sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    expect(await rig.stateOf('a')).toBe('100');
  });

  test('emits reach their topic in the order of the answers, and none of a failed call does', async () => {
    const rig = new Rig({
      emits,
      run: (_, ctx) => {
        ctx.emit('sold', 'k', ctx.value);
        if (ctx.value === 'bad') throw new Error('no');
      },
    });
    await rig.adapters.streams.ensureTopic('shop.int.sold', { partitions: 1 });
    for (const data of ['1', 'bad', '2']) await rig.answers(rig.call(data));
    await rig.clock.advance(1_000);
    expect(await rig.topic('shop.int.sold')).toEqual(['1', '2']);
  });

  test('an emit to a stream that has no topic fails the call, and nothing is kept', async () => {
    const rig = new Rig({
      emits,
      run: (_, ctx) => {
        ctx.write('k', 'v');
        ctx.emit('sold', 'k', '1');
      },
    });
    expect(await rig.answers(rig.call('x'))).toMatchObject([{ kind: 'failed', error: { code: 'FAAS_TARGET_UNKNOWN' } }]);
    expect(await rig.stateOf('k')).toBeUndefined();
  });

  test('an Idempotency-Key answers what the first call did: at once, meanwhile, and from another process', async () => {
    const rig = new Rig({ emits, run: count });
    const more = { key: 'a', idempotencyKey: 'i-1' };
    const both = await rig.answers(rig.call('', more), rig.call('', more));
    const later = await rig.answers(rig.call('', more));
    rig.calls = rig.role();
    const elsewhere = await rig.answers(rig.call('', more));
    expect([...both, ...later, ...elsewhere].map(answer => [text(answer), answer.kind === 'ok' && answer.repeated])).toEqual([
      ['1', false],
      ['1', true],
      ['1', true],
      ['1', true],
    ]);
    expect(await rig.stateOf('a')).toBe('1');
  });

  test('a failed call is not remembered: the same Idempotency-Key runs again', async () => {
    let failures = 1;
    const rig = new Rig({
      emits,
      run: (_, ctx) => {
        if (failures-- > 0) throw new Error('once');
        ctx.answer('2');
      },
    });
    const first = await rig.answers(rig.call('', { idempotencyKey: 'i' }));
    const second = await rig.answers(rig.call('', { idempotencyKey: 'i' }));
    expect([...first, ...second].map(text)).toEqual(['failed', '2']);
  });

  test('a gateway that was replaced claims its place again, and loses nothing', async () => {
    const rig = new Rig({ emits, run: count });
    const old = rig.calls;
    await rig.answers(rig.call('', { key: 'a' }));
    rig.calls = rig.role();
    await rig.answers(rig.call('', { key: 'a' }));
    const answers = await rig.answers(old.call({ ...callOf(''), key: 'a' }), rig.call('', { key: 'b' }));
    expect(answers.map(text)).toEqual(['3', '1']);
  });
});

test('a caller that gave up and calls again before the first run is committed: both have run, and one counts', async () => {
  const slow: { clock?: VirtualClock; commits: number } = { commits: 0 };
  const wrap = (state: StateStore) =>
    changed(state, {
      commit: async (...given) => {
        slow.commits += 1;
        if (slow.commits === 1) await slow.clock?.sleep(3_000);
        return state.commit(...given);
      },
    });
  const runs: string[] = [];
  const rig = new Rig({
    emits: 'outbox',
    wrap,
    run: (_, ctx) => {
      runs.push(ctx.value);
      ctx.emit('sold', 'k', ctx.value);
    },
  });
  slow.clock = rig.clock;
  await rig.adapters.streams.ensureTopic('shop.int.sold', { partitions: 1 });
  const other = rig.call('other');
  const once = { idempotencyKey: 'one', timeoutMs: 1_000 };
  expect((await rig.answers(rig.call('1', once))).map(({ kind }) => kind)).not.toEqual(['ok']);
  const again = rig.call('1', { ...once, timeoutMs: 10_000 });
  expect(await rig.answers(other, again)).toMatchObject([{ kind: 'ok' }, { kind: 'ok', repeated: true }]);
  await rig.clock.advance(1_000);
  expect(runs).toEqual(['other', '1', '1']);
  expect(await rig.topic('shop.int.sold')).toEqual(['other', '1']);
});

test('durability: strict: neither answered, nor published, nor answered again before it cannot be lost', async () => {
  let durable = false;
  const wrap = (state: StateStore) => changed(state, { verify: async (...given) => (durable ? state.verify(...given) : 'rollback') });
  const rig = new Rig({ emits: 'outbox', durability: 'strict', wrap, run: (_, ctx) => ctx.emit('sold', 'k', ctx.value) });
  await rig.adapters.streams.ensureTopic('shop.int.sold', { partitions: 1 });
  const once = { idempotencyKey: 'one', timeoutMs: 10_000 };
  expect((await rig.answers(rig.call('1', once))).map(({ kind }) => kind)).toEqual(['unavailable']);
  expect((await rig.answers(rig.call('1', once))).map(({ kind }) => kind)).toEqual(['unavailable']);
  expect(await rig.topic('shop.int.sold')).toEqual([]);
  durable = true;
  await rig.clock.advance(2_000);
  expect(await rig.topic('shop.int.sold')).toEqual(['1']);
  expect(await rig.answers(rig.call('1', once))).toMatchObject([{ kind: 'ok', repeated: true }]);
});

test('a session that ends while the log is away: its outbox waits, and nothing spins', async () => {
  let away = false;
  const wrap = (state: StateStore) =>
    changed(state, {
      commit: async (...given) => (away ? { kind: 'fenced' } : state.commit(...given)),
      claim: async (...given) => {
        if (away) throw new Error('store away');
        return state.claim(...given);
      },
    });
  const rig = new Rig({ emits: 'outbox', wrap, run: (_, ctx) => ctx.emit('sold', 'k', ctx.value) });
  await rig.adapters.streams.ensureTopic('shop.int.sold', { partitions: 1 });
  const append = rig.adapters.streams.append.bind(rig.adapters.streams);
  rig.adapters.streams.append = () => Promise.reject(new Error('broker away'));
  await rig.answers(rig.call('1'));
  away = true;
  expect(await rig.answers(rig.call('2'))).toMatchObject([{ kind: 'unavailable' }]);
  rig.adapters.streams.append = append;
  await rig.clock.advance(5_000);
  away = false;
  await rig.clock.advance(5_000);
  expect(new Set(await rig.topic('shop.int.sold'))).toEqual(new Set(['1']));
});

test('an outbox that an earlier owner left is published by the next one, though nobody calls', async () => {
  const rig = new Rig({ emits: 'outbox', run: (_, ctx) => ctx.emit('sold', 'k', ctx.value) });
  await rig.adapters.streams.ensureTopic('shop.int.sold', { partitions: 1 });
  const append = rig.adapters.streams.append.bind(rig.adapters.streams);
  rig.adapters.streams.append = async () => {
    throw new Error('broker away');
  };
  await rig.answers(rig.call('1'));
  await rig.calls.stop(0);
  rig.adapters.streams.append = append;
  rig.role();
  await rig.clock.advance(5_000);
  expect(new Set(await rig.topic('shop.int.sold'))).toEqual(new Set(['1']));
  expect((await rig.adapters.state.figures(unit)).outboxEntries).toBe(0);
});

test('a store that is away after an unknown reply: what the commit put into the outbox does not wait for the next call', async () => {
  let away = false;
  const wrap = (state: StateStore): StateStore =>
    new Proxy(state, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        return async (...args: unknown[]) => {
          if (away) throw new Error('store away');
          const answer: unknown = await Reflect.apply(member, target, args);
          if (name === 'commit') away = true;
          if (away) throw new Error('lost on the way back');
          return answer;
        };
      },
    });
  const rig = new Rig({ emits: 'outbox', wrap, run: (_, ctx) => ctx.emit('sold', 'k', ctx.value) });
  await rig.adapters.streams.ensureTopic('shop.int.sold', { partitions: 1 });
  expect(await rig.answers(rig.call('1'))).toMatchObject([{ kind: 'unavailable' }]);
  await rig.clock.advance(10_000);
  expect((await rig.adapters.state.figures(unit)).outboxEntries).toBe(1);
  away = false;
  await rig.clock.advance(1_000);
  expect(await rig.topic('shop.int.sold')).toEqual(['1']);
  expect((await rig.adapters.state.figures(unit)).outboxEntries).toBe(0);
});

test('writers that keep changing what a call read: five more runs, then a conflict', async () => {
  let runs = 0;
  const rig: Rig = new Rig({
    run: async (_, ctx) => {
      runs += 1;
      await ctx.read('shared');
      await overwrite(rig, 'shared', String(runs));
      ctx.write('mine', 'x');
    },
  });
  expect(await rig.answers(rig.call(''))).toEqual([{ kind: 'conflict', keys: ['shared'] }]);
  expect(runs).toBe(6);
});

async function overwrite({ adapters, random }: Rig, key: string, value: string): Promise<void> {
  const source = { unit, name: 'other.0' };
  const ownerToken = random.token();
  await adapters.state.claim(source, { ownerToken, brokerGeneration: 0, nowMs: 0, committedOffset: 0 });
  const nothing = { stream: '', highSeqOffset: 0, highSeqs: [], done: [], clearAttempts: [], ids: [], knownIds: [], reads: [], emits: [] };
  await adapters.state.commit(source, { ...nothing, ownerToken, ordinal: 1, id: ownerToken, writes: [{ key, value: Buffer.from(value) }] });
}

type Fault = 'none' | 'lost-before' | 'lost-after' | 'fenced';

/** A store whose commits go wrong as the list says, and then no more. */
function unreliable(state: StateStore, faults: Fault[]): StateStore {
  return new Proxy(state, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (name !== 'commit') return typeof member === 'function' ? member.bind(target) : member;
      return async (...args: Parameters<StateStore['commit']>): Promise<CommitResult> => {
        const fault = faults.shift() ?? 'none';
        if (fault === 'lost-before') throw new Error('lost before it arrived');
        if (fault === 'fenced') return { kind: 'fenced' };
        const result = await target.commit(...args);
        if (fault === 'lost-after') throw new Error('lost on the way back');
        return result;
      };
    },
  });
}

test('whatever the store does to replies, an answered call counts once, and one that was given up at most once', async () => {
  const faults = fc.array(fc.constantFrom<Fault>('none', 'none', 'lost-before', 'lost-after', 'fenced'), { maxLength: 24 });
  const keys = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(faults, keys, fc.constantFrom('inline', 'outbox'), async (wrong, called, emits) => {
      const rig = new Rig({ run: count, emits, pods: 2, wrap: state => unreliable(state, [...wrong]) });
      const answers = await rig.answers(...called.map(key => rig.call('', { key })));
      for (const key of ['a', 'b', 'c']) {
        const mine = answers.filter((_, i) => called[i] === key);
        const ok = mine.filter(answer => answer.kind === 'ok').length;
        const counted = Number((await rig.stateOf(key)) ?? 0);
        expect(counted).toBeGreaterThanOrEqual(ok);
        expect(counted).toBeLessThanOrEqual(mine.length);
        expect(mine.every(answer => answer.kind === 'ok' || answer.kind === 'unavailable')).toBe(true);
        if (ok === mine.length) expect(counted).toBe(ok);
      }
    }),
    { numRuns: 150 },
  );
});

test('a broker and then the store are away while an outbox waits: nothing is sent without a session, and all is when both are back', async () => {
  let away = false;
  const wrap = (state: StateStore) => awayWhile(state, () => away);
  const rig = new Rig({ emits: 'outbox', wrap, run: (_, ctx) => ctx.emit('sold', 'k', ctx.value) });
  await rig.adapters.streams.ensureTopic('shop.int.sold', { partitions: 1 });
  const append = rig.adapters.streams.append.bind(rig.adapters.streams);
  rig.adapters.streams.append = async () => {
    throw new Error('broker away');
  };
  expect(await rig.answers(rig.call('1'))).toMatchObject([{ kind: 'ok' }]);
  const second = rig.call('2');
  away = true;
  expect(await rig.answers(second)).toMatchObject([{ kind: 'unavailable' }]);
  await rig.clock.advance(10_000);
  rig.adapters.streams.append = append;
  away = false;
  await rig.clock.advance(5_000);
  expect(new Set(await rig.topic('shop.int.sold'))).toEqual(new Set(['1']));
  expect((await rig.adapters.state.figures(unit)).outboxEntries).toBe(0);
});

test.each([
  ['when it is looked up whether it was answered', { idempotencyKey: 'one' }, 0],
  ['when its state is read', { key: 'a' }, 0],
  ['when it is committed', { key: 'a', idempotencyKey: 'one' }, 500],
] as const)('a store that is away for 3 s costs a call time, not its answer: %s', async (_, more, handlerMs) => {
  let away = false;
  const rig: Rig = new Rig({
    wrap: state => awayWhile(state, () => away),
    run: async (event, ctx) => {
      await rig.clock.sleep(handlerMs);
      await count(event, ctx);
    },
  });
  rig.clock.after(handlerMs / 2, () => {
    away = true;
    rig.clock.after(3_000, () => {
      away = false;
    });
  });
  await rig.clock.advance(handlerMs === 0 ? 1 : 0);
  const sinceMs = rig.clock.now();
  expect((await rig.answers(rig.call('', more))).map(text)).toEqual(['1']);
  expect(rig.clock.now() - sinceMs).toBeGreaterThanOrEqual(3_000 - handlerMs);
  expect(await rig.stateOf('key' in more ? more.key : '-')).toBe('1');
});

test('a store that stays away: the caller is told so after 5 s, and the call is not run again', async () => {
  let away = false;
  let runs = 0;
  const rig: Rig = new Rig({
    wrap: state => awayWhile(state, () => away),
    run: (_, ctx) => {
      runs += 1;
      ctx.write('k', 'x');
    },
  });
  away = true;
  const sinceMs = rig.clock.now();
  const answers = await rig.answers(rig.call('', { timeoutMs: 30_000 }), rig.call('', { key: 'a', timeoutMs: 30_000 }));
  expect(answers).toEqual([
    { kind: 'unavailable', retryAfterMs: 1_000 },
    { kind: 'unavailable', retryAfterMs: 1_000 },
  ]);
  expect(rig.clock.now() - sinceMs).toBeLessThan(6_000);
  away = false;
  await rig.clock.advance(60_000);
  expect(runs).toBe(1);
});

test('while the store is away no more calls wait to be looked up than may wait for a pod, and those without a key are not refused for it', async () => {
  let away = true;
  const rig = new Rig({ wrap: state => awayWhile(state, () => away) });
  const waiting = Array.from({ length: waitingCallsMax }, (_, i) => rig.call('x', { idempotencyKey: `key-${i}` }));
  expect(await rig.answers(rig.call('x', { idempotencyKey: 'one more' }))).toEqual([{ kind: 'unavailable', retryAfterMs: 1_000 }]);
  expect((await rig.answers(rig.call('x'))).map(text)).toEqual(['"x"']);
  away = false;
  expect(new Set((await rig.answers(...waiting)).map(text))).toEqual(new Set(['"x"']));
  expect((await rig.answers(rig.call('x', { idempotencyKey: 'one more' }))).map(text)).toEqual(['"x"']);
});

test('a trim that the store refuses because somebody else has claimed the place: it is claimed again, and the rest is sent', async () => {
  let refused = 0;
  const wrap = (state: StateStore) =>
    changed(state, {
      trim: async (...given) => {
        refused += 1;
        return refused === 1 ? 'fenced' : state.trim(...given);
      },
    });
  const rig = new Rig({ emits: 'outbox', wrap, run: (_, ctx) => ctx.emit('sold', 'k', ctx.value) });
  await rig.adapters.streams.ensureTopic('shop.int.sold', { partitions: 1 });
  await rig.answers(...['1', '2', '3'].map(data => rig.call(data)));
  await rig.clock.advance(2_000);
  expect([...new Set(await rig.topic('shop.int.sold'))].sort()).toEqual(['1', '2', '3']);
  expect((await rig.adapters.state.figures(unit)).outboxEntries).toBe(0);
});

/** A store that answers nothing for as long as that holds. */
function awayWhile(state: StateStore, isAway: () => boolean): StateStore {
  return new Proxy(state, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]) => {
        if (isAway()) throw new Error('store away');
        return Reflect.apply(member, target, args);
      };
    },
  });
}

/** A store in which some methods mean something else. */
function changed(state: StateStore, changes: Partial<StateStore>): StateStore {
  return new Proxy(state, {
    get(target, name) {
      const member: unknown = Reflect.get(changes, name) ?? Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}
