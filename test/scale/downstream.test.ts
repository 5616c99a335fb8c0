import { expect, test } from 'vitest';
import { seeded } from '../../bench/scaling/trace.ts';
import { decide } from '../../controller/scale/decide.ts';
import { explain } from '../../controller/scale/explain.ts';
import { conditionsAt, podsAt, run, type WorldRun, world } from './run-world.ts';

/** 90 events a second for five minutes, then as many as given. */
const step = (rate: number) => (second: number) => (second < 300 ? 90 : rate);
const actionsOf = ({ actions }: WorldRun) => actions.map(({ atMs, from, to }) => `${atMs / 1_000} s: ${from} -> ${to}`);
const after = ({ actions }: WorldRun, second: number) => actions.filter(one => one.atMs > second * 1_000);

const rates = [350, 500, 900, 2_000, 5_000];
test.each([10, 20, 50].flatMap(max => rates.map(rate => [rate, max] as const)))(
  'a downstream capped at 300/s, %i/s come, at most %i pods: within a minute no more than one above the three that are useful, then no change',
  (rate, max) => {
    const result = run(world(3_600, step(rate), { downstreamRate: () => 300 }), { max });
    expect([3, 4]).toContain(podsAt(result, 360));
    expect(after(result, 360)).toEqual([]);
    expect(result.actions.length).toBeLessThanOrEqual(5);
    expect(conditionsAt(result.inputs, 380)).toEqual(expect.arrayContaining(['DownstreamBound']));
  },
);

test('one pod more is tried once an hour, and given back within 15 s', () => {
  const result = run(world(9_000, step(900), { downstreamRate: () => 300 }), { max: 20 });
  const settled = after(result, 360);
  expect(settled.map(one => one.to)).toEqual([5, 4, 5, 4]);
  const [first, back, second] = settled.map(one => one.atMs / 1_000);
  expect([(back ?? 0) - (first ?? 0) <= 15, Math.round(((second ?? 0) - (back ?? 0)) / 60)]).toEqual([true, 60]);
});

test.each([
  [450, 5],
  [640, 7],
  [1_000, 10],
  [2_000, 20],
])('a downstream capped at %i/s: no more than a tenth above the %i pods that are useful, but one', (cap, useful) => {
  const result = run(world(900, step(6_000), { downstreamRate: () => cap }), { max: 50 });
  for (const second of [360, 500, 600]) {
    expect(podsAt(result, second)).toBeGreaterThanOrEqual(useful);
    expect(podsAt(result, second)).toBeLessThanOrEqual(Math.max(useful + 1, useful * 1.1));
  }
});

test.each([
  [3, 4],
  [4, 3],
  [5, 3],
  [7, 4],
])('a server that starts with %i pods behind a cap: halves are tried, down to %i', (count, pods) => {
  const result = run(
    world(3_600, () => 900, { downstreamRate: () => 300 }),
    { max: 10 },
    count,
  );
  for (const second of [60, 300, 1_800, 3_500]) expect(podsAt(result, second)).toBe(pods);
});

test.each([
  [500, 20],
  [900, 10],
  [2_000, 20],
  [5_000, 50],
])(
  'pods whose start leaves nothing to those that work, %i/s come, at most %i pods: they are known by what events took before',
  (rate, max) => {
    const downstreamRate = (atMs: number) => (atMs > 300_500 && atMs < 308_500 ? 40 : 300);
    const result = run(world(1_800, step(rate), { downstreamRate }), { max });
    for (const second of [360, 900, 1_700]) expect([3, 4]).toContain(podsAt(result, second));
  },
);

test.each([
  ['with pods at the maximum', 1_000, 12],
  ['with room for more', 1_000, 20],
])('a cap that comes down to 300/s while pods are many, %s', (_, rate, max) => {
  const result = run(world(1_500, step(rate), { downstreamRate: atMs => (atMs < 600_000 ? 1_200 : 300) }), { max });
  expect(podsAt(result, 599)).toBe(11);
  expect([3, 4]).toContain(podsAt(result, 660));
  expect(after(result, 660)).toEqual([]);
});

/** A cap that has another level every `everyMs`, around 300/s. */
function noisyCap(part: number, everyMs: number): (atMs: number) => number {
  const random = seeded(7);
  const levels = Array.from({ length: 3_600_000 / everyMs + 1 }, () => 300 * (1 - part + 2 * part * random()));
  return atMs => levels[Math.floor(atMs / everyMs)] ?? 300;
}

test.each([
  ['each second', 1_000],
  ['every 10 seconds', 10_000],
  ['each minute', 60_000],
])('a cap that is a tenth up and down %s: at most one change in 10 minutes', (_, everyMs) => {
  const result = run(world(3_600, step(900), { downstreamRate: noisyCap(0.1, everyMs) }), { max: 20 });
  const settled = after(result, 400).map(one => one.atMs);
  settled.forEach((atMs, index) => {
    expect((settled[index + 1] ?? Number.POSITIVE_INFINITY) - atMs).toBeGreaterThan(600_000);
  });
  expect(podsAt(result, 3_600)).toBeLessThanOrEqual(5);
});

test.each([
  [500, 12, 300, 400, 6],
  [500, 20, 295, 330, 6],
  [900, 10, 200, 600, 9],
  [900, 12, 300, 400, 10],
  [900, 20, 295, 330, 10],
  [900, 20, 200, 900, 10],
  [1_500, 20, 300, 420, 16],
])(
  '%i/s come, at most %i pods, and from second %i to %i the machine does 300/s: 45 s later there are as many as are needed',
  (rate, max, fromS, toS, needed) => {
    const shortage = (atMs: number) => (atMs >= fromS * 1_000 && atMs < toS * 1_000 ? 300 : Number.POSITIVE_INFINITY);
    const result = run(world(1_800, step(rate), { downstreamRate: shortage }), { max });
    expect(podsAt(result, toS)).toBeLessThanOrEqual(5);
    expect(podsAt(result, toS + 45)).toBeGreaterThanOrEqual(needed);
    expect(conditionsAt(result.inputs, toS + 60)).not.toContain('DownstreamBound');
  },
);

test.each([12, 24, 42])(
  'a machine that is shared with %i pods of others: more pods get more of it, and none is missing for more than 15 s',
  others => {
    // They come when the load does, so that the first step up brings little.
    const shared = (atMs: number, ready: number) => {
      const busy = Math.min(1, Math.max(0, (atMs - 290_000) / 15_000)) * others;
      return atMs < 600_000 ? (1_200 * ready) / (ready + busy) : Number.POSITIVE_INFINITY;
    };
    const result = run(world(600, step(900), { downstreamRate: shared }), { max: 12 });
    const downs = result.actions.filter(one => one.to < one.from);
    expect(downs.length).toBeLessThanOrEqual(1);
    for (const { atMs, from } of downs) expect(podsAt(result, atMs / 1_000 + 15)).toBeGreaterThanOrEqual(from);
    expect(podsAt(result, 400)).toBe(12);
  },
);

test.each([0.5, 0.33, 0.2])(
  'pods that have become slower by themselves, %f of what they were: tried once, undone within 15 s, never again',
  part => {
    const result = run(world(7_200, step(2_500), { downstreamRate: (atMs, ready) => ready * (atMs < 600_000 ? 100 : 100 * part) }), {
      max: 20,
    });
    const [down, up, ...others] = after(result, 360);
    expect([down?.from, up?.to, others]).toEqual([20, 20, []]);
    expect((up?.atMs ?? 0) - (down?.atMs ?? 0)).toBeLessThanOrEqual(15_000);
  },
);

test('pods that get in each other’s way: undone within 15 s, and tried ever more seldom', () => {
  const result = run(world(7_200, step(3_000), { downstreamRate: (_, ready) => (100 * ready) / (1 + 0.1 * (ready - 1)) }), { max: 20 });
  const settled = after(result, 310);
  const downs = settled.filter(one => one.to < one.from);
  expect(settled.filter(one => one.to === 20).length).toBe(downs.length);
  const gaps = downs.slice(1).map((one, index) => one.atMs - (downs[index]?.atMs ?? 0));
  expect(gaps.length).toBeLessThanOrEqual(4);
  gaps.forEach((gap, index) => {
    expect(gap).toBeGreaterThanOrEqual(300_000 * 2 ** index);
  });
});

/** With that for the origin of the bounds. */
function adviceOf(inputs: WorldRun['inputs'], boundsFrom: 'manifest' | 'override'): string | undefined {
  const bound = inputs.findLast(one => decide(one).conditions.some(({ type }) => type === 'AtMax'));
  if (bound === undefined) return undefined;
  return decide({ ...bound, policy: { ...bound.policy, boundsFrom } }).conditions.find(({ type }) => type === 'AtMax')?.advice;
}

test('pods that are as quick as they were, and too few by the maximum: nothing is tried', () => {
  const result = run(world(3_600, step(2_000)), { max: 8 });
  expect(after(result, 310)).toEqual([]);
  expect(conditionsAt(result.inputs, 1_000)).toEqual(['AtMax']);
  expect(adviceOf(result.inputs, 'manifest')).toMatch(/^Raise `scale.max`/);
  expect(adviceOf(result.inputs, 'override')).toContain('faas scale clear');
});

test.each([
  [4, 100, 1, 2],
  [5, 300, 3, 4],
  [6, 300, 3, 4],
  [8, 300, 3, 4],
  [6, 400, 4, 5],
  [8, 600, 6, 7],
])(
  '%i pods that were never full before a cap of %i/s held them up: by what events took before, of %i that are useful there are %i',
  (count, cap, _, pods) => {
    const rate = (second: number) => (second < 600 ? count * 75 : count * 75 + 300);
    const result = run(world(2_400, rate, { downstreamRate: atMs => (atMs < 600_000 ? 1e9 : cap) }), { max: 20 }, count);
    for (const second of [700, 900, 1_400, 2_300]) expect(podsAt(result, second)).toBe(pods);
    expect(after(result, 700).length).toBeLessThanOrEqual(4);
  },
);

test('bounds hold while fewer are tried', () => {
  const result = run(world(900, step(2_000), { downstreamRate: () => 300 }), { min: 6, max: 20 }, 6);
  expect(podsAt(result, 360)).toBe(6);
  expect(result.actions.every(one => one.to >= 6)).toBe(true);
});

test('a downstream that gives nothing for five minutes, and then all', () => {
  const cap = (atMs: number) => (atMs >= 600_000 && atMs < 900_000 ? 0 : 1_200);
  const result = run(world(1_200, step(1_000), { downstreamRate: cap }), { max: 12 });
  expect(podsAt(result, 890)).toBeLessThanOrEqual(2);
  expect(podsAt(result, 930)).toBe(12);
});

test('what is found out is said line by line, computed from what was stored', () => {
  const cap = (atMs: number) => (atMs < 600_000 ? 300 : Number.POSITIVE_INFINITY);
  const result = run(world(700, step(900), { downstreamRate: cap }), { max: 10 });
  expect(actionsOf(result)).toEqual(['301 s: 1 -> 2', '302 s: 2 -> 10', '316 s: 10 -> 4', '605 s: 4 -> 8', '619 s: 8 -> 10']);
  const said = result.inputs.filter(one => decide(one).verdict !== undefined).map(one => explain(JSON.parse(JSON.stringify(one))));
  expect(said.map(({ because, arithmetic }) => [because, ...arithmetic.slice(6)])).toMatchInlineSnapshot(`
    [
      [
        "10 pods finish so little that fewer are tried",
        "the step from 1 to 10 pods brought 210/s of 810/s (25.9 %, under 50 %): at 100/s per pod, and with one to show when the bound moves, 4 pods should finish the 300/s too",
        "10 -> 4 pods (downstream)",
      ],
      [
        "4 pods are enough for what is behind them: more brought nothing",
        "4 pods in place of 10 finish 300/s, 300/s before, not clearly less: 4 stay",
        "more than 4 pods brought no more than 300/s: no more of them for 59.8m, or until they finish clearly more",
        "4 -> 4 pods (steady)",
      ],
      [
        "without more pods events would wait longer than a part of maxAge 30s allows",
        "4 pods finish 355/s, clearly more than the 300/s of when more brought nothing: up to 8 may be tried",
        "more than 4 pods brought no more than 300/s, and they finish more by now: up to 8 may be tried",
        "4 -> 8 pods (predicted-breach)",
      ],
    ]
  `);
  const during = result.inputs.filter(one => [322, 400].includes(one.observation.steadyMs / 1_000)).map(explain);
  expect(during.map(({ because, arithmetic, otherwise }) => [because, ...arithmetic.slice(6), ...otherwise])).toMatchInlineSnapshot(`
    [
      [
        "4 pods are tried in place of 10: whether they finish as much is not known yet",
        "4 pods are tried in place of 10 for 6s now: they finish 300/s, 300/s before",
        "4 -> 4 pods (steady)",
      ],
      [
        "4 pods are enough for what is behind them: more brought nothing",
        "more than 4 pods brought no more than 300/s: no more of them for 58.6m, or until they finish clearly more",
        "4 -> 4 pods (steady)",
        "without what is behind them: 10 pods",
      ],
    ]
  `);
});

test('pods that are slow without a step to show it, and fewer that finish less: said line by line', () => {
  const result = run(world(900, step(2_500), { downstreamRate: (atMs, ready) => ready * (atMs < 600_000 ? 100 : 40) }), { max: 20 });
  const said = result.inputs.filter(one => decide(one).verdict !== undefined).map(explain);
  expect(said.map(({ because, arithmetic }) => [because, ...arithmetic.slice(6)])).toMatchInlineSnapshot(`
    [
      [
        "20 pods finish so little that fewer are tried",
        "20 pods finish 800/s, 40 % of what as many could do (under 80 %): at 100/s per pod, and with one to show when the bound moves, 9 pods should finish the 800/s too",
        "20 -> 9 pods (downstream)",
      ],
      [
        "fewer pods finished less",
        "9 pods in place of 20 finish 668/s, 800/s before, under 680/s: back to 20",
        "no fewer pods are tried for 5m: pods have become slower by themselves, 40/s each",
        "9 -> 20 pods (undone)",
      ],
    ]
  `);
});
