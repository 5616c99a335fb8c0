import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BoardView } from '../../runtime/pod/board.ts';
import { emptyShim, step } from '../../runtime/pod/shim.ts';
import type { Shim, ShimEffect, ShimInput } from '../../runtime/pod/shim-state.ts';
import { judgeEnd, judgeTime } from '../../runtime/pod/verdict.ts';

const limits = { concurrency: 2, lifespanMs: 60_000, memoryBytes: 1_000, loadTimeoutMs: 500 };
const ready = { kind: 'ready', handler: 'event', phases: { loadMs: 1, initMs: 0 } } as const;
const quiet: BoardView = { heartbeatMs: 0, synchronousSlot: undefined, culpritSlot: undefined, running: [] };
const call = (slot: number, deadlineMs: number) => ({ slot, batchId: 1, index: slot, enteredAtMs: 0, deadlineMs });

function play(shim: Shim, ...inputs: readonly ShimInput[]): { readonly shim: Shim; readonly effects: readonly ShimEffect[] } {
  let current = shim;
  const effects: ShimEffect[] = [];
  for (const input of inputs) {
    const next = step(current, input);
    current = next.shim;
    effects.push(...next.effects);
  }
  return { shim: current, effects };
}

const error = { code: 'x', name: 'Error', message: 'y', stack: undefined };
const loaded = () => play(emptyShim(), { kind: 'load', nowMs: 0, limits }, { kind: 'loaded', nowMs: 1, workerId: 1, result: ready }).shim;
const batch = (batchId: number, events: number, exclusive = false, nowMs = 0): ShimInput & { kind: 'batch' } => ({
  kind: 'batch',
  nowMs,
  batchId,
  events,
  bytes: 10,
  exclusive,
  waits: false,
});
const waiting = (batchId: number, events: number): ShimInput => ({ ...batch(batchId, events), waits: true });
const tick = (nowMs: number, board: BoardView = quiet, rssBytes = 1): ShimInput => ({
  kind: 'tick',
  nowMs,
  rssBytes,
  boards: new Map([[1, { ...board, heartbeatMs: board.heartbeatMs || nowMs }]]),
});

describe('the shim', () => {
  test('loads once: the idle worker becomes the function', () => {
    const first = play(emptyShim(), { kind: 'load', nowMs: 0, limits });
    expect([first.shim.phase, first.effects]).toEqual(['loading', [{ kind: 'load-worker', workerId: 1 }]]);
    const second = step(first.shim, { kind: 'loaded', nowMs: 1, workerId: 1, result: ready });
    expect([second.shim.phase, second.effects]).toEqual(['ready', [{ kind: 'answer-load', result: ready }]]);
  });

  test('a batch that waits is kept while the function loads, and begins with it; another one is not', () => {
    const loading = play(emptyShim(), { kind: 'load', nowMs: 0, limits }, waiting(1, 3), batch(2, 3));
    expect(loading.effects).toEqual([
      { kind: 'load-worker', workerId: 1 },
      { kind: 'end-batch', batchId: 2, end: 'draining' },
    ]);
    expect(play(loading.shim, { kind: 'loaded', nowMs: 1, workerId: 1, result: ready }).effects).toEqual([
      { kind: 'run', workerId: 1, batchId: 1 },
      { kind: 'answer-load', result: ready },
    ]);
  });

  test.each<[string, ShimInput, readonly string[]]>([
    ['does not load', { kind: 'load-failed', nowMs: 1, workerId: 1, error }, ['answer-load', 'terminate', 'settle']],
    ['ends its thread', { kind: 'worker-ended', nowMs: 1, workerId: 1, board: quiet, error }, ['answer-load', 'settle']],
    ['is told to stop', { kind: 'stop', nowMs: 1, graceMs: 1_000 }, ['answer-load', 'settle', 'terminate']],
  ])('a batch that waits is given back when the function %s', (_, input, expected) => {
    const { shim } = play(emptyShim(), { kind: 'load', nowMs: 0, limits }, waiting(1, 3));
    const { effects } = step(shim, input);
    expect(effects.map(({ kind }) => kind)).toEqual(expected);
    expect(effects).toContainEqual({ kind: 'settle', batchId: 1, running: new Map(), rest: { kind: 'returned', why: 'draining' } });
  });

  test.each([
    ['one batch of any size', [[1, 2_000]], undefined],
    [
      'two batches of any size',
      [
        [1, 2_000],
        [2, 2_000],
      ],
      undefined,
    ],
    [
      'a third one, beyond four times the concurrency',
      [
        [1, 4],
        [2, 4],
        [3, 1],
      ],
      'busy',
    ],
    [
      'a third one, up to four times the concurrency',
      [
        [1, 3],
        [2, 3],
        [3, 2],
      ],
      undefined,
    ],
    ['a batch without events', [[1, 0]], 'done'],
  ] as const)('admits %s', (_, batches, end) => {
    const { effects } = play(loaded(), ...batches.map(([id, events]) => batch(id, events)));
    const last = effects.at(-1);
    expect(last).toEqual(
      end === undefined
        ? { kind: 'run', workerId: 1, batchId: batches.at(-1)?.[0] }
        : { kind: 'end-batch', batchId: batches.at(-1)?.[0], end },
    );
  });

  test('an exclusive batch runs by itself: not beside others, and nothing beside it; refused, it is waited for a while', () => {
    const done = (batchId: number): ShimInput => ({ kind: 'answered', nowMs: 0, batchId, count: 1 });
    const { shim, effects } = play(loaded(), batch(1, 1), batch(2, 1, true), done(1), batch(3, 1), batch(4, 1, true), batch(5, 1), done(4));
    expect(effects).toEqual([
      { kind: 'run', workerId: 1, batchId: 1 },
      { kind: 'end-batch', batchId: 2, end: 'busy' },
      { kind: 'end-batch', batchId: 1, end: 'done' },
      { kind: 'end-batch', batchId: 3, end: 'busy' },
      { kind: 'run', workerId: 1, batchId: 4 },
      { kind: 'end-batch', batchId: 5, end: 'busy' },
      { kind: 'end-batch', batchId: 4, end: 'done' },
    ]);
    expect(step(shim, batch(6, 1, false, 1_499)).effects).toEqual([{ kind: 'end-batch', batchId: 6, end: 'busy' }]);
    expect(step(shim, batch(6, 1, false, 1_500)).effects).toEqual([{ kind: 'run', workerId: 1, batchId: 6 }]);
  });

  test('a batch ends with its last result', () => {
    const { effects } = play(
      loaded(),
      batch(7, 3),
      { kind: 'answered', nowMs: 2, batchId: 7, count: 2 },
      { kind: 'answered', nowMs: 2, batchId: 7, count: 1 },
    );
    expect(effects).toEqual([
      { kind: 'run', workerId: 1, batchId: 7 },
      { kind: 'end-batch', batchId: 7, end: 'done' },
    ]);
  });

  test('a worker that is past a deadline is terminated first, then its events are answered, then a fresh one is loaded', () => {
    const board = { ...quiet, running: [call(0, 100)] };
    const late = play(loaded(), batch(1, 2), tick(151, board));
    expect(late.effects.at(-1)).toEqual({ kind: 'terminate', workerId: 1 });
    const { effects } = step(late.shim, { kind: 'worker-ended', nowMs: 153, workerId: 1, board: quiet, error: { code: '', message: '' } });
    expect(effects.map(({ kind }) => kind)).toEqual(['settle', 'start-worker', 'load-worker']);
    const [settle] = effects;
    expect(settle).toMatchObject({ batchId: 1, rest: { kind: 'returned', why: 'neighbour-timeout' } });
    expect(settle?.kind === 'settle' && settle.running.get(0)).toMatchObject({ kind: 'failed', reason: 'timeout' });
  });

  test('a worker that cannot be terminated: everything is answered, and the pod ends as stuck', () => {
    const late = play(loaded(), batch(1, 2), tick(151, { ...quiet, running: [call(0, 100)] }), tick(1_151)).shim;
    expect(late.exit).toBeUndefined();
    expect(step(late, tick(1_152)).effects.map(effect => (effect.kind === 'exit' ? effect.reason : effect.kind))).toEqual([
      'settle',
      'stuck',
    ]);
  });

  test('batches that come while a fresh worker loads wait for it', () => {
    const between = play(
      loaded(),
      tick(1, { ...quiet, running: [call(0, -100)] }),
      { kind: 'worker-ended', nowMs: 2, workerId: 1, board: quiet, error: { code: '', message: '' } },
      batch(5, 1),
    );
    expect(between.effects.some(({ kind }) => kind === 'run')).toBe(false);
    expect(step(between.shim, { kind: 'loaded', nowMs: 9, workerId: 2, result: ready }).effects).toContainEqual({
      kind: 'run',
      workerId: 2,
      batchId: 5,
    });
  });

  test('past its lifespan a worker takes batches until the fresh one is ready, and ends when its last batch does', () => {
    const old = play(loaded(), batch(1, 1), tick(60_002), { kind: 'loaded', nowMs: 60_010, workerId: 2, result: ready }, batch(2, 1));
    expect(old.effects.slice(1)).toEqual([
      { kind: 'start-worker', workerId: 2 },
      { kind: 'load-worker', workerId: 2 },
      { kind: 'run', workerId: 2, batchId: 2 },
    ]);
    expect(step(old.shim, { kind: 'answered', nowMs: 60_020, batchId: 1, count: 1 }).effects).toEqual([
      { kind: 'end-batch', batchId: 1, end: 'done' },
      { kind: 'tell', workerId: 1, what: 'shutdown' },
    ]);
  });

  test('more memory than it may take ends the pod, after its events were answered', () => {
    const over = play(loaded(), batch(1, 2), tick(5, { ...quiet, running: [call(0, 9_999)] }, 1_001));
    expect(over.effects.at(-1)).toEqual({ kind: 'terminate', workerId: 1 });
    expect(
      step(over.shim, { kind: 'worker-ended', nowMs: 6, workerId: 1, board: quiet, error: { code: '', message: '' } }).effects.map(
        ({ kind }) => kind,
      ),
    ).toEqual(['settle', 'exit']);
  });

  test('told to stop, an idle pod runs the author’s shutdown and ends', () => {
    const { effects } = play(
      loaded(),
      { kind: 'stop', nowMs: 0, graceMs: 10_000 },
      { kind: 'shut-down', nowMs: 3, workerId: 1 },
      { kind: 'worker-ended', nowMs: 4, workerId: 1, board: quiet, error: { code: '', message: '' } },
    );
    expect(effects).toEqual([
      { kind: 'tell', workerId: 1, what: 'drain' },
      { kind: 'tell', workerId: 1, what: 'shutdown' },
      { kind: 'terminate', workerId: 1 },
      { kind: 'exit', reason: 'stopped' },
    ]);
  });

  test('told to stop with a hanging event: signals abort, then the worker is terminated, all before the grace time is over', () => {
    const board = { ...quiet, running: [call(0, 99_999)] };
    const { effects } = play(loaded(), batch(1, 1), { kind: 'stop', nowMs: 0, graceMs: 10_000 }, tick(6_001, board), tick(8_001, board), {
      kind: 'worker-ended',
      nowMs: 8_002,
      workerId: 1,
      board,
      error: { code: '', message: '' },
    });
    expect(effects.map(effect => (effect.kind === 'tell' ? effect.what : effect.kind))).toEqual([
      'run',
      'drain',
      'abort',
      'terminate',
      'settle',
      'exit',
    ]);
  });

  test('law: every admitted batch is ended exactly once, whatever happens, and a pod that is to end does', () => {
    const inputOf = fc.oneof(
      fc.record({
        kind: fc.constant('batch' as const),
        nowMs: fc.constant(0),
        batchId: fc.constant(0),
        events: fc.nat(6),
        bytes: fc.constant(1),
        exclusive: fc.boolean(),
        waits: fc.boolean(),
      }),
      fc.record({ kind: fc.constant('load' as const), nowMs: fc.constant(0), limits: fc.constant(limits) }),
      fc.record({
        kind: fc.constant('load-failed' as const),
        nowMs: fc.constant(0),
        workerId: fc.constant(1),
        error: fc.constant(error),
      }),
      fc.record({
        kind: fc.constant('answered' as const),
        nowMs: fc.constant(0),
        batchId: fc.integer({ min: 1, max: 12 }),
        count: fc.constant(1),
      }),
      fc.record({ kind: fc.constant('batch-gone' as const), nowMs: fc.constant(0), batchId: fc.integer({ min: 1, max: 12 }) }),
      fc.record({
        kind: fc.constant('loaded' as const),
        nowMs: fc.constant(0),
        workerId: fc.integer({ min: 1, max: 4 }),
        result: fc.constant(ready),
      }),
      fc.record({ kind: fc.constant('tainted' as const), nowMs: fc.constant(0), workerId: fc.integer({ min: 1, max: 4 }) }),
      fc.record({
        kind: fc.constant('worker-ended' as const),
        nowMs: fc.constant(0),
        workerId: fc.integer({ min: 1, max: 4 }),
        board: fc.constant(quiet),
        error: fc.constant({ code: 'x', message: 'y' }),
      }),
      fc.record({
        kind: fc.constant('unattributed' as const),
        nowMs: fc.constant(0),
        workerId: fc.integer({ min: 1, max: 4 }),
        board: fc.constant(quiet),
      }),
      fc.record({ kind: fc.constant('shut-down' as const), nowMs: fc.constant(0), workerId: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ kind: fc.constant('stop' as const), nowMs: fc.constant(0), graceMs: fc.constant(4_000) }),
      fc.constant({ kind: 'pass' as const }),
    );
    fc.assert(
      fc.property(fc.boolean(), fc.array(inputOf, { maxLength: 40 }), (isLoaded, inputs) => {
        let shim = isLoaded ? loaded() : emptyShim();
        let nowMs = 10;
        let batches = 0;
        const alive = new Set([1]);
        const ended = new Map<number, number>();
        const gone = new Set<number>();
        const exits: ShimEffect[] = [];
        const take = (input: ShimInput): void => {
          const next = step(shim, input);
          shim = next.shim;
          for (const effect of next.effects) {
            if (effect.kind === 'settle' || effect.kind === 'end-batch') ended.set(effect.batchId, (ended.get(effect.batchId) ?? 0) + 1);
            if (effect.kind === 'start-worker') alive.add(effect.workerId);
            if (effect.kind === 'exit') exits.push(effect);
          }
        };
        const tickAll = (): void => take({ kind: 'tick', nowMs, rssBytes: 1, boards: new Map([...alive].map(id => [id, quiet])) });
        for (const input of inputs) {
          nowMs += 100;
          if (input.kind === 'pass') tickAll();
          else if (input.kind === 'batch') {
            batches += 1;
            take({ ...input, batchId: batches, nowMs });
          } else if ('workerId' in input) {
            if (!alive.has(input.workerId)) continue;
            if (input.kind === 'worker-ended') alive.delete(input.workerId);
            take({ ...input, nowMs });
          } else {
            if (input.kind === 'batch-gone' && shim.batches.some(({ id }) => id === input.batchId)) gone.add(input.batchId);
            take({ ...input, nowMs });
          }
        }
        take({ kind: 'stop', nowMs, graceMs: 4_000 });
        for (let i = 0; i < 8 && exits.length === 0; i += 1) {
          nowMs += 2_000;
          tickAll();
        }
        expect(exits).toHaveLength(1);
        for (let id = 1; id <= batches; id += 1) expect([id, (ended.get(id) ?? 0) + (gone.has(id) ? 1 : 0)]).toEqual([id, 1]);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('who pays for a late call', () => {
  const at = (heartbeatMs: number, synchronousSlot: number | undefined, ...running: ReturnType<typeof call>[]): BoardView => ({
    heartbeatMs,
    synchronousSlot,
    culpritSlot: undefined,
    running,
  });
  const verdictOf = (board: BoardView) =>
    judgeTime(board, 1_000)?.running.map(({ outcome }) =>
      outcome.kind === 'returned' ? outcome.why : outcome.kind === 'failed' ? outcome.reason : 'ok',
    );

  test.each([
    ['nobody is late', at(999, undefined, call(0, 950)), undefined],
    ['late within the grace', at(999, undefined, call(0, 951)), undefined],
    ['the loop turns, one is late', at(999, undefined, call(0, 949), call(1, 2_000)), ['timeout', 'neighbour-timeout']],
    ['the loop turns, both are late', at(999, undefined, call(0, 949), call(1, 900)), ['timeout', 'timeout']],
    ['the loop is blocked, one runs', at(700, undefined, call(0, 949)), ['timeout']],
    ['the loop is blocked by the late one', at(700, 0, call(0, 949), call(1, 2_000)), ['timeout', 'neighbour-timeout']],
    ['the loop is blocked by one that is in time', at(700, 1, call(0, 949), call(1, 2_000)), undefined],
    ['the loop is blocked by nobody knows whom', at(700, undefined, call(0, 949), call(1, 2_000)), ['worker-ended', 'worker-ended']],
  ])('%s', (_, board, expected) => {
    expect(verdictOf(board)).toEqual(expected);
  });

  test.each([
    ['it said who', { culpritSlot: 1, synchronousSlot: 0 }, 'FAAS_WORKER_EXIT', ['neighbour-crash', 'crash']],
    ['one was synchronous', { culpritSlot: undefined, synchronousSlot: 0 }, 'FAAS_WORKER_EXIT', ['crash', 'neighbour-crash']],
    ['nobody knows', { culpritSlot: undefined, synchronousSlot: undefined }, 'FAAS_WORKER_EXIT', ['worker-ended', 'worker-ended']],
    [
      'its heap was full: who allocates last need not be guilty',
      { culpritSlot: undefined, synchronousSlot: 0 },
      'ERR_WORKER_OUT_OF_MEMORY',
      ['worker-ended', 'worker-ended'],
    ],
  ])('and for a worker that ended, when %s', (_, slots, code, expected) => {
    const board = { heartbeatMs: 0, running: [call(0, 1), call(1, 1)], ...slots };
    const verdict = judgeEnd(board, { code, message: 'm' });
    expect(
      verdict.running.map(({ outcome }) => (outcome.kind === 'returned' ? outcome.why : outcome.kind === 'failed' ? outcome.reason : 'ok')),
    ).toEqual(expected);
  });
});
