import { expect, test, vi } from 'vitest';
import { LiveBoard } from '../../controller/api/live-board.ts';
import { OpenLetters } from '../../controller/api/open-letters.ts';
import { systemClock } from '../../controller/clock.ts';
import { ConditionBoard } from '../../controller/conditions/condition-board.ts';
import { FaasError } from '../../controller/errors.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { shopManifest, startAdmin } from './start-admin.ts';

test('a function that goes live while the list is read is on the next snapshot', async () => {
  const admin = await startAdmin();
  await admin.deploy();
  const { registry, world } = admin;
  let deployLate = async () => {
    deployLate = async () => {};
    await admin.deploy(shopManifest.replace('  tax:', '  late:\n    handler: src/late.ts\n  tax:'));
  };
  const stopping = new AbortController();
  await new Promise<void>((resolve, reject) => {
    const board = new LiveBoard({
      letters: new OpenLetters(admin),
      registry: {
        functions: async () => {
          const read = await registry.functions();
          await deployLate();
          return read;
        },
        watch: onChange => registry.watch(onChange),
      },
      scale: { inputs: unit => world.scales.get(unit), partitions: () => [] },
      dispatcher: { report: () => [] },
      conditions: new ConditionBoard({ ...admin, clock: systemClock, log: silentLog }),
      clock: {
        now: () => systemClock.now(),
        after: (delayMs, callback) => systemClock.after(delayMs, callback),
        // The first turn is over: its reading was overtaken by the deployment.
        sleep: async () => {
          expect((await board.snapshot()).functions.map(one => one.name)).toEqual(['customer-totals', 'late', 'tax']);
          stopping.abort();
        },
      },
    });
    void board.run(stopping.signal).then(resolve, reject);
  });
  await admin.close();
});

test('what several servers have found is shown once, under its own name', async () => {
  const admin = await startAdmin();
  await admin.deploy();
  const { world } = admin;
  const boards = ['1', '2'].map(() => new ConditionBoard({ ...admin, clock: systemClock, log: silentLog }));
  for (const [index, conditions] of boards.entries()) {
    await conditions.load(String(index + 1));
    conditions.raise({
      unit: 'shop.tax',
      type: 'StateUnreachable',
      place: 'orders.0',
      reason: 'FAAS_STORE_UNREACHABLE',
      message: 'no answer',
    });
  }
  const [first] = boards;
  if (first === undefined) throw new Error('there is a board');
  const board = new LiveBoard({
    letters: new OpenLetters(admin),
    registry: admin.registry,
    scale: { inputs: unit => world.scales.get(unit), partitions: () => [] },
    dispatcher: { report: () => [] },
    conditions: first,
    clock: systemClock,
  });
  await vi.waitFor(async () => expect(await admin.registry.conditions('shop.tax')).toHaveLength(2));
  const { functions } = await board.snapshot();
  expect(functions.find(({ name }) => name === 'tax')?.conditions.map(({ type }) => type)).toEqual(['StateUnreachable']);
  await admin.close();
});

test('dead letters that cannot be read are not known, and all else is shown', async () => {
  const admin = await startAdmin();
  await admin.deploy();
  const { registry, state, streams, world } = admin;
  const board = new LiveBoard({
    letters: new OpenLetters({
      state,
      streams: {
        describeTopic: async topic => {
          if (topic === 'faas.shop.tax.dlq') throw new FaasError('FAAS_KAFKA_FORBIDDEN', `no right to ${topic}`, 'Grant it.');
          return streams.describeTopic(topic);
        },
        bounds: topic => streams.bounds(topic),
        read: (topic, ...place) => streams.read(topic, ...place),
      },
    }),
    registry,
    scale: { inputs: unit => world.scales.get(unit), partitions: () => [] },
    dispatcher: { report: () => [] },
    conditions: new ConditionBoard({ ...admin, clock: systemClock, log: silentLog }),
    clock: systemClock,
  });
  const { functions } = await board.snapshot();
  expect(functions.map(({ name, deadLetters }) => [name, deadLetters])).toEqual([
    ['customer-totals', 0],
    ['tax', undefined],
  ]);
  await admin.close();
});
