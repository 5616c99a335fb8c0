import type { ScaleBlock, ScaleInputs, ScaleMemory, ScaleTrial, Verdict } from './decision.ts';
import { amountOf } from './figure.ts';
import { bands } from './policy.ts';
import type { Known } from './size.ts';

/** From a change of the pods until its effect is in the figures of the last 10 seconds. */
const settleMs = 12_000;
/** Pods that take longer to drain are waited for no more. */
const drainWithinMs = 120_000;
/** So much less is a fall, as soon as it is seen. */
const fallAtOnce = 0.15;
/** In the end a trial may cost this at most, and this part of what it would cost if nothing were behind the pods. */
const fallMost = 0.1;
const fallShare = 1 / 3;
/** Nothing is behind pods that finish no more than this times their part of what more of them did. */
const linearMost = 1.25;
/** A trial has to be worth it: this part of the pods, at least one. */
const worthShare = 0.2;
/** So much of a pod is none: the quickest was seen some time ago, and there is one more than enough. */
const roundedDown = 0.3;
/** What pods could do beyond what they finish, before one more has to be tried to see whether the bound is still there. */
const roomLeast = 0.1;
const roomDeviations = 3;
/** The quickest rate of a pod is the highest of means over about so long: chance has a part in it. */
const podRateSeconds = 7;
const firstWaitMs = 300_000;
const waitMsMax = 3_600_000;

/** By the last 10 seconds; by the last two in what older versions have stored. */
export function finishedOf({ finishedRate, finishedRateCalm }: ScaleInputs['observation']): number | undefined {
  return amountOf(finishedRateCalm ?? finishedRate);
}

/** All ready pods have as much as they take, and find work: that they finish little is not for a lack of it. */
export function isFull({ observation, policy }: ScaleInputs): boolean {
  const { inFlight, pods, usefulPods } = observation;
  return pods.ready > 0 && inFlight >= 0.9 * pods.ready * policy.concurrency && (usefulPods === undefined || usefulPods >= pods.ready);
}

/** What waits takes too long at what is finished now. */
export function isBehind({ observation, policy }: ScaleInputs, known: Known, finished: number): boolean {
  const boundSeconds = (policy.maxAgeMs * bands[policy.prefer].ageShare) / 2_000;
  return known.backlogEvents - observation.inFlight > finished * boundSeconds;
}

interface PodRates {
  /** What a pod was seen to finish while it was full; undefined: none was, yet. */
  readonly sure: number | undefined;
  /** What it would, if its events took no longer than at their quickest: too much for a handler that keeps the processor busy. */
  readonly likely: number | undefined;
}

/** What a pod would finish if nothing were behind it, by what was seen lately. */
export function podRatesOf({ observation, policy }: ScaleInputs, { block, rest }: ScaleMemory): PodRates {
  const { podRateBest, laneRateBest } = observation;
  const within = (rate: number) => (rate > 0 ? Math.min(rate, rest?.podRate ?? rate) : undefined);
  const sure = Math.max(amountOf(podRateBest) ?? 0, block?.podRate ?? 0);
  const lanes = laneRateBest === undefined ? 0 : (amountOf(laneRateBest) ?? 0) * policy.concurrency;
  return { sure: within(sure), likely: within(Math.max(sure, lanes)) };
}

/**
 * The pods that would finish as much, were each as quick as the quickest, and one more: what it adds when the bound moves is seen at once, while just
 * enough pods would finish the same before and after.
 */
export function enoughOf(finished: number, podRate: number): number {
  return Math.max(1, Math.ceil(finished / podRate - roundedDown)) + 1;
}

/** How many are to be tried in place of `from`: no fewer than half of them at once by a rate that is only likely. */
export function triedOf(inputs: ScaleInputs, { sure, likely }: PodRates, from: number, finished: number): number {
  if (likely === undefined) return from;
  const bySure = sure === undefined ? from : enoughOf(finished, sure);
  return Math.max(enoughOf(finished, likely), Math.min(bySure, Math.ceil(from / 2)), leastOf(inputs));
}

/** Fewer pods than this are not tried: bounds and direct calls. */
export function leastOf({ observation, policy }: ScaleInputs): number {
  return Math.min(Math.max(policy.min, Math.ceil(observation.openCalls / policy.concurrency)), policy.max);
}

export function isWorthIt(from: number, to: number): boolean {
  return from - to >= Math.max(1, Math.floor(from * worthShare));
}

/** Where one time follows another the wait doubles. */
function nextWaitMs({ block, rest }: ScaleMemory, steadyMs: number): number {
  const last = block ?? rest;
  if (last === undefined || steadyMs > last.untilMs + last.waitMs) return firstWaitMs;
  return Math.min(last.waitMs * 2, waitMsMax);
}

/** Whether it would show in what `pods` finish, beyond chance, that nothing is behind them any more. */
function wouldShow(pods: number, finished: number, podRate: number | undefined): boolean {
  if (podRate === undefined) return false;
  return pods * podRate > finished * (1 + roomLeast + roomDeviations / Math.sqrt(podRate * podRateSeconds));
}

/** No more than `pods` from now on, and if those are fewer than there are, that is on trial. */
export function blocked(inputs: ScaleInputs, memory: ScaleMemory, pods: number, finishedRate: number): ScaleMemory {
  const { observation, replicas } = inputs;
  const { steadyMs: sinceMs } = observation;
  const { slowSinceMs, ...rest } = memory;
  const to = Math.max(pods, leastOf(inputs));
  const block = { pods, sinceMs, finishedRate, waitMs: nextWaitMs(memory, sinceMs) };
  // Going back to what was blocked before is no trial: it is known.
  const isTrial = to < replicas && to !== memory.block?.pods;
  const isKnown = memory.block !== undefined && replicas <= memory.block.pods;
  return {
    ...rest,
    block: withEnd(block, podRatesOf(inputs, memory).sure),
    ...(isTrial && { trial: { sinceMs, atMs: sinceMs, from: replicas, to, finishedRate, ...(isKnown && { enough: replicas }) } }),
  };
}

function withEnd(
  block: Pick<ScaleBlock, 'pods' | 'waitMs'> & { sinceMs: number; finishedRate: number },
  podRate: number | undefined,
): ScaleBlock {
  const holdsMs = wouldShow(block.pods, block.finishedRate, podRate) ? waitMsMax : block.waitMs;
  return { ...block, untilMs: block.sinceMs + holdsMs, ...(podRate !== undefined && { podRate }) };
}

export interface JudgedTrial {
  readonly memory: ScaleMemory;
  /** Absent: it is not known yet, or there is nothing to be judged any more. */
  readonly verdict?: Extract<Verdict, { kind: 'kept' | 'fell' }>;
}

/** Do fewer pods finish as much? Where nothing waits they do. */
export function judgeTrial(inputs: ScaleInputs, known: Known, trial: ScaleTrial): JudgedTrial {
  const { observation, policy, replicas } = inputs;
  const { steadyMs, pods } = observation;
  const { trial: _, block, ...memory } = inputs.memory;
  if (replicas !== trial.to || replicas > policy.max || block === undefined) return { memory: resting(memory, block, steadyMs) };
  const now = finishedOf(observation);
  const isDraining = pods.draining > 0 && steadyMs - trial.sinceMs <= drainWithinMs;
  const atMs = isDraining ? steadyMs : trial.atMs;
  const isOver = !isDraining && steadyMs - atMs >= settleMs;
  const least = trial.finishedRate * (1 - (isOver ? costMost(trial) : fallAtOnce));
  if (now === undefined) return { memory: { ...memory, block, trial: { ...trial, atMs } } };
  const figures = { from: trial.from, to: trial.to, before: trial.finishedRate, now, least };
  const isBusy = known.backlogEvents - observation.inFlight > now;
  if (now < least && isBusy) {
    const then = trial.enough ?? trial.from;
    const verdict = { kind: 'fell', ...figures, then } as const;
    const rested = resting(memory, block, steadyMs, slowness(inputs, trial));
    if (trial.enough === undefined) return { memory: rested, verdict };
    const again = { pods: then, waitMs: block.waitMs, sinceMs: steadyMs, finishedRate: trial.finishedRate };
    return { memory: { ...rested, block: withEnd(again, podRatesOf(inputs, memory).sure) }, verdict };
  }
  if (!isOver) return { memory: { ...memory, block, trial: { ...trial, atMs } } };
  return kept(inputs, memory, block, figures, isFull(inputs) && isBehind(inputs, known, now));
}

/**
 * Still fewer are tried where events were seen to take less time than now; and half as many where they were never seen with pods that had less than
 * they can take, since the server began to look: then the quickest pods may have been held up as well.
 */
function kept(
  inputs: ScaleInputs,
  memory: ScaleMemory,
  block: ScaleBlock,
  figures: Omit<NonNullable<JudgedTrial['verdict']>, 'kind' | 'then'>,
  isHeldUp: boolean,
): JudgedTrial {
  const { steadyMs, laneRateBest } = inputs.observation;
  const { to, before, now } = figures;
  const isSeen = laneRateBest === undefined || laneRateBest.state !== 'unknown';
  const fewer = isSeen ? triedOf(inputs, podRatesOf(inputs, { ...memory, block }), to, now) : Math.max(Math.ceil(to / 2), leastOf(inputs));
  const finishedRate = Math.min(now, before);
  const then = isHeldUp && isWorthIt(to, fewer) ? fewer : to;
  const verdict = { kind: 'kept', ...figures, then } as const;
  if (then === to) return { memory: { ...memory, block: { ...block, finishedRate } }, verdict };
  const trial = { sinceMs: steadyMs, atMs: steadyMs, from: to, to: then, finishedRate, enough: to };
  return { memory: { ...memory, block: { ...block, pods: then, finishedRate }, trial }, verdict };
}

function costMost({ from, to }: ScaleTrial): number {
  return Math.min(fallMost, (fallShare * (from - to)) / from);
}

/**
 * What a pod is known to do by a trial that failed. Where more were proven to bring nothing, too few pods are all that was in the way; undefined: fewer
 * finished less, but more than their part, and that may have been chance.
 */
function slowness({ observation }: ScaleInputs, { from, to, finishedRate, enough }: ScaleTrial): number | undefined {
  const now = amountOf(observation.finishedRate);
  if (now === undefined || now <= 0) return undefined;
  return enough !== undefined || now <= finishedRate * (to / from) * linearMost ? now / to : undefined;
}

/** Without the block, and with its wait before the next trial. */
function resting(memory: ScaleMemory, block: ScaleMemory['block'], steadyMs: number, podRate = memory.rest?.podRate): ScaleMemory {
  if (block === undefined) return memory;
  return { ...memory, rest: { untilMs: steadyMs + block.waitMs, waitMs: block.waitMs, ...(podRate !== undefined && { podRate }) } };
}
