import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { gatherMs, Hub, silentMs } from '../../controller/cluster/hub.ts';
import type { PodsAnswer, PodsWish } from '../../controller/cluster/messages.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { exitOf, podOf, reportOf, reportOfUnit, unit } from './cluster-samples.ts';

let clock: VirtualClock;
let hub: Hub;
let wishes: PodsWish[];
let stop: AbortController;
let over: Promise<void>;

beforeEach(() => {
  clock = new VirtualClock();
  wishes = [];
  stop = new AbortController();
  hub = new Hub({ term: 'now', fencing: 4, clock, onWant: wish => wishes.push(wish) });
  over = hub.run(stop.signal);
});
afterEach(async () => {
  stop.abort();
  await clock.advance(1);
  await over;
});

const ask = (process: string, revision = 0, term = 'now'): Promise<PodsAnswer> =>
  hub.pods({ process, term, revision }, new AbortController().signal);
const sharesOf = async (process: string) => Object.fromEntries((await ask(process)).shares ?? []);

/** Everybody goes on reporting while time passes. */
async function pass(ms: number, ...reports: readonly Parameters<Hub['report']>[0][]): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    for (const report of reports) await hub.report(report);
    await clock.advance(Math.min(500, ms - passed));
  }
}

describe('the leader’s hub', () => {
  test('tells each process the pods of the others, and how many it is to have', async () => {
    const a = reportOf('a', { pods: [podOf('p')], replicas: new Map([[unit, 1]]) });
    await pass(gatherMs + 500, a, reportOf('b', {}), reportOf('gateway'));
    hub.scale(unit, 3);
    const [toA, toB, toGateway] = await Promise.all(['a', 'b', 'gateway'].map(name => ask(name)));
    expect([...(toA?.hosts.keys() ?? [])]).toEqual(['b']);
    expect(toB?.hosts).toEqual(new Map([['a', [podOf('p')]]]));
    expect(toGateway?.hosts).toEqual(
      new Map([
        ['a', [podOf('p')]],
        ['b', []],
      ]),
    );
    expect([toA?.shares, toB?.shares, toGateway?.shares]).toEqual([new Map([[unit, 2]]), new Map([[unit, 1]]), undefined]);
    expect(hub.counts().get(unit)).toEqual({ ready: 1, starting: 2, draining: 0 });
  });

  test('counts how many pods all processes together may have, for as long as it hears of them', async () => {
    expect(hub.podsMax()).toBe(0);
    const [a, b] = [reportOf('a', { podsMax: 10 }), reportOf('b', { podsMax: 4 })];
    await pass(500, a, b, reportOf('gateway'));
    expect(hub.podsMax()).toBe(14);
    await pass(silentMs + 1_000, a);
    expect(hub.podsMax()).toBe(10);
  });

  test('answers a question when something is new, and at the latest after 2 s', async () => {
    await hub.report(reportOf('a', {}));
    const { revision } = await ask('b');
    let answered = 0;
    const count = (): void => {
      answered += 1;
    };
    const first = ask('b', revision).then(count);
    await clock.advance(1_000);
    expect(answered).toBe(0);
    await hub.report(reportOf('a', { revision: 2, pods: [podOf('p')] }));
    await first;
    expect(answered).toBe(1);
    const second = ask('b', revision + 1).then(count);
    await clock.advance(1_999);
    expect(answered).toBe(1);
    await clock.advance(1);
    await second;
    // What is known of another term is not known of this one.
    expect((await ask('b', 1_000, 'before')).hosts.get('a')).toEqual([podOf('p')]);
  });

  test('a pod may end when all others have seen that it drains, those that are gone not counted', async () => {
    await hub.report(reportOf('a', { pods: [podOf('p')] }));
    for (const name of ['b', 'c']) await hub.report(reportOf(name));
    await hub.report(reportOf('a', { revision: 2, pods: [podOf('p', 'draining')] }));
    const { revision } = await ask('b');
    const releasedTo = async () => (await ask('a')).released;
    expect(await releasedTo()).toBe(0);
    ask('b', revision).catch(() => undefined);
    expect(await releasedTo()).toBe(0);
    for (let ms = 0; ms < silentMs; ms += 500) {
      await hub.report(reportOf('a', { revision: 2, pods: [podOf('p', 'draining')] }));
      ask('b', revision + 9).catch(() => undefined);
      await clock.advance(500);
    }
    expect(await releasedTo()).toBe(2);
  });

  test('what the leader before had decided stays, and nothing is taken away before everybody had the time to report', async () => {
    const a = reportOf('a', { replicas: new Map([[unit, 2]]) });
    const b = reportOf('b', { replicas: new Map([[unit, 1]]) });
    await hub.report(a);
    expect((await ask('a')).shares).toEqual(new Map());
    hub.scale(unit, 1);
    expect([hub.replicas(unit), await sharesOf('a')]).toEqual([2, { [unit]: 2 }]);
    await pass(gatherMs + 500, a, b);
    expect(hub.isComplete).toBe(true);
    expect([hub.replicas(unit), await sharesOf('a'), await sharesOf('b')]).toEqual([3, { [unit]: 2 }, { [unit]: 1 }]);
    hub.scale(unit, 1);
    expect([await sharesOf('a'), await sharesOf('b')]).toEqual([{ [unit]: 0 }, { [unit]: 1 }]);
  });

  test('decisions one after another, before anybody reports, leave no process with more than it can hold', async () => {
    const reports = ['a', 'b', 'c'].map(name => reportOf(name, { podsMax: 4 }));
    await pass(gatherMs + 500, ...reports);
    for (const name of ['shop.one', 'shop.two', 'shop.three', 'shop.four']) hub.scale(name, 3);
    for (const { process } of reports) {
      const shares = Object.values(await sharesOf(process));
      expect(shares.reduce((sum, pods) => sum + pods, 0)).toBeLessThanOrEqual(4);
    }
    expect(['shop.one', 'shop.two', 'shop.three', 'shop.four'].map(name => hub.replicas(name))).toEqual([3, 3, 3, 3]);
  });

  test('a process that falls silent loses its pods, and others get its share', async () => {
    const a = reportOf('a', { pods: [podOf('p')], replicas: new Map([[unit, 1]]) }, [reportOfUnit({ waiting: 4 })]);
    const b = reportOf('b', { replicas: new Map([[unit, 1]]) }, [reportOfUnit({ waiting: 1 })]);
    await pass(gatherMs + 500, a, b);
    expect(hub.reports()[0]?.waiting).toBe(5);
    await pass(silentMs + 1_000, b);
    expect((await ask('b')).hosts.size).toBe(0);
    expect(await sharesOf('b')).toEqual({ [unit]: 2 });
    expect([hub.reports()[0]?.waiting, hub.podsOf(unit)]).toEqual([1, []]);
  });

  test('a process that says that all is as it was is there; one whose differences do not fit is silent until it sends the whole', async () => {
    const nothing = { hosting: undefined, units: [], unitsGone: [], calls: [], callsGone: [] };
    const report = reportOf('a', { pods: [podOf('p')] }, [reportOfUnit({ waiting: 2 })]);
    const seen = () => [hub.reports()[0]?.waiting, hub.podsOf(unit).length];
    const tell = (sequence: number, base: number) =>
      hub.take({ kind: 'difference', process: 'a', base, sequence, difference: nothing }).then(({ holds }) => holds);
    expect((await hub.take({ kind: 'whole', sequence: 1, report })).holds).toBe(1);
    for (let sequence = 2; sequence < 10; sequence += 1) {
      await clock.advance(1_000);
      expect(await tell(sequence, sequence - 1)).toBe(sequence);
    }
    expect(seen()).toEqual([2, 1]);
    for (let sequence = 20; sequence < 25; sequence += 1) {
      expect(await tell(sequence, sequence - 1)).toBeUndefined();
      await clock.advance(1_000);
    }
    expect(seen()).toEqual([undefined, 0]);
    expect((await hub.take({ kind: 'whole', sequence: 30, report })).holds).toBe(30);
    expect(seen()).toEqual([2, 1]);
  });

  test('ends of pods are told to all, once each', async () => {
    await hub.report(reportOf('a', { exits: [exitOf('p')] }));
    await hub.report(reportOf('a', { revision: 2, exits: [exitOf('p'), exitOf('q')] }));
    expect((await ask('b')).exits).toEqual([exitOf('p'), exitOf('q')]);
    await pass(silentMs + 1_000, reportOf('c', { exits: [exitOf('r')] }));
    expect((await ask('b')).exits).toEqual([exitOf('r')]);
  });

  test('passes wishes on, and answers nobody when its time is over', async () => {
    const wish = { unit, pods: 1, reason: 'first-event' } as const;
    await hub.want(wish);
    expect(wishes).toEqual([wish]);
    await hub.report(reportOf('a'));
    const waiting = ask('a', 1_000);
    const refused = expect(waiting).rejects.toMatchObject({ code: 'FAAS_NOT_LEADING' });
    stop.abort();
    await clock.advance(1);
    await refused;
    await expect(waiting).rejects.toMatchObject({ code: 'FAAS_NOT_LEADING' });
    await expect(hub.report(reportOf('a'))).rejects.toMatchObject({ code: 'FAAS_NOT_LEADING' });
    await expect(hub.want(wish)).rejects.toMatchObject({ code: 'FAAS_NOT_LEADING' });
  });
});
