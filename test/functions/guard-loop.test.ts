import { expect, test } from 'vitest';
import { createMemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { ConditionBoard } from '../../controller/conditions/condition-board.ts';
import type { FailingReport, UnitReport } from '../../controller/dispatch/dispatcher.ts';
import type { DeployResult } from '../../controller/functions/deployments.ts';
import { runGuard } from '../../controller/functions/guard-loop.ts';
import type { FunctionRecord, RevisionRecord } from '../../controller/ports/registry.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const unit = 'shop.totals';
const last = { reason: 'error', error: { code: 'FAAS_HANDLER_ERROR', name: 'Error', message: 'boom', stack: undefined } };

function world(result: DeployResult) {
  const clock = new VirtualClock();
  const { registry, history } = createMemoryAdapters({ clock, random: seededRandom(1) });
  const revisions = [1, 2].map(counter => ({ id: `r${counter}`, counter, unit }) as RevisionRecord);
  const record = { unit, live: revisions[1], previousLive: 'r1', activatedAtMs: clock.now() } as FunctionRecord;
  const conditions = new ConditionBoard({ registry, history, clock, log: silentLog });
  const made = {
    functions: [record],
    failing: undefined as FailingReport | undefined,
    rolledBack: [] as string[],
    replayed: [] as string[],
  };
  const stop = new AbortController();
  const running = runGuard(
    {
      registry: { functions: async () => made.functions, revisions: async () => revisions },
      deployments: {
        async rollBack(name, to, from) {
          made.rolledBack.push(`${name} ${to}`);
          expect(from).toBe(record.live.id);
          if (result.kind === 'deployed') {
            made.functions = [{ ...record, live: { ...record.live, id: 'r1', counter: 1 }, activatedAtMs: clock.now() }];
            made.failing = undefined;
          }
          return result;
        },
      },
      conditions,
      history,
      clock,
      log: silentLog,
      report: () => [{ unit, failing: made.failing } as UnitReport],
      replay: async (name, revision) => made.replayed.push(`${name} ${revision}`) * 7,
    },
    stop.signal,
  );
  const decisions = async () =>
    (await history.read({ kind: 'decision', unit, limit: 50 })).map(({ data }) => data).filter(data => data.kind === 'rollback');
  const end = async () => {
    stop.abort();
    await running;
  };
  return { clock, conditions, made, decisions, stop: end };
}

const failing = (clock: VirtualClock): FailingReport => ({
  sinceMs: clock.now(),
  failed: 20,
  of: 20,
  probesFailed: 3,
  last,
  revision: 'r2',
});

test('a failing revision is rolled back once, its dead letters are sent back, and condition and history say why', async () => {
  const { clock, conditions, made, decisions, stop } = world({ kind: 'deployed', functions: [], warnings: [] });
  made.failing = failing(clock);
  await clock.advance(5_000);
  expect(made.rolledBack).toStrictEqual(['shop.totals r1']);
  expect(made.replayed).toStrictEqual(['shop.totals r2']);
  expect(conditions.holding(unit, 'RolledBack')).toMatchObject({
    reason: 'MassFailure',
    message: expect.stringContaining('r1 is live again, and 7 dead letters'),
  });
  expect(await decisions()).toMatchObject([{ from: 'r2', to: 'r1', reason: 'MassFailure', failed: 20, of: 20, replayed: 7 }]);
  made.functions = made.functions.map(one => ({ ...one, activatedAtMs: clock.now() }));
  await clock.advance(2_000);
  expect(conditions.holding(unit, 'RolledBack')).toBeUndefined();
  await stop();
});

test('without an older revision it stays as it is, and the history says so once', async () => {
  const { clock, made, decisions, stop } = world({ kind: 'deployed', functions: [], warnings: [] });
  made.functions = made.functions.map(one => ({ ...one, previousLive: undefined }));
  await clock.advance(1);
  made.failing = failing(clock);
  await clock.advance(10_000);
  expect(made.rolledBack).toStrictEqual([]);
  expect(await decisions()).toMatchObject([{ action: 'stay', reason: 'NoOlderRevision', revision: 'r2' }]);
  await stop();
});

test('a roll-back that is refused is recorded, and nothing is sent back', async () => {
  const problem = { unit, code: 'FAAS_LOAD_INIT', message: 'init threw', hint: undefined };
  const { clock, made, decisions, stop } = world({ kind: 'refused', problems: [problem] });
  made.failing = failing(clock);
  await clock.advance(500);
  expect(made.replayed).toStrictEqual([]);
  expect(await decisions()).toMatchObject([{ from: 'r2', to: 'r1', refused: [problem] }]);
  await stop();
});
