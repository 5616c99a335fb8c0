import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Conditions } from '../../controller/conditions/conditions.ts';
import { Breaker, breakerBounds } from '../../controller/dispatch/breaker.ts';
import { parseDeadLetter } from '../../controller/dispatch/dead-letter.ts';
import type { PendingEvent } from '../../controller/dispatch/pending-event.ts';
import { DispatchWorld, liveFunction } from '../support/dispatch-world.ts';
import { Failure, type MemoryFunction, PodCrash } from '../support/memory-pod-client.ts';

const doom = { reason: 'error', error: { code: 'FAAS_HANDLER_ERROR', name: 'Error', message: 'boom', stack: undefined } };
const event = () => ({ failedInEpoch: 0 }) as PendingEvent;

function fed(outcomes: string): Breaker {
  const breaker = new Breaker();
  for (const outcome of outcomes) {
    if (outcome === 'x') breaker.failed(event(), doom, 0, 'r1');
    else breaker.wentWell(event(), 0);
  }
  return breaker;
}

test.each([
  ['nothing', '', false],
  ['19 failures', 'x'.repeat(19), false],
  ['20 failures', 'x'.repeat(20), true],
  ['18 of 20', `..${'x'.repeat(18)}`, true],
  ['17 of 20', `...${'x'.repeat(17)}`, false],
  ['18 after a long time of health', `${'.'.repeat(100)}${'x'.repeat(18)}`, true],
  ['17 after a long time of health', `${'.'.repeat(100)}${'x'.repeat(17)}`, false],
])('%s: open %s → %s', (_, outcomes, isOpen) => expect(fed(outcomes).isOpen).toBe(isOpen));

test('law: it is open exactly when 18 of some 20 outcomes in a row were failures', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 120 }), failures => {
      const text = failures.map(failed => (failed ? 'x' : '.')).join('');
      const isOpen = failures.some(
        (_, at) => failures.slice(at, at + 20).length === 20 && failures.slice(at, at + 20).filter(Boolean).length >= 18,
      );
      expect(fed(text).isOpen).toBe(isOpen);
    }),
  );
});

test('an event that fails again and again counts once', () => {
  const breaker = new Breaker();
  const one = event();
  for (let i = 0; i < 50; i += 1) breaker.failed(one, doom, 0, 'r1');
  expect(breaker.isOpen).toBe(false);
});

test('single events that go well in a row close it; one that fails makes the next one wait longer', () => {
  const breaker = fed('x'.repeat(20));
  const probe = (well: boolean, nowMs: number) => {
    const one = event();
    breaker.probing(one);
    if (well) breaker.wentWell(one, nowMs);
    else breaker.failed(one, doom, nowMs, 'r1');
    return breaker.probeAtMs;
  };
  expect(breaker.probeAtMs).toBe(250);
  expect(probe(false, 250)).toBe(750);
  expect(probe(false, 750)).toBe(1_750);
  expect(breaker.failing?.probesFailed).toBe(2);
  expect(probe(true, 2_000)).toBe(2_000);
  expect(probe(false, 2_000)).toBeGreaterThan(3_000);
  for (const nowMs of [9_000, 9_001, 9_002]) probe(true, nowMs);
  expect(breaker.isOpen).toBe(false);
});

test('what was sent before it opened decides nothing any more', () => {
  const breaker = fed('x'.repeat(20));
  breaker.probing(event());
  for (let i = 0; i < 10; i += 1) breaker.wentWell(event(), 1);
  expect(breaker.isOpen).toBe(true);
});

test('another revision begins with a clean slate, but for one that follows on a failing one', () => {
  const healthy = fed('x'.repeat(19));
  healthy.revised(0);
  healthy.failed(event(), doom, 0, 'r1');
  expect(healthy.isOpen).toBe(false);
  const failing = fed('x'.repeat(20));
  failing.revised(7);
  expect([failing.isOpen, failing.probeAtMs, failing.failing?.probesFailed]).toStrictEqual([true, 7, 0]);
});

const bad: Record<string, MemoryFunction['run']> = {
  'throws, one attempt': () => {
    throw new Error('boom');
  },
  'says that nothing can succeed': () => {
    throw new Failure('undeclared', false);
  },
  'throws, with attempts left': () => {
    throw new Error('boom');
  },
};

describe('a bad revision on a backlog of 10 000', () => {
  test.each(Object.keys(bad))('%s: at most 20 dead letters, and all is handled after the roll-back', async name => {
    const world = new DispatchWorld();
    const retry = {
      attempts: name.includes('attempts left') ? 3 : 1,
      backoffMs: { min: 200, max: 30_000 },
      maxCrashes: 3,
      onExhausted: 'dlq',
    } as const;
    const old = liveFunction('totals', { retry });
    const handled = new Set<string>();
    const run: MemoryFunction = {
      handler: 'event',
      concurrency: 100,
      run: async (one, ctx) => {
        if (world.pods.podsOf(old.unit).find(({ pod }) => pod.id === ctx.podId)?.revision === 'r2-bad') await bad[name]?.(one, ctx);
        if (handled.has(ctx.value)) throw new Error(`${ctx.value} twice`);
        handled.add(ctx.value);
      },
    };
    await world.deploy({ ...old, revision: 'r2-bad' }, run);
    await world.append(
      'orders',
      Array.from({ length: 10_000 }, (_, index) => ({ key: `k${index % 500}`, value: String(index) })),
    );
    await world.clock.advance(10_000);
    expect(world.dispatcher.report()[0]?.failing?.probesFailed).toBeGreaterThanOrEqual(3);
    await world.deploy(old, run);
    for (const id of world.pods.podIds(old.unit)) world.pods.end(id, 'stopped');
    await world.settle(120_000);
    const letters = (await world.records(old.deadLetterTopic)).map(record => parseDeadLetter(record));
    expect(letters.length).toBeLessThanOrEqual(breakerBounds.events);
    expect(handled.size + letters.length).toBe(10_000);
    expect(world.dispatcher.report()[0]?.failing).toBeUndefined();
    await world.stop();
  });

  test('the condition names the revision under which they failed, also when another one is live again', async () => {
    const told: string[] = [];
    const raise: Conditions['raise'] = ({ message }) => told.push(message);
    const world = new DispatchWorld({ conditions: { raise, clear() {}, holds: () => false } });
    const good = liveFunction('totals');
    const run: MemoryFunction = {
      handler: 'event',
      concurrency: 10,
      run: () => {
        throw new Error('boom');
      },
    };
    await world.deploy({ ...good, revision: 'r2-bad' }, run);
    await world.append(
      'orders',
      Array.from({ length: 100 }, (_, index) => ({ key: `k${index}`, value: '' })),
    );
    await world.clock.advance(200);
    expect(told.at(-1)).toMatch(/^20 of the last 20 events failed under r2-bad: /);
    for (const id of world.pods.podIds(good.unit)) world.pods.end(id, 'stopped');
    told.length = 0;
    world.dispatcher.update([good]);
    await world.clock.advance(1);
    expect(told.at(-1)).toMatch(/^20 of the last 20 events failed under r2-bad: /);
    world.pods.start(good.unit, good.revision, run);
    await world.clock.advance(100);
    expect(told.at(-1)).toMatch(/^20 of the last 20 events failed under r2-bad, and 1 single event since then under r1-00000000: /);
    await world.stop();
  });

  test('who failed before and has no partitions any more does not say for ever that it fails', async () => {
    const told: string[] = [];
    const clear: Conditions['clear'] = ({ type }) => told.push(type);
    const world = new DispatchWorld({ conditions: { raise() {}, clear, holds: (_, type) => type === 'Failing' } });
    const live = liveFunction('totals');
    await world.adapters.streams.ensureTopic('orders', { partitions: 1 });
    const first = { group: live.group, topics: ['orders'], onAssigned() {}, onRevoked() {}, onLost() {} };
    const member = await world.adapters.streams.join(first);
    await world.deploy(live);
    await world.clock.advance(59_000);
    expect([world.dispatcher.report()[0]?.failing?.failed, told.includes('Failing')]).toEqual([breakerBounds.failed, false]);
    await world.clock.advance(2_000);
    expect([world.dispatcher.report()[0]?.failing, told.includes('Failing')]).toEqual([undefined, true]);
    await member.leave();
    await world.stop();
  });

  test('every event ends its pod: nothing is dead-lettered before it is seen', async () => {
    const world = new DispatchWorld();
    const live = liveFunction('totals');
    await world.deploy(live, {
      handler: 'event',
      concurrency: 10,
      run: () => {
        throw new PodCrash();
      },
    });
    await world.append(
      'orders',
      Array.from({ length: 200 }, (_, index) => ({ key: `k${index}`, value: String(index) })),
    );
    await world.clock.advance(120_000);
    expect(world.dispatcher.report()[0]?.failing).toBeDefined();
    expect((await world.records(live.deadLetterTopic)).length).toBeLessThanOrEqual(breakerBounds.events);
    await world.stop();
  });
});
