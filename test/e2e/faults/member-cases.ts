import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { respFrame, startFaultProxy } from '../../services/fault-proxy.ts';
import { eventually } from '../shop-run.ts';
import { commits, type FaultWorld, once, sessionMs } from './fault-world.ts';
import { runs } from './runs.ts';
import { exact } from './verdict.ts';

const limit = { timeout: 240_000 };
const freezes = runs(3);
const churnMs = 20_000;
const stallMsMax = 15_000;
const slowKey = 'slow/one';
const slowMs = 4 * sessionMs;

export function memberCases(bank: () => FaultWorld): void {
  const hasMembers = (count: number) => eventually(async () => (await bank().members()).length === count);

  test('SIGSTOP of a server for longer than its session, then SIGCONT: nothing twice, and it joins again by itself', limit, async () => {
    const world = bank();
    const line = await startFaultProxy({ target: { port: world.redis.port }, frameEnd: respFrame });
    const verdict = await world
      .withAnother({ FAAS_STATE: `redis://127.0.0.1:${line.port}` }, async frozen => {
        await hasMembers(2);
        const load = world.load();
        for (let i = 0; i < freezes; i += 1) {
          // A commit of what others handle meanwhile arrives after their takeover.
          line.hold(once(commits()));
          await eventually(async () => line.held > 0);
          frozen.freeze();
          await hasMembers(1);
          await sleep(sessionMs);
          await line.release();
          frozen.thaw();
          await hasMembers(2);
        }
        return world.verdict(`SIGSTOP of a server, ${freezes} times`, load);
      })
      .finally(() => line.close());
    expect(verdict, world.server.output).toMatchObject({ ...exact, attemptsCounted: 0 });
  });

  test('servers join and leave for 20 s: no stall over 15 s', limit, async () => {
    const world = bank();
    const load = world.load();
    let changes = 0;
    for (const untilMs = performance.now() + churnMs; performance.now() < untilMs; changes += 2) {
      await world.withAnother({}, () => sleep(Math.random() * 2_000));
    }
    const verdict = await world.verdict(`servers joined and left, ${changes} changes`, load);
    expect(verdict, world.server.output).toMatchObject({ ...exact, attemptsCounted: 0 });
    expect(verdict.silenceMs).toBeLessThan(stallMsMax);
  });

  test('a handler that takes several sessions: no rebalance, and its neighbours go on', limit, async () => {
    const world = bank();
    await hasMembers(1);
    const before = await world.members();
    const load = world.load();
    await world.order({ id: 'slow-1', key: slowKey, restMs: slowMs });
    await sleep(2 * sessionMs);
    expect((await world.logOf(slowKey)).length).toBe(0);
    await eventually(async () => (await world.logOf(slowKey)).length > 0);
    const verdict = await world.verdict('a handler of four sessions', load);
    expect(verdict, world.server.output).toMatchObject({ ...exact, attemptsCounted: 0 });
    expect(verdict.silenceMs).toBeLessThan(slowMs);
    expect(await world.logOf(slowKey)).toMatchObject([['slow-1', expect.any(Number), 1]]);
    expect(await world.members()).toEqual(before);
  });
}
