import type { ScaleBlock, ScaleInputs, ScaleMemory, Verdict } from './decision.ts';
import { amountOf } from './figure.ts';
import type { Known } from './size.ts';
import { blocked, finishedOf, isBehind, isFull, isWorthIt, judgeTrial, podRatesOf, triedOf } from './trial.ts';

/** A step down goes to no less than was recommended within this time. */
export const stableMs = 300_000;
/** Under this part of what a step up should have brought, something behind the pods is the limit. */
export const gainLeast = 0.1;
/** Under this part it may be: fewer are tried. */
export const gainPoor = 0.5;
/** From when the pods of a step are ready until their effect is in the figures. */
const settleMs = 10_000;
/** A step whose pods do not become ready within this time is not judged. */
const judgeWithinMs = 120_000;
/** Pods are slow that finish less than this part of what one of them was measured to do, for so long. */
export const slowShare = 0.8;
const slowForMs = 15_000;
/** A bound has moved when by so much more is finished, by more than chance, and by half of what its pods could do beyond it. */
const riseLeast = 0.1;
const riseDeviations = 3;
/** Within this part of a block's wait nothing is made of a bound that moves: one that goes to and fro is followed ever more seldom. */
const followShare = 0.1;
/** Pods that are by so much quicker than when they were slow by themselves are so no more. */
const quickAgain = 1.3;

export interface Judged {
  readonly memory: ScaleMemory;
  readonly verdict?: Verdict;
}

/** Looks back: what did the last step up bring, what did fewer pods cost, and does what was found then still hold? */
export function remember(inputs: ScaleInputs, known: Known): Judged {
  const { steadyMs } = inputs.observation;
  const { step, trial, ...rest } = fresh(inputs);
  const going: ScaleMemory = { ...rest, sinceMs: rest.sinceMs ?? steadyMs };
  if (trial !== undefined) return judgeTrial({ ...inputs, memory: { ...going, trial } }, known, trial);
  const judged = step === undefined ? { memory: going } : judgeStep(inputs, known, going, step);
  if (judged.verdict !== undefined) return judged;
  const slow = judgeSlowness(inputs, known, judged.memory);
  return slow.verdict === undefined ? judgeRise(inputs, slow.memory) : slow;
}

/** Without what nothing was made of for so long that it is no longer worth knowing. */
function fresh({ observation, memory }: ScaleInputs): ScaleMemory {
  const { steadyMs, pods } = observation;
  const { block, rest, ...others } = memory;
  const isOld = block !== undefined && memory.step === undefined && steadyMs > block.untilMs + block.waitMs;
  // By the last two seconds as well: a trial that has just failed is still in the last ten.
  const finished = Math.min(amountOf(observation.finishedRate) ?? 0, finishedOf(observation) ?? 0);
  const isQuick = rest?.podRate !== undefined && finished > pods.ready * rest.podRate * quickAgain;
  return {
    ...others,
    ...(block && !isOld && { block }),
    ...(rest && { rest: isQuick ? { untilMs: rest.untilMs, waitMs: rest.waitMs } : rest }),
  };
}

function judgeStep(inputs: ScaleInputs, known: Known, memory: ScaleMemory, step: NonNullable<ScaleMemory['step']>): Judged {
  const { observation, policy, replicas } = inputs;
  const { steadyMs } = observation;
  const now = amountOf(observation.finishedRate);
  const tookMs = steadyMs - step.atMs;
  if (tookMs > judgeWithinMs || replicas < step.to || replicas > policy.max || now === undefined) return { memory };
  const startMs = amountOf(observation.startMs) ?? 0;
  if (observation.pods.ready < step.to || tookMs < startMs + settleMs) return { memory: { ...memory, step } };
  const { from, to, finishedRate: before } = step;
  const hoped = (before * (to - from)) / from;
  const rates = podRatesOf(inputs, memory);
  const { likely: podRate = before / from } = rates;
  const figures = { from, to, before, now, hoped, podRate };
  // Where nothing waits the pods have caught up: that is what they were for.
  if (known.backlogEvents - observation.inFlight > now && now - before < hoped * gainLeast) {
    const tried = Math.min(triedOf(inputs, rates, replicas, now), memory.block?.pods ?? Number.POSITIVE_INFINITY, replicas);
    return { memory: blocked(inputs, memory, tried, finishedOf(observation) ?? now), verdict: { kind: 'useless', ...figures, tried } };
  }
  const tried = triedOf(inputs, rates, replicas, now);
  if (now - before < hoped * gainPoor && isWorthIt(replicas, tried) && mayTry(inputs, known, memory, now))
    return { memory: blocked(inputs, memory, tried, finishedOf(observation) ?? now), verdict: { kind: 'poor', ...figures, tried } };
  return { memory: memory.block !== undefined && to > memory.block.pods ? withoutBlock(memory, memory.block, steadyMs) : memory };
}

/** More than what was blocked brought something: the bound is gone. */
function withoutBlock({ block: _, ...memory }: ScaleMemory, { waitMs }: ScaleBlock, steadyMs: number): ScaleMemory {
  return { ...memory, rest: { ...memory.rest, untilMs: steadyMs, waitMs } };
}

function mayTry(inputs: ScaleInputs, known: Known, { rest }: ScaleMemory, finished: number): boolean {
  const { policy, replicas } = inputs;
  const { steadyMs, stuckMs } = inputs.observation;
  if (stuckMs !== undefined || policy.lagThreshold !== undefined || replicas > policy.max) return false;
  return isFull(inputs) && isBehind(inputs, known, finished) && (rest === undefined || steadyMs >= rest.untilMs);
}

function isEarly(block: ScaleMemory['block'], steadyMs: number): boolean {
  return block?.sinceMs !== undefined && steadyMs < block.sinceMs + block.waitMs * followShare;
}

/** Where no step says it, because there is none or one follows another: what do pods finish, beside what one was measured to do? */
function judgeSlowness(inputs: ScaleInputs, known: Known, memory: ScaleMemory): Judged {
  const { observation, replicas } = inputs;
  const { steadyMs, pods } = observation;
  const { slowSinceMs: since = steadyMs, ...others } = memory;
  if (isEarly(memory.block, steadyMs)) return { memory: others };
  const now = finishedOf(observation);
  const rates = podRatesOf(inputs, memory);
  const { likely: podRate } = rates;
  if (now === undefined || podRate === undefined || now >= pods.ready * podRate * slowShare) return { memory: others };
  const from = Math.min(pods.ready, replicas);
  const tried = triedOf(inputs, rates, from, now);
  if (!isWorthIt(from, tried) || !mayTry(inputs, known, memory, now)) return { memory: others };
  if (steadyMs - since < slowForMs) return { memory: { ...others, slowSinceMs: since } };
  const { step: _, ...settled } = others;
  return { memory: blocked(inputs, settled, tried, now), verdict: { kind: 'slow', ready: pods.ready, now, podRate, tried } };
}

/** The same pods finish more than when it was found that more of them bring nothing. */
function judgeRise({ observation }: ScaleInputs, memory: ScaleMemory): Judged {
  const { block } = memory;
  const now = finishedOf(observation);
  if (block?.finishedRate === undefined || block.sinceMs === undefined || block.isRisen || now === undefined) return { memory };
  const chance = riseDeviations / Math.sqrt(Math.max(1, block.finishedRate * 10));
  const halfway = (block.finishedRate + block.pods * (block.podRate ?? 0)) / 2;
  if (isEarly(block, observation.steadyMs) || now <= Math.max(block.finishedRate * (1 + Math.max(riseLeast, chance)), halfway))
    return { memory };
  return {
    memory: { ...memory, block: { ...block, isRisen: true } },
    verdict: { kind: 'risen', pods: block.pods, before: block.finishedRate, now },
  };
}
