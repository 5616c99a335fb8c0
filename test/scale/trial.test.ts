import { expect, test } from 'vitest';
import { decide } from '../../controller/scale/decide.ts';
import { emptyMemory, type ScaleInputs, type ScaleMemory } from '../../controller/scale/decision.ts';
import { known, unknown } from '../../controller/scale/figure.ts';
import type { ScaleObservation } from '../../controller/scale/observation.ts';
import { policyForTest } from './policy.ts';

const nowMs = 3_600_000;
const minute = 60_000;

/** `ready` pods that all have enough to do finish so much a second; one alone was seen to finish 100. */
function seen(ready: number, finished: number, change: Partial<ScaleObservation> = {}): ScaleObservation {
  return {
    atMs: nowMs,
    steadyMs: nowMs,
    backlogEvents: known(100_000),
    oldestAgeMs: known(60_000),
    arrivalRate: known(2_000),
    arrivalRateSlow: known(2_000),
    arrivalRateCalm: known(2_000),
    arrivalTrend: 0,
    finishedRate: known(finished),
    finishedRateCalm: known(finished),
    podRate: known(Math.max(1, finished / ready)),
    podRateBest: known(100),
    laneRate: known(10),
    laneRateBest: known(10),
    startMs: known(3_000),
    inFlight: ready * 10,
    openCalls: 0,
    askedPods: 0,
    pods: { ready, starting: 0, draining: 0 },
    paused: false,
    ...change,
  };
}

function inputs(observation: ScaleObservation, memory: Partial<ScaleMemory>, policy: Partial<ScaleInputs['policy']> = {}): ScaleInputs {
  const { ready } = observation.pods;
  return {
    observation,
    policy: { ...policyForTest, max: 20, ...policy },
    replicas: ready,
    memory: { ...emptyMemory, sinceMs: 0, ...memory },
  };
}

const held = { pods: 20, untilMs: nowMs + minute, waitMs: 5 * minute };
const withoutLanes = ({ laneRateBest: _, ...older }: ScaleObservation): ScaleObservation => older;
const slowFor = (ms: number): Partial<ScaleMemory> => ({ slowSinceMs: nowMs - ms });

test.each<[rule: string, given: ScaleInputs, to: number, verdict: string | undefined]>([
  ['for 15 s less than four fifths of what they could', inputs(seen(20, 300), slowFor(15_000)), 4, 'slow'],
  ['not for so long yet', inputs(seen(20, 300), slowFor(14_999)), 20, undefined],
  ['a part that is not worth it', inputs(seen(20, 1_550), slowFor(minute)), 20, undefined],
  ['just not worth it', inputs(seen(20, 1_531), slowFor(minute)), 20, undefined],
  ['a fifth of them', inputs(seen(20, 1_530), slowFor(minute)), 16, 'slow'],
  ['pods that have not enough to do', inputs(seen(20, 300, { inFlight: 170 }), slowFor(minute)), 20, undefined],
  ['pods that find no work', inputs(seen(20, 300, { usefulPods: 19 }), slowFor(minute)), 20, undefined],
  ['what waits is done in time', inputs(seen(20, 300, { backlogEvents: known(4_000) }), slowFor(minute)), 20, undefined],
  ['while nothing at all is finished', inputs(seen(20, 0, { stuckMs: minute }), slowFor(minute)), 20, undefined],
  ['by an expert threshold alone', inputs(seen(20, 300), slowFor(minute), { lagThreshold: 10 }), 20, undefined],
  [
    'nothing was ever seen of a pod',
    inputs(seen(20, 300, { podRateBest: unknown, laneRateBest: unknown }), slowFor(minute)),
    20,
    undefined,
  ],
  ['no pod was ever full: half of them at once', inputs(seen(20, 300, { podRateBest: unknown }), slowFor(minute)), 10, 'slow'],
  ['a pod was slower when it was full than events are', inputs(seen(20, 300, { podRateBest: known(20) }), slowFor(minute)), 10, 'slow'],
  [
    'as quick as ever, where events take longer in full pods',
    inputs(seen(20, 400, { podRateBest: known(20) }), { ...slowFor(minute), rest: { untilMs: 0, waitMs: 1, podRate: 20 } }),
    20,
    undefined,
  ],
  [
    'too soon after fewer finished less',
    inputs(seen(20, 300), { ...slowFor(minute), rest: { untilMs: nowMs + 1, waitMs: 1 } }),
    20,
    undefined,
  ],
  ['later than that', inputs(seen(20, 300), { ...slowFor(minute), rest: { untilMs: nowMs, waitMs: minute } }), 4, 'slow'],
  ['too soon after a block', inputs(seen(20, 300), { ...slowFor(minute), block: { ...held, sinceMs: nowMs - 29_999 } }), 20, undefined],
  ['later, as long as it holds', inputs(seen(20, 300), { ...slowFor(minute), block: { ...held, sinceMs: nowMs - 30_000 } }), 4, 'slow'],
  ['slow by themselves', inputs(seen(20, 300), { ...slowFor(minute), rest: { untilMs: 0, waitMs: 1, podRate: 18 } }), 20, undefined],
  ['not below the minimum', inputs(seen(20, 300), slowFor(minute), { min: 9 }), 9, 'slow'],
  ['not below what open calls need', inputs(seen(20, 300, { openCalls: 120 }), slowFor(minute)), 12, 'slow'],
])('pods that finish little: %s', (_, given, to, verdict) => {
  const decision = decide(given);
  expect([decision.replicas, decision.verdict?.kind]).toEqual([to, verdict]);
});

const block = { pods: 4, untilMs: nowMs + 50 * minute, waitMs: 5 * minute, sinceMs: nowMs - 12_000, finishedRate: 300, podRate: 100 };
const trial = { sinceMs: nowMs - 12_000, atMs: nowMs - 12_000, from: 10, to: 4, finishedRate: 300 };
const early = { ...trial, sinceMs: nowMs - 4_000, atMs: nowMs - 4_000 };

test.each<[rule: string, given: ScaleInputs, to: number, verdict: string | undefined]>([
  ['as much', inputs(seen(4, 300), { block, trial }), 4, 'kept'],
  ['a tenth less', inputs(seen(4, 270), { block, trial }), 4, 'kept'],
  ['more than a tenth less', inputs(seen(4, 269), { block, trial }, { max: 10 }), 10, 'fell'],
  ['as much, but not for long enough', inputs(seen(4, 300), { block, trial: early }), 4, undefined],
  ['a fall that is seen at once', inputs(seen(4, 254), { block, trial: early }, { max: 10 }), 10, 'fell'],
  ['a little less may be chance', inputs(seen(4, 256), { block, trial: early }), 4, undefined],
  ['less, because nothing waits', inputs(seen(4, 100, { backlogEvents: known(140) }), { block, trial }), 4, 'kept'],
  ['less, and more than before is needed', inputs(seen(4, 100), { block, trial }), 20, 'fell'],
  ['others still drain', inputs(seen(4, 300, { pods: { ready: 4, starting: 0, draining: 1 } }), { block, trial }), 4, undefined],
  ['one of five may cost a fifteenth', inputs(seen(4, 279), { block, trial: { ...trial, from: 5 } }, { max: 5 }), 5, 'fell'],
  ['to no more than find work', inputs(seen(4, 100, { usefulPods: 7 }), { block, trial }), 7, 'fell'],
  ['to what was known to be enough', inputs(seen(4, 100), { block, trial: { ...trial, enough: 6 } }), 6, 'fell'],
  ['nobody has seen events of pods that were not full', inputs(seen(4, 300, { laneRateBest: unknown }), { block, trial }), 2, 'kept'],
  ['events were seen to take less time', inputs(seen(4, 300, { laneRateBest: known(20) }), { block, trial }), 3, 'kept'],
  ['what older versions have stored', inputs(withoutLanes(seen(4, 300)), { block, trial }), 4, 'kept'],
])('fewer pods finish: %s', (_, given, to, verdict) => {
  const decision = decide(given);
  expect([decision.replicas, decision.verdict?.kind]).toEqual([to, verdict]);
});

test('a trial is judged from when the last pod of it has drained, for two minutes at most', () => {
  const draining = { pods: { ready: 4, starting: 0, draining: 1 } };
  expect(decide(inputs(seen(4, 300, draining), { block, trial })).memory.trial).toEqual({ ...trial, atMs: nowMs });
  const long = { ...trial, sinceMs: nowMs - 2 * minute - 1 };
  expect(decide(inputs(seen(4, 300, draining), { block, trial: long })).verdict?.kind).toBe('kept');
});

test('a trial of which the figures are missing proves nothing', () => {
  const lost = decide(inputs(seen(4, 300, { backlogEvents: unknown }), { block, trial }));
  expect([lost.replicas, lost.memory.trial, lost.memory.block]).toEqual([4, undefined, undefined]);
  const other = decide({ ...inputs(seen(4, 300), { block, trial }), replicas: 5 });
  expect([other.memory.trial, other.memory.block, other.memory.rest?.untilMs]).toEqual([undefined, undefined, nowMs + block.waitMs]);
});

test('pods that finish less in proportion are slow by themselves, until they are quick again', () => {
  const { memory } = decide(inputs(seen(4, 130), { block, trial }));
  expect(memory.rest).toEqual({ untilMs: nowMs + 5 * minute, waitMs: 5 * minute, podRate: 32.5 });
  expect(decide(inputs(seen(4, 160), { block, trial })).memory.rest).toEqual({ untilMs: nowMs + 5 * minute, waitMs: 5 * minute });
  expect(decide(inputs(seen(10, 420), { rest: memory.rest ?? { untilMs: 0, waitMs: 0 } })).memory.rest?.podRate).toBe(32.5);
  expect(decide(inputs(seen(10, 430), { rest: memory.rest ?? { untilMs: 0, waitMs: 0 } })).memory.rest?.podRate).toBeUndefined();
});

test.each<[rule: string, finished: number, block: ScaleMemory['block'], to: number]>([
  ['as much as before', 300, { ...block, sinceMs: nowMs - minute }, 4],
  ['not half of what they could do beyond it', 349, { ...block, sinceMs: nowMs - minute }, 4],
  ['more than that', 351, { ...block, sinceMs: nowMs - minute }, 8],
  ['too soon', 400, { ...block, sinceMs: nowMs - 29_999 }, 4],
  ['later, where one time follows another', 400, { ...block, waitMs: 10 * minute, sinceMs: nowMs - 59_999 }, 4],
  ['by chance, of so few', 11.5, { ...block, finishedRate: 9, podRate: 3, sinceMs: nowMs - minute }, 4],
  ['what older versions have stored', 400, { pods: 4, untilMs: nowMs + 1, waitMs: 1 }, 4],
  ['its time is over: one step more', 300, { ...block, untilMs: nowMs, waitMs: 5 * minute }, 5],
])('the bound: %s', (_, finished, held, to) => {
  expect(decide(inputs(seen(4, finished), held === undefined ? {} : { block: held })).replicas).toBe(to);
});

test('fewer than a bound allows are no way out of it: back to what it allows, and what one pod does is known', () => {
  const old = { ...block, pods: 8, sinceMs: nowMs - 10 * minute };
  const begun = decide(inputs(seen(8, 300), { ...slowFor(minute), block: old })).memory;
  expect([begun.block?.pods, begun.trial?.enough]).toEqual([4, 8]);
  const over = { ...trial, from: 8, enough: 8 };
  const { replicas, memory } = decide(inputs(seen(4, 200), { block, trial: over }));
  expect([replicas, memory.block?.pods, memory.rest?.podRate]).toEqual([8, 8, 50]);
});

test('a bound that nobody has run into for as long again is forgotten, and so are its waits', () => {
  const old = { ...block, untilMs: nowMs - 5 * minute };
  const idle = { backlogEvents: known(0), arrivalRate: known(10), arrivalRateSlow: known(10), arrivalRateCalm: known(10) };
  expect(decide(inputs(seen(1, 10, idle), { block: old })).memory.block).toEqual(old);
  expect(decide(inputs(seen(1, 10, idle), { block: { ...old, untilMs: old.untilMs - 1 } })).memory.block).toBeUndefined();
});

test.each([
  [undefined, 5],
  [{ untilMs: nowMs - 5 * minute, waitMs: 5 * minute }, 10],
  [{ untilMs: nowMs - 5 * minute - 1, waitMs: 5 * minute }, 5],
  [{ untilMs: nowMs - 1, waitMs: 40 * minute }, 60],
])('after %j the next wait is %i minutes', (rest, minutes) => {
  const { block: begun } = decide(inputs(seen(20, 300), { ...slowFor(minute), ...(rest && { rest }) })).memory;
  expect(begun?.waitMs).toBe(minutes * minute);
});

test('where one pod more shows when the bound moves nothing is tried for an hour; else after the wait', () => {
  const begun = (ready: number, finished: number) => decide(inputs(seen(ready, finished), slowFor(minute))).memory.block;
  expect(begun(20, 300)).toMatchObject({ pods: 4, untilMs: nowMs + 60 * minute });
  expect(begun(20, 1_000)).toMatchObject({ pods: 11, untilMs: nowMs + 5 * minute });
});

test('DownstreamBound: not while fewer are tried, and not when nobody has wanted more for five minutes', () => {
  const typesOf = (given: ScaleInputs) => decide(given).conditions.map(one => one.type);
  const calm = { ...block, sinceMs: nowMs - minute };
  expect(typesOf(inputs(seen(4, 300), { block, trial: early }))).not.toContain('DownstreamBound');
  expect(typesOf(inputs(seen(4, 300), { block: calm }))).toContain('DownstreamBound');
  const quiet = { backlogEvents: known(0), arrivalRate: known(90), arrivalRateSlow: known(90), arrivalRateCalm: known(90), inFlight: 9 };
  const recommended = [[nowMs - 299_000, 4]] as const;
  expect(typesOf(inputs(seen(4, 90, { ...quiet, podRate: known(100) }), { block: calm, recommended }))).toContain('DownstreamBound');
  expect(typesOf(inputs(seen(4, 90, { ...quiet, podRate: known(100) }), { block: calm }))).not.toContain('DownstreamBound');
});
