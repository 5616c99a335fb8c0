import { afterEach, expect, test } from 'vitest';
import { batchEvent, batchOf, startPod, type TestPod, text } from './pod-fixture.ts';

let pod: TestPod | undefined;
afterEach(async () => {
  await pod?.close();
  pod = undefined;
});

test('a generic pod becomes a function by loading it, and answers each event of a batch', async () => {
  pod = await startPod();
  expect(await pod.load('export default event => event.data * 2')).toMatchObject({ kind: 'ready', handler: 'event' });
  const { end, results, outcomes } = await pod.run(batchOf([0, 1, 2].map(index => batchEvent(index, 10 + index, { trigger: 'call' }))));
  expect(end).toEqual({ kind: 'done' });
  expect(results.map(({ index }) => index)).toEqual([0, 1, 2]);
  expect([...outcomes.values()].map(outcome => outcome.kind === 'ok' && text(outcome.answer))).toEqual(['20', '22', '24']);
});

test('state that came with the batch is read with its version, and what was written and emitted goes back', async () => {
  pod = await startPod();
  await pod.load(`export default async (event, ctx) => {
    const state = (await ctx.state.get()) ?? { count: 0 };
    ctx.state.set({ count: state.count + event.data });
    if (state.count > 0) ctx.emit('vips', event.key, { total: state.count });
  }`);
  const key = new TextEncoder().encode('a');
  const batch = batchOf([batchEvent(0, 5, { key }), batchEvent(1, 7, { key })], {
    state: [{ key: 'a', version: 'c1:0', value: new TextEncoder().encode('{"count":1}') }],
  });
  const { outcomes } = await pod.run(batch);
  const [first, second] = [outcomes.get(0), outcomes.get(1)];
  if (first?.kind !== 'ok' || second?.kind !== 'ok') throw new Error(JSON.stringify([...outcomes]));
  expect(first.reads).toEqual([{ key: 'a', version: 'c1:0' }]);
  expect(second.reads).toEqual([{ key: 'a', version: '@0' }]);
  expect(text(first.writes[0]?.value)).toBe('{"count":6}');
  expect(text(second.writes[0]?.value)).toBe('{"count":13}');
  expect(second.emits.map(emit => [emit.kind, emit.target, text(emit.key), text(emit.value)])).toEqual([
    ['emit', 'vips', 'a', '{"total":6}'],
  ]);
});

test("an emit that the text of another's type makes does not get into its record", async () => {
  pod = await startPod();
  await pod.load(`export default (_, ctx) => {
    ctx.emit('vips', 'outer', 1, { type: { toString: () => (ctx.emit('vips', 'inner', 2), 'odd') } });
  }`);
  const { outcomes } = await pod.run(batchOf([batchEvent(0, 5)]));
  const outcome = outcomes.get(0);
  if (outcome?.kind !== 'ok') throw new Error(JSON.stringify([...outcomes]));
  expect(outcome.emits.map(({ key, value, type }) => [text(key), text(value), type])).toEqual([
    ['inner', '2', undefined],
    ['outer', '1', 'odd'],
  ]);
});
