import { expect, test } from 'vitest';
import { eventually } from '../shop-run.ts';
import type { FaultWorld } from './fault-world.ts';
import { runs } from './runs.ts';
import { exact } from './verdict.ts';

const limit = { timeout: 240_000 };
const backlogEvents = 10_000;
const lettersMax = 20;
const batchEvents = 500;
/** Alone; the one before was in company, unless it was alone by chance. */
const crashesMin = 3;
const crashesMax = 4;

/** What becomes of events that fail. The last word on the ledger's revision is theirs. */
export function failureCases(bank: () => FaultWorld): void {
  /** Orders come while the ledger has no pod, so that it finds all of them at once. */
  async function whileItRests(world: FaultWorld, work: () => Promise<void>): Promise<void> {
    await world.mustRun(['scale', 'set', 'bank.ledger', '--replicas', '0', '--for', '10m']);
    await eventually(async () => (await world.readyPods()) === 0);
    await work();
    await world.mustRun(['scale', 'clear', 'bank.ledger']);
  }

  test(
    `a bad revision on a backlog of ${backlogEvents}: at most ${lettersMax} dead letters, rolled back, and all handled after`,
    limit,
    async () => {
      const world = bank();
      let backlog = await world.backlog({ count: 0, keys: 1 });
      await whileItRests(world, async () => {
        backlog = await world.backlog({ count: backlogEvents, keys: 50, isOrdered: false });
        await world.deploy({ LEDGER: 'broken' });
      });
      await eventually(async () => (await world.conditions()).has('RolledBack'));
      const { all } = await world.letters();
      const verdict = await world.verdict(
        `a bad revision on a backlog of ${backlogEvents}, ${all} dead letters before it was rolled back`,
        backlog,
      );
      expect(verdict, world.server.output).toMatchObject({ ...exact, deadLetters: all });
      expect(all).toBeLessThanOrEqual(lettersMax);
      expect(await world.letters()).toMatchObject({ open: 0 });
    },
  );

  test(
    `an order in ${batchEvents} that ends its process: at most ${crashesMax} crashes, one dead letter, the rest once`,
    limit,
    async () => {
      const world = bank();
      await world.deploy({ BATCH: `${batchEvents}` });
      for (let run = 1; run <= runs(5); run += 1) {
        const place = Math.floor(Math.random() * batchEvents);
        const crashesBefore = await world.crashes();
        let batch = await world.backlog({ count: 0, keys: 1 });
        await whileItRests(world, async () => {
          const more = (at: number) => (at === place ? { trouble: 'poison' } : {});
          batch = await world.backlog({ count: batchEvents, keys: 40, partition: 0, more });
        });
        const others = { ...batch, orders: batch.orders.filter((_, at) => at !== place) };
        await eventually(async () => (await world.letters()).all > 0);
        const verdict = await world.verdict(`poison at place ${place} of ${batchEvents}`, others);
        expect(verdict, world.server.output).toMatchObject({ ...exact, deadLetters: 1 });
        const crashes = (await world.crashes()) - crashesBefore;
        process.stdout.write(`${crashes} crashes\n`);
        expect(crashes).toBeGreaterThanOrEqual(crashesMin);
        expect(crashes).toBeLessThanOrEqual(crashesMax);
      }
    },
  );

  test('onExhausted: park holds back one key alone, which is handled in its order when it is replayed', limit, async () => {
    const world = bank();
    await world.deploy({ ON_EXHAUSTED: 'park' });
    const [keys, firstSick] = [6, 12];
    const backlog = await world.backlog({ count: 120, keys, more: at => (at === firstSick ? { trouble: 'sick' } : {}) });
    const held = backlog.orders.filter(({ key }, at) => at >= firstSick && key === backlog.orders[firstSick]?.key);
    const sickKey = held[0]?.key ?? '';
    const handled = async () => [...(await world.found(backlog)).ledger.values()].reduce((sum, { log }) => sum + log.length, 0);
    await eventually(async () => (await handled()) === backlog.orders.length - held.length);
    await eventually(async () => (await world.conditions()).has('Parked'));
    const listed = await world.mustRun(['parked', 'list', 'bank.ledger', '--output', 'json']);
    expect(JSON.parse(listed)).toMatchObject({ keys: [{ key: sickKey, events: held.length }] });
    await world.deploy({ ON_EXHAUSTED: 'park', LEDGER: 'mended' });
    await world.mustRun(['parked', 'replay', 'bank.ledger', sickKey]);
    const verdict = await world.verdict(`a parked key, ${held.length} orders held`, backlog);
    expect(verdict, world.server.output).toMatchObject(exact);
    expect(await world.mustRun(['parked', 'list', 'bank.ledger'])).toContain('no key is parked');
    await eventually(async () => !(await world.conditions()).has('Parked'));
  });
}
