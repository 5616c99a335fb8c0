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
/** What the quickest pods finished together, and what is finished now: from this part of it on they may have had the same bound. */
const openShare = 0.9;
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

/** All ready pods have as much as they take, and what waits takes too long at what is finished now: that they finish little is not for a lack of work. */
export function isBehind({ observation, policy }: ScaleInputs, known: Known, finished: number): boolean {
  const { inFlight, pods, usefulPods } = observation;
  const isFull = inFlight >= 0.9 * pods.ready * policy.concurrency && (usefulPods === undefined || usefulPods >= pods.ready);
  const boundSeconds = (policy.maxAgeMs * bands[policy.prefer].ageShare) / 2_000;
  return isFull && known.backlogEvents - inFlight > finished * boundSeconds;
}

/** What a pod would finish if nothing were behind it, by what was seen lately. */
export function quickestOf({ podRateBest }: ScaleInputs['observation'], { block, rest }: ScaleMemory): number | undefined {
  const best = Math.max(amountOf(podRateBest) ?? 0, block?.podRate ?? 0);
  return best > 0 ? Math.min(best, rest?.podRate ?? best) : undefined;
}

/**
 * The pods that would finish as much, were each as quick as the quickest, and one more: what it adds when the bound moves is seen at once, while just
 * enough pods would finish the same before and after.
 */
export function enoughOf(finished: number, podRate: number): number {
  return Math.max(1, Math.ceil(finished / podRate - roundedDown)) + 1;
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
function isSeen(pods: number, finished: number, podRate: number | undefined): boolean {
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
  return {
    ...rest,
    block: withEnd(block, quickestOf(observation, memory)),
    ...(isTrial && { trial: { sinceMs, atMs: sinceMs, from: replicas, to, finishedRate } }),
  };
}

function withEnd(
  block: Pick<ScaleBlock, 'pods' | 'waitMs'> & { sinceMs: number; finishedRate: number },
  podRate: number | undefined,
): ScaleBlock {
  const holdsMs = isSeen(block.pods, block.finishedRate, podRate) ? waitMsMax : block.waitMs;
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
    if (trial.enough === undefined) return { memory: resting(memory, block, steadyMs, slowness(inputs, trial)), verdict };
    const again = { pods: then, waitMs: block.waitMs, sinceMs: steadyMs, finishedRate: trial.finishedRate };
    return { memory: { ...memory, block: withEnd(again, quickestOf(observation, memory)) }, verdict };
  }
  if (!isOver) return { memory: { ...memory, block, trial: { ...trial, atMs } } };
  return kept(inputs, memory, block, figures, isBusy && isBehind(inputs, known, now));
}

/** Where the quickest pods were as many as finish what is finished now, they may have been held up as well: half as many are tried next. */
function kept(
  inputs: ScaleInputs,
  memory: ScaleMemory,
  block: ScaleBlock,
  figures: Omit<NonNullable<JudgedTrial['verdict']>, 'kind' | 'then'>,
  isBehind: boolean,
): JudgedTrial {
  const { steadyMs, podRateBest, podRateBestPods = 0 } = inputs.observation;
  const { to, before, now } = figures;
  const isOpen = isBehind && podRateBestPods * (amountOf(podRateBest) ?? 0) > now * openShare;
  const finishedRate = Math.min(now, before);
  const then = isOpen ? Math.min(to, Math.max(Math.ceil(to / 2), leastOf(inputs))) : to;
  const verdict = { kind: 'kept', ...figures, then } as const;
  if (then === to) return { memory: { ...memory, block: { ...block, finishedRate } }, verdict };
  const trial = { sinceMs: steadyMs, atMs: steadyMs, from: to, to: then, finishedRate, enough: to };
  return { memory: { ...memory, block: { ...block, pods: then, finishedRate }, trial }, verdict };
}

function costMost({ from, to }: ScaleTrial): number {
  return Math.min(fallMost, (fallShare * (from - to)) / from);
}

/** Undefined: fewer pods finished less, but more than their part. */
function slowness({ observation }: ScaleInputs, { from, to, finishedRate }: ScaleTrial): number | undefined {
  const now = amountOf(observation.finishedRate);
  return now !== undefined && now > 0 && now <= finishedRate * (to / from) * linearMost ? now / to : undefined;
}

/** Without the block, and with its wait before the next trial. */
function resting(memory: ScaleMemory, block: ScaleMemory['block'], steadyMs: number, podRate = memory.rest?.podRate): ScaleMemory {
  if (block === undefined) return memory;
  return { ...memory, rest: { untilMs: steadyMs + block.waitMs, waitMs: block.waitMs, ...(podRate !== undefined && { podRate }) } };
}
