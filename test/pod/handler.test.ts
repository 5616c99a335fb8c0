import { afterEach, expect, test } from 'vitest';
import { wireLimits } from '../../runtime/protocol/messages.ts';
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

const odd = `const circle = {}; circle.self = circle;
  const returned = { bigint: 1n, circle, fn: () => 1, large: 'x'.repeat(${2 * wireLimits.answerBytesMax}), plain: { ok: 1 } };
  export default (event, ctx) => { ctx.emit('vips', null, event.data); return returned[event.data]; }`;

test.each([
  ['a stream event', { trigger: 'stream' }],
  ['a webhook that was answered before', { trigger: 'webhook', noAnswer: true }],
  ['a call that nobody waits for', { trigger: 'call', noAnswer: true }],
] as const)('what a handler returns for %s may be anything: it is not sent', async (_, how) => {
  pod = await startPod();
  await pod.load(odd, { concurrency: 4 });
  const { outcomes } = await pod.run(batchOf(['bigint', 'circle', 'fn', 'large', 'plain'].map((data, i) => batchEvent(i, data, how))));
  expect([...outcomes.values()].map(outcome => (outcome.kind === 'ok' ? [outcome.answer, outcome.emits.length] : outcome))).toEqual(
    Array.from({ length: 5 }, () => [undefined, 1]),
  );
});

test.each(['call', 'webhook'] as const)(
  'what a handler returns for a %s that somebody waits for fails the event when it cannot be sent',
  async trigger => {
    pod = await startPod();
    await pod.load(odd, { concurrency: 4 });
    const { outcomes } = await pod.run(
      batchOf(['bigint', 'circle', 'fn', 'large', 'plain'].map((data, i) => batchEvent(i, data, { trigger, noAnswer: false }))),
    );
    const said = [0, 1, 2, 3, 4].map(index => {
      const outcome = outcomes.get(index);
      if (outcome?.kind === 'ok') return text(outcome.answer);
      return outcome?.kind === 'failed' ? [outcome.reason, outcome.error.code] : outcome?.kind;
    });
    expect(said).toEqual([
      ['error', 'FAAS_ANSWER_NOT_JSON'],
      ['error', 'FAAS_ANSWER_NOT_JSON'],
      ['error', 'FAAS_ANSWER_NOT_JSON'],
      ['too-large', 'FAAS_ANSWER_TOO_LARGE'],
      '{"ok":1}',
    ]);
  },
);
