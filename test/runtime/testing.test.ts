import { type BatchContext, BatchFailure, type Context, type FaasEvent, NonRetryableError } from 'faas';
import { run, type TestEvent } from 'faas/testing';
import { describe, expect, test } from 'vitest';

interface Order {
  readonly total: number;
}
interface Totals {
  readonly count: number;
  readonly sum: number;
}

const totals = {
  default: async (event: FaasEvent<Order>, ctx: Context<Totals>) => {
    const state = (await ctx.state.get()) ?? { count: 0, sum: 0 };
    const next = { count: state.count + 1, sum: state.sum + event.data.total };
    ctx.state.set(next);
    if (next.sum > 10) ctx.emit('vips', event.key, { sum: next.sum }, { type: 'vip', headers: { 'x-a': '1' } });
    ctx.log.info('counted', { count: next.count });
    return next.count;
  },
};

describe('faas/testing', () => {
  test('state goes from event to event, per key; emits, answers and logs are in the report', async () => {
    const report = await run(
      totals,
      [
        { key: 'ann', data: { total: 7 } },
        { key: 'bob', data: { total: 1 } },
        { key: 'ann', data: { total: 5 } },
      ],
      { emits: ['vips'], state: { bob: { count: 1, sum: 1 } } },
    );
    expect(report.state).toEqual({ ann: { count: 2, sum: 12 }, bob: { count: 2, sum: 2 } });
    expect(report.emits).toEqual([{ stream: 'vips', key: 'ann', data: { sum: 12 }, type: 'vip', headers: { 'x-a': '1' } }]);
    expect(report.results).toEqual([1, 2, 2].map(answer => ({ kind: 'ok', answer })));
    expect(report.logs[0]).toEqual({ level: 'info', message: 'counted', fields: { count: 1 } });
  });

  test('an undeclared emit fails the event, and leaves nothing of it behind', async () => {
    const { results, state, emits } = await run(totals, [{ key: 'ann', data: { total: 11 } }]);
    expect(results).toMatchObject([{ kind: 'failed', reason: 'undeclared', retryable: false, error: { code: 'FAAS_UNDECLARED' } }]);
    expect([state, emits]).toEqual([{}, []]);
  });

  test.each([
    [
      'an error',
      () => {
        throw new Error('no');
      },
      { kind: 'failed', reason: 'error', retryable: true, error: { message: 'no' } },
    ],
    [
      'a NonRetryableError',
      () => {
        throw new NonRetryableError('never');
      },
      { kind: 'failed', retryable: false },
    ],
    ['state without a key', (_: FaasEvent, ctx: Context) => ctx.state.get(), { kind: 'failed', error: { code: 'FAAS_STATE_NO_KEY' } }],
    [
      'a call that is not awaited',
      (_: FaasEvent, ctx: Context) => {
        void ctx.call('tax', null, 1);
      },
      { kind: 'failed', reason: 'floating-call' },
    ],
    ['a handler that never ends', () => new Promise<void>(() => {}), { kind: 'failed', reason: 'timeout' }],
  ])('%s', async (_, handler, expected) => {
    const { results } = await run({ default: handler }, [{}], { calls: { tax: () => 1 }, timeoutMs: 50 });
    expect(results).toMatchObject([expected]);
  });

  test('calls go to stubs, which see what was sent; starts are in the report', async () => {
    const handler = async (event: FaasEvent<number>, ctx: Context) => {
      ctx.start('audit', 'k', { n: event.data });
      return [
        await ctx.call<number>('tax', event.key, event.data),
        await ctx.call('billing.fail', null, 1).catch((error: Error) => error.message),
      ];
    };
    const stubs = {
      tax: (data: unknown) => Number(data) * 2,
      audit: () => undefined,
      'billing.fail': () => {
        throw new Error('closed');
      },
    };
    const report = await run({ default: handler }, [{ key: 'a', data: 21 }], { calls: stubs });
    expect(report.results).toEqual([{ kind: 'ok', answer: [42, 'closed'] }]);
    expect(report.calls).toEqual([
      { target: 'test.tax', key: 'a', data: 21 },
      { target: 'billing.fail', key: null, data: 1 },
    ]);
    expect(report.starts).toEqual([{ id: 'test/0:start:1', target: 'test.audit', key: 'k', data: { n: 21 } }]);
  });

  test('time stands still where the test puts it', async () => {
    const handler = (event: FaasEvent, ctx: Context) => [event.time, ctx.deadline];
    const { results } = await run({ default: handler }, [{ data: 1 }], { now: new Date('2030-05-01T00:00:00Z'), timeoutMs: 1_000 });
    expect(results).toEqual([{ kind: 'ok', answer: ['2030-05-01T00:00:00.000Z', Date.parse('2030-05-01T00:00:01Z')] }]);
  });

  test('a batch handler gets all events in one call, and names those that failed', async () => {
    const batch = async (events: readonly FaasEvent<number>[], ctx: BatchContext<number>) => {
      for (const event of events) {
        const sum = ctx.stateOf('sum', event);
        if (event.data > 0) sum.set(((await sum.get()) ?? 0) + event.data);
      }
      throw new BatchFailure([{ index: 1, reason: 'negative' }]);
    };
    const { results, state } = await run({ batch }, [{ data: 1 }, { data: -1 }, { data: 3 }]);
    expect(results.map(({ kind }) => kind)).toEqual(['ok', 'failed', 'ok']);
    expect(state).toEqual({ sum: 4 });
  });

  test('init runs before the first event, shutdown after the last, and schemas are checked', async () => {
    const order: string[] = [];
    const module = {
      init: () => void order.push('init'),
      shutdown: () => void order.push('shutdown'),
      default: () => void order.push('event'),
    };
    const events: TestEvent[] = [
      { stream: 'orders', data: 1 },
      { stream: 'orders', data: 'x' },
    ];
    const { results } = await run(module, events, { schemas: { orders: data => typeof data === 'number' || ['must be number'] } });
    expect(order).toEqual(['init', 'event', 'shutdown']);
    expect(results[1]).toMatchObject({ kind: 'failed', reason: 'schema' });
  });
});
