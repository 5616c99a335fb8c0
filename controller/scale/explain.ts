import { number, podsText } from '../api/figure-text.ts';
import { boundLines } from './bound-text.ts';
import { decide } from './decide.ts';
import type { ScaleDecision, ScaleInputs, ScaleReason, Sizing } from './decision.ts';
import { amountOf } from './figure.ts';
import { eventsText, figureText, perSecond, timeText } from './figure-text.ts';
import type { ScaleObservation } from './observation.ts';
import { type BudgetShare, bands, type ScalePolicy } from './policy.ts';
import { unreachable } from './reachable.ts';
import { hotPartitions } from './size.ts';

export interface Explanation {
  readonly decision: ScaleDecision;
  /** What was seen. */
  readonly inputs: readonly string[];
  /** From the figures to the number, a step per line. */
  readonly arithmetic: readonly string[];
  /** Why this one and no other, in a sentence. */
  readonly because: string;
  /** What would have had to be different. */
  readonly otherwise: readonly string[];
  /** What is asked for and cannot be had. */
  readonly warnings: readonly string[];
}

/** Computes a decision again from its inputs and puts it in words; nothing of it was ever stored as text. */
export function explain(inputs: ScaleInputs): Explanation {
  const decision = decide(inputs);
  const { sizing } = decision;
  const warning = unreachable(inputs.policy, amountOf(inputs.observation.startMs));
  return {
    decision,
    inputs: inputLines(inputs.observation, inputs.policy),
    arithmetic: sizing === undefined ? [`no arithmetic: ${because(decision, inputs)}`] : arithmeticLines(inputs, sizing, decision),
    because: because(decision, inputs),
    otherwise: sizing === undefined ? [] : otherwise(inputs, sizing, decision),
    warnings: warning === undefined ? [] : [warning],
  };
}

function inputLines(seen: ScaleObservation, policy: ScalePolicy): readonly string[] {
  const { pods } = seen;
  return [
    `arrivals ${figureText(seen.arrivalRate, perSecond)} now, ${figureText(seen.arrivalRateSlow, perSecond)} by the last minute, trend ${number(seen.arrivalTrend)}/s each second`,
    `finished ${figureText(seen.finishedRate, perSecond)}${seen.finishedRateCalm === undefined ? '' : ` now, ${figureText(seen.finishedRateCalm, perSecond)} by the last 10 s`}`,
    `backlog ${figureText(seen.backlogEvents, eventsText)}, ${seen.inFlight} of them in flight; the oldest is ${figureText(seen.oldestAgeMs, timeText)} old`,
    `one pod finishes ${figureText(seen.podRate, perSecond)}, at most ${figureText(seen.podRateBest, perSecond)} lately, and works ${figureText(seen.startMs, timeText)} after it is wished for`,
    `pods ${pods.ready} ready, ${pods.starting} starting, ${pods.draining} draining; asked for ${seen.askedPods}; ${seen.openCalls} direct ${seen.openCalls === 1 ? 'call' : 'calls'} open`,
    `policy: maxAge ${timeText(policy.maxAgeMs)}, ${policy.min} to ${podsText(policy.max)} (${policy.boundsFrom}), prefer ${policy.prefer}, order ${policy.order}`,
  ];
}

function arithmeticLines(inputs: ScaleInputs, sizing: Sizing, decision: ScaleDecision): readonly string[] {
  const { policy, replicas, observation } = inputs;
  const band = bands[policy.prefer];
  const rate = observation.podRate.state === 'unknown' ? 0 : observation.podRate.value;
  const isBreach = sizing.predictedAgeMs > sizing.ageBoundMs;
  return [
    `expected in ${timeText(sizing.horizonMs)} (a start and a reaction): ${perSecond(sizing.expectedRate)}; waiting then: ${eventsText(sizing.backlogThen)}`,
    `with ${podsText(replicas)} an event would wait ${timeText(sizing.predictedAgeMs)}, ${isBreach ? 'above' : 'within'} ${timeText(sizing.ageBoundMs)} (${number(band.ageShare * 100)} % of maxAge)`,
    `busy ${number(sizing.busy * 100)} %; sized for ${number(band.target * 100)} %, more from ${number(band.upper * 100)} %`,
    policy.lagThreshold === undefined
      ? `for arrivals ${podsText(sizing.forArrivals)} of ${perSecond(rate)}; for the backlog within ${timeText(sizing.drainMs)} ${number(sizing.forBacklog)}; for calls ${sizing.forCalls}`
      : `one pod per ${policy.lagThreshold} waiting events: ${number(sizing.unclamped)}`,
    `together ${number(sizing.unclamped)}; useful at most ${number(sizing.useful)}; within ${policy.min}..${policy.max}: ${sizing.recommended}`,
    ...(policy.budget === undefined ? [] : [budgetLine(policy.budget)]),
    `recommended at most in the last 5 minutes: ${sizing.highestLately}`,
    ...boundLines(inputs, decision),
    `${decision.from} -> ${podsText(decision.replicas)} (${decision.reason})`,
  ];
}

function budgetLine({ pods, share, needed, neededByAll, weight, weightOfAll, functionsInNeed, waitedMs }: BudgetShare): string {
  const line = `budget of ${podsText(pods)} for all: needed ${needed} here and ${neededByAll} by all, weight ${weight} of ${weightOfAll}; its share is ${share}`;
  if (waitedMs === undefined) return line;
  return `${line}: ${functionsInNeed} functions need one and take turns; it has waited ${timeText(waitedMs)}`;
}

function because(decision: ScaleDecision, inputs: ScaleInputs): string {
  const { reason, replicas } = decision;
  const { policy } = inputs;
  const sentences: Readonly<Record<Exclude<ScaleReason, 'held' | 'steady'>, string>> = {
    'first-event': 'there is work and no pod',
    'direct-calls': 'so many direct calls are open',
    'predicted-breach': `without more pods events would wait longer than a part of maxAge ${timeText(policy.maxAgeMs)} allows`,
    arrivals: 'the pods have been too busy for a minute',
    'lag-threshold': 'the expert threshold asks for it',
    'less-load': 'no more was needed in the last 5 minutes',
    idle: `nothing waits and nothing came for ${timeText(policy.keepMs)}`,
    minimum: `at least ${policy.min} ${policy.min === 1 ? 'is' : 'are'} wanted (${policy.boundsFrom}${aheadText[policy.boundsFrom] ?? ''})`,
    maximum: `at most ${policy.max} are allowed (${policy.boundsFrom})`,
    downstream: triedBecause(decision),
    undone: `fewer pods finished less`,
  };
  switch (reason) {
    case 'held':
      return `${podsText(replicas)} ${replicas === 1 ? 'is' : 'are'} held: ${heldBecause(inputs)}`;
    case 'steady':
      return steadyBecause(decision);
    default:
      return sentences[reason];
  }
}

function triedBecause({ from, verdict }: ScaleDecision): string {
  if (verdict?.kind === 'useless') return `the step to ${from} brought nothing`;
  if (verdict?.kind === 'kept') return `${podsText(from)} finish as much as more of them did, and fewer are tried`;
  return `${podsText(from)} finish so little that fewer are tried`;
}

function steadyBecause({ replicas, sizing, memory: { block, trial } }: ScaleDecision): string {
  const pods = `${podsText(replicas)} ${replicas === 1 ? 'is' : 'are'}`;
  if (trial !== undefined) return `${pods} tried in place of ${trial.from}: whether they finish as much is not known yet`;
  const isBound = block !== undefined && sizing !== undefined && sizing.useful <= replicas && sizing.unclamped > replicas;
  return isBound ? `${pods} enough for what is behind them: more brought nothing` : `${pods} what is needed, or near enough to it`;
}

/** Why there is a pod ahead of work. */
const aheadText: Partial<Record<ScalePolicy['boundsFrom'], string>> = {
  habit: ': by its idle times something comes about now',
  due: ': a schedule is due',
  caller: ': what calls it has woken',
};

function heldBecause({ observation }: ScaleInputs): string {
  if (observation.paused) return 'dispatching is paused because almost every event failed';
  if (observation.stuckMs !== undefined) return `nothing was finished for ${timeText(observation.stuckMs)}`;
  return 'a figure is missing or old, and missing data takes no pod away';
}

function otherwise(inputs: ScaleInputs, sizing: Sizing, { from, replicas, memory }: ScaleDecision): readonly string[] {
  const { policy, observation } = inputs;
  const lines: string[] = [];
  const { block, trial } = memory;
  const rate = observation.podRate.state === 'unknown' ? 0 : observation.podRate.value;
  if (replicas <= from && sizing.predictedAgeMs <= sizing.ageBoundMs && from > 0)
    lines.push(
      `up: at more than ${perSecond(from * rate * bands[policy.prefer].upper)} for a minute, or a wait above ${timeText(sizing.ageBoundMs)}`,
    );
  if (replicas >= from && sizing.highestLately < from)
    lines.push(`down to ${sizing.highestLately}: once that has held for 5 minutes and saves a fifth of the pods`);
  if (block !== undefined && trial === undefined && Math.ceil(sizing.unclamped) > sizing.useful)
    lines.push(`without what is behind them: ${podsText(Math.min(Math.ceil(sizing.unclamped), policy.max))}`);
  const needed = Math.ceil(Math.min(sizing.unclamped, sizing.useful));
  if (needed > policy.max) lines.push(`with a higher max: ${podsText(needed)}`);
  if (hotPartitions(inputs).length > 0) lines.push('with `order: key`: the hot partition’s keys could run side by side');
  return lines;
}
