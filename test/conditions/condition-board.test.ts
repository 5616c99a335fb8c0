import { expect, test } from 'vitest';
import { createMemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { ConditionBoard } from '../../controller/conditions/condition-board.ts';
import { conditionTable } from '../../controller/conditions/condition-table.ts';
import type { Finding } from '../../controller/conditions/conditions.ts';
import type { FunctionRecord, Registry } from '../../controller/ports/registry.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const unit = 'shop.totals';
const unreachable = (place: string): Finding => ({
  ...{ unit, type: 'StateUnreachable', place },
  ...{ reason: 'FAAS_STORE_UNREACHABLE', message: 'the store does not answer' },
});
const rolledBack: Finding = { unit, type: 'RolledBack', place: '', reason: 'MassFailure', message: 'r2 failed' };

function world() {
  const clock = new VirtualClock();
  const { registry, history } = createMemoryAdapters({ clock, random: seededRandom(1) });
  let isAway = false;
  const refuse = (on: boolean) => {
    isAway = on;
  };
  const ours: Pick<Registry, 'conditions' | 'setCondition' | 'removeCondition' | 'functions'> = {
    conditions: name => registry.conditions(name),
    removeCondition: (name, type) => registry.removeCondition(name, type),
    functions: async () => [{ unit } as FunctionRecord],
    async setCondition(name, condition) {
      if (isAway) throw new Error('the registry is away');
      await registry.setCondition(name, condition);
    },
  };
  const open = () => new ConditionBoard({ registry: ours, history, clock, log: silentLog });
  return { clock, registry, history, open, refuse };
}

test('a condition holds while it holds at one place, keeps its time, and is stored', async () => {
  const { clock, registry, open } = world();
  const board = open();
  board.raise(unreachable('orders.0'));
  const sinceMs = clock.now();
  await clock.advance(10);
  board.raise(unreachable('orders.1'));
  board.raise(unreachable('orders.1'));
  board.clear({ unit, type: 'StateUnreachable', place: 'orders.0' });
  await clock.advance(10);
  const expected = {
    type: 'StateUnreachable',
    status: true,
    reason: 'FAAS_STORE_UNREACHABLE',
    message: 'the store does not answer',
    sinceMs,
  };
  expect(await board.of(unit)).toStrictEqual([expected]);
  expect(await registry.conditions(unit)).toStrictEqual([expected]);
  board.clear({ unit, type: 'StateUnreachable', place: 'orders.1' });
  await clock.advance(10);
  expect(await registry.conditions(unit)).toStrictEqual([{ ...expected, status: false, sinceMs: clock.now() - 10 }]);
});

test('several places are counted in the words', async () => {
  const { open } = world();
  const board = open();
  for (const place of ['orders.0', 'orders.1', 'orders.2']) board.raise(unreachable(place));
  expect(board.holding(unit, 'StateUnreachable')?.message).toBe('the store does not answer (and at 2 more places)');
});

test('a registry that is away gets it later; until then memory is what is shown', async () => {
  const { clock, registry, open, refuse } = world();
  const board = open();
  refuse(true);
  board.raise(rolledBack);
  await clock.advance(10);
  expect(await registry.conditions(unit)).toStrictEqual([]);
  expect((await board.of(unit)).map(({ type }) => type)).toStrictEqual(['RolledBack']);
  refuse(false);
  await clock.advance(6_000);
  expect((await registry.conditions(unit)).map(({ type, status }) => [type, status])).toStrictEqual([['RolledBack', true]]);
});

test('a new process keeps decisions and clears findings', async () => {
  const { clock, registry, open } = world();
  const before = open();
  before.raise(rolledBack);
  before.raise(unreachable('orders.0'));
  await clock.advance(10);
  const after = open();
  await after.load();
  await clock.advance(10);
  expect((await registry.conditions(unit)).map(({ type, status }) => [type, status])).toStrictEqual([
    ['RolledBack', true],
    ['StateUnreachable', false],
  ]);
  expect(after.holding(unit, 'RolledBack')?.reason).toBe('MassFailure');
  after.clear({ unit, type: 'RolledBack', place: '' });
  expect(after.holding(unit, 'RolledBack')).toBeUndefined();
});

test('what each server finds by itself holds while it holds for one of them, and a server that starts clears what is its own', async () => {
  const { clock, registry, open } = world();
  const [a, b] = [open(), open()];
  await a.load('1');
  await b.load('2');
  a.raise(unreachable('orders.0'));
  await clock.advance(10);
  b.raise(unreachable('orders.1'));
  await clock.advance(10);
  const shown = async (board: ConditionBoard) => (await board.of(unit)).map(({ type, status, sinceMs }) => [type, status, sinceMs]);
  const sinceMs = clock.now() - 20;
  for (const board of [a, b]) expect(await shown(board)).toStrictEqual([['StateUnreachable', true, sinceMs]]);
  a.close();
  const next = open();
  await next.load('1');
  await clock.advance(10);
  expect(await shown(b)).toStrictEqual([['StateUnreachable', true, sinceMs + 10]]);
  b.clear({ unit, type: 'StateUnreachable', place: 'orders.1' });
  await clock.advance(10);
  for (const board of [next, b]) expect((await board.of(unit)).map(({ status }) => status)).toStrictEqual([false]);
  expect((await registry.conditions(unit)).map(({ type }) => type)).toStrictEqual(['StateUnreachable@1', 'StateUnreachable@2']);
});

test('what a server found that is gone is over for all; one that gets another name takes what it found with it', async () => {
  const { clock, registry, open } = world();
  const [a, b] = [open(), open()];
  await a.load('1');
  await b.load('2');
  for (const [index, board] of [a, b].entries()) board.raise(unreachable(`orders.${index}`));
  await clock.advance(10);
  a.close();
  b.moveTo('3');
  await clock.advance(10);
  await b.forget(['1', '2']);
  const holding = async () => (await b.of(unit)).filter(({ status }) => status).map(({ type }) => type);
  expect(await holding()).toStrictEqual(['StateUnreachable']);
  expect((await registry.conditions(unit)).map(({ type, status }) => [type, status])).toStrictEqual([
    ['StateUnreachable', false],
    ['StateUnreachable@3', true],
  ]);
  b.clear({ unit, type: 'StateUnreachable', place: 'orders.1' });
  await clock.advance(10);
  expect(await holding()).toStrictEqual([]);
});

test('a roll-back is decided for all servers, and any of them may take it back', async () => {
  const { clock, open } = world();
  const [a, b] = [open(), open()];
  await a.load('1');
  await b.load('2');
  a.raise(rolledBack);
  await clock.advance(10);
  const status = async (board: ConditionBoard) => (await board.of(unit)).map(one => `${one.type} ${one.status}`);
  expect(await status(b)).toStrictEqual(['RolledBack true']);
  b.clear(rolledBack);
  await clock.advance(10);
  for (const board of [a, b]) expect(await status(board)).toStrictEqual(['RolledBack false']);
});

test('that events fail is kept by a process that handles events, and by no other: it could not tell when that is over', async () => {
  const { clock, open } = world();
  const before = open();
  await before.load('1');
  before.raise({ unit, type: 'Failing', place: '', reason: 'MassFailure', message: 'r2 failed' });
  await clock.advance(10);
  for (const handles of [true, false]) {
    const after = open();
    await after.load('1', handles);
    await clock.advance(10);
    expect(after.holds(unit, 'Failing')).toBe(handles);
    expect((await before.of(unit)).length).toBe(1);
  }
});

test('that events fail outlives its process, whatever the next one is called', async () => {
  const { clock, open } = world();
  const before = open();
  await before.load('1');
  before.raise({ unit, type: 'Failing', place: '', reason: 'MassFailure', message: 'r2 failed' });
  await clock.advance(10);
  before.close();
  const after = open();
  await after.load('2');
  await clock.advance(10);
  await after.forget(['1']);
  expect(after.holds(unit, 'Failing')).toBe(true);
  after.clear({ unit, type: 'Failing', place: '' });
  await clock.advance(10);
  expect((await after.of(unit)).map(({ status }) => status)).toStrictEqual([false]);
});

test('each change of a status is one decision in the history', async () => {
  const { clock, history, open } = world();
  const board = open();
  for (const place of ['orders.0', 'orders.1']) board.raise(unreachable(place));
  for (const place of ['orders.0', 'orders.1']) board.clear({ unit, type: 'StateUnreachable', place });
  await clock.advance(10);
  const decisions = await history.read({ kind: 'decision', unit, limit: 10 });
  expect(decisions.map(({ data }) => [data.kind, data.type, data.status])).toStrictEqual([
    ['condition', 'StateUnreachable', true],
    ['condition', 'StateUnreachable', false],
  ]);
});

test.each(Object.entries(conditionTable))('%s is named in CamelCase and explained in sentences', (type, { meaning }) => {
  expect(type).toMatch(/^([A-Z][a-z]+)+$/);
  expect(meaning).toMatch(/^[A-Z].*\.$/);
});
