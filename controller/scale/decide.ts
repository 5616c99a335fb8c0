import { conditionsOf } from './conditions.ts';
import type { ScaleDecision, ScaleInputs, ScaleMemory, ScaleReason, Sizing } from './decision.ts';
import { bands } from './policy.ts';
import { type Judged, remember, stableMs } from './remember.ts';
import { clamp, isTooBusy, type Known, knownOf, size } from './size.ts';
import { leastOf } from './trial.ts';

/** A step down has to be worth it: this part of the pods, at least one. */
const downShare = 0.2;
/** Much is taken as soon as it has been that much for a minute; what is less can wait: a load that falls is followed in few steps. */
const muchShare = 0.6;
const levelForMs = 30_000;
const lowerForMs = 235_000;
/** A single pod can wait longer still: the load may want it back. */
const oneForMs = 420_000;

/**
 * How many pods a function is to have. Laws: never above `max` nor below `min`; a step up is never above what partitions leave useful; missing or stale
 * figures take no pod away; to zero only when it is known that nothing waits and nothing came for `keepMs`; down only to what was recommended at most in
 * the last 5 minutes; monotone in backlog and arrivals (but for pods that are given back because something behind them gives no more, and while a step
 * down waits for its time); the same inputs give the same decision.
 */
export function decide(inputs: ScaleInputs): ScaleDecision {
  const { observation, policy, replicas } = inputs;
  const floor = Math.min(policy.min, policy.max);
  const known = knownOf(observation);
  if (observation.paused) return whilePaused(inputs, floor);
  if (known === undefined) return withoutFigures(inputs, floor);
  const judged = remember(inputs, known);
  const blockedAt = blockOf(judged.memory, observation.steadyMs);
  const sizing = size(inputs, known, recommended => Math.max(recommended, ...recentOf(judged.memory, observation.steadyMs)), blockedAt);
  const { lower: _, ...rest } = judged.memory;
  const lower = lowerOf(inputs, judged.memory, Math.max(sizing.highestLately, floor, busyPods(inputs, sizing)));
  const memory: ScaleMemory = { ...rest, ...(lower && { lower }) };
  const choice = tryOf(inputs, judged, choose(inputs, sizing, known, memory, floor));
  return {
    replicas: choice.pods,
    from: replicas,
    reason: choice.reason,
    sizing,
    conditions: conditionsOf(inputs, sizing, memory),
    ...(judged.verdict && { verdict: judged.verdict }),
    memory: after(inputs, memory, sizing, choice, known),
  };
}

interface Choice {
  readonly pods: number;
  readonly reason: ScaleReason;
}

function choose(inputs: ScaleInputs, sizing: Sizing, known: Known, memory: ScaleMemory, floor: number): Choice {
  const { observation, policy, replicas } = inputs;
  if (replicas > policy.max) return { pods: policy.max, reason: 'maximum' };
  const { lower } = memory;
  const up = upwards(inputs, sizing, known);
  const wanted = clamp(Math.max(up?.pods ?? 0, wakes(inputs, known) ? 1 : 0), floor, policy.max);
  if (wanted > replicas) return { pods: wanted, reason: up !== undefined && up.pods > floor ? up.reason : reasonOfFloor(wanted, floor) };
  if (observation.stuckMs !== undefined) return { pods: replicas, reason: 'held' };
  if (isIdle(inputs, known) && replicas > floor) return { pods: floor, reason: 'idle' };
  if (lower !== undefined && mayGoDown(inputs, memory)) return { pods: lower.pods, reason: 'less-load' };
  return { pods: replicas, reason: 'steady' };
}

function reasonOfFloor(wanted: number, floor: number): ScaleReason {
  return wanted === floor ? 'minimum' : 'first-event';
}

/** A step up, where one is due: it goes all the way at once. Open calls are work that can wait for nothing. */
function upwards(inputs: ScaleInputs, sizing: Sizing, known: Known): Choice | undefined {
  const { observation, policy, replicas } = inputs;
  const calls = Math.min(Math.max(sizing.forCalls, observation.openCalls > 0 ? observation.askedPods : 0), policy.max);
  const forEvents = upForEvents(inputs, sizing, known);
  return calls > Math.max(replicas, forEvents?.pods ?? 0) ? { pods: calls, reason: 'direct-calls' } : forEvents;
}

function upForEvents({ observation, policy, replicas }: ScaleInputs, sizing: Sizing, known: Known): Choice | undefined {
  const { recommended } = sizing;
  if (recommended <= replicas || observation.stuckMs !== undefined) return undefined;
  if (policy.lagThreshold !== undefined) return { pods: recommended, reason: 'lag-threshold' };
  if (replicas === 0) return wakes({ observation, policy, replicas }, known) ? { pods: recommended, reason: 'first-event' } : undefined;
  if (sizing.predictedAgeMs > sizing.ageBoundMs) return { pods: recommended, reason: 'predicted-breach' };
  return isTooBusy(sizing.busy, sizing.predictedAgeMs / 1_000, policy) ? { pods: recommended, reason: 'arrivals' } : undefined;
}

function wakes({ observation }: Pick<ScaleInputs, 'observation' | 'policy' | 'replicas'>, known: Pick<Known, 'backlogEvents'>): boolean {
  return known.backlogEvents > 0 || observation.askedPods > 0 || observation.openCalls > 0;
}

function isIdle({ observation, policy }: ScaleInputs, known: Known): boolean {
  const isEmpty = known.backlogEvents === 0 && observation.inFlight === 0 && observation.openCalls === 0 && observation.askedPods === 0;
  return isEmpty && known.arrivalRate === 0 && observation.idleMs !== undefined && observation.idleMs >= policy.keepMs;
}

function mayGoDown({ observation, replicas }: ScaleInputs, memory: ScaleMemory): boolean {
  const { steadyMs } = observation;
  const { lower, sinceMs } = memory;
  if (lower === undefined || sinceMs === undefined || steadyMs - sinceMs < stableMs) return false;
  const isMuch = lower.pods <= replicas * muchShare;
  return (
    (isMuch && steadyMs - lower.levelMs >= levelForMs) || steadyMs - lower.sinceMs >= (lower.pods === replicas - 1 ? oneForMs : lowerForMs)
  );
}

/** Fewer would be too busy by the slow estimate, which may be ahead of the calm one. */
function busyPods({ policy, replicas }: ScaleInputs, { busy }: Sizing): number {
  return Math.ceil((busy * replicas) / bands[policy.prefer].target - 1e-9);
}

/** Whether fewer pods would do, and for how long by now. */
function lowerOf({ observation, replicas }: ScaleInputs, memory: ScaleMemory, pods: number): ScaleMemory['lower'] {
  if (replicas - pods < Math.max(1, Math.floor(replicas * downShare))) return undefined;
  const { lower } = memory;
  const { steadyMs } = observation;
  if (lower === undefined) return { sinceMs: steadyMs, pods, levelMs: steadyMs };
  return lower.pods === pods ? lower : { ...lower, pods, levelMs: steadyMs };
}

/** To what is tried, at once; back from what failed, at once, but to no more than finds work. Else what the load asks for. */
function tryOf(inputs: ScaleInputs, { verdict }: Judged, asked: Choice): Choice {
  const { observation, policy, replicas } = inputs;
  switch (verdict?.kind) {
    case 'useless':
    case 'poor':
    case 'slow': {
      const pods = clamp(verdict.tried, leastOf(inputs), policy.max);
      return pods < replicas ? { pods, reason: 'downstream' } : asked;
    }
    case 'kept':
      return verdict.then < replicas ? { pods: verdict.then, reason: 'downstream' } : asked;
    case 'fell': {
      const pods = Math.min(verdict.then, observation.usefulPods ?? verdict.then, policy.max);
      return pods >= asked.pods ? { pods, reason: 'undone' } : asked;
    }
    default:
      return asked;
  }
}

/** While the bound holds it is that; when its time is over one careful step more is tried, and a larger one when it has moved. */
function blockOf({ block }: ScaleMemory, steadyMs: number): number {
  if (block === undefined) return Number.POSITIVE_INFINITY;
  if (block.isRisen) return block.pods * 2;
  return steadyMs < block.untilMs ? block.pods : block.pods + Math.max(1, Math.ceil(block.pods / 4));
}

function recentOf(memory: ScaleMemory, steadyMs: number): readonly number[] {
  return memory.recommended.filter(([atMs]) => atMs > steadyMs - stableMs).map(([, pods]) => pods);
}

function after(inputs: ScaleInputs, memory: ScaleMemory, sizing: Sizing, { pods, reason }: Choice, known: Known): ScaleMemory {
  const { observation, replicas } = inputs;
  const { steadyMs } = observation;
  const kept = memory.recommended.filter(([atMs, value]) => atMs > steadyMs - stableMs && value > sizing.recommended);
  const isUp = pods > replicas && reason !== 'undone';
  const step = isUp && replicas > 0 && observation.pods.ready > 0 ? stepTo(pods, inputs, memory, known) : undefined;
  const { lower, ...rest } = memory;
  return {
    ...rest,
    ...(lower !== undefined && pods === replicas && { lower }),
    ...(isUp && { lastUpMs: steadyMs }),
    recommended: [...kept, [steadyMs, Math.max(sizing.recommended, pods > replicas ? pods : 0)]],
    ...(step && { step }),
  };
}

/** What is to be judged: the step from pods that all work; one that comes before those of the last one do is a part of that. */
function stepTo(to: number, { observation, replicas }: ScaleInputs, { step }: ScaleMemory, known: Known): ScaleMemory['step'] {
  const { steadyMs: atMs, finishedRate: finished, pods } = observation;
  if (step !== undefined && pods.ready < step.to) return { ...step, atMs, to };
  const finishedRate = finished.state === 'known' ? finished.value : replicas * known.podRate;
  return { atMs, from: replicas, to, finishedRate };
}

/** Its pods stay as they are; a function that has none gets the one on which single events are tried. */
function whilePaused(inputs: ScaleInputs, floor: number): ScaleDecision {
  const { observation, replicas } = inputs;
  const kept = Math.max(replicas, floor);
  const isAsked = observation.askedPods > 0 || observation.openCalls > 0;
  return kept === 0 && isAsked ? unsized(inputs, 1, 'first-event') : unsized(inputs, kept, 'held');
}

/** What to do when a figure is missing or old: nothing is taken away, what asks for a first pod gets it. */
function withoutFigures(inputs: ScaleInputs, floor: number): ScaleDecision {
  const { observation, policy, replicas } = inputs;
  const { backlogEvents, podRate } = observation;
  const isNew = backlogEvents.state === 'known' && podRate.state === 'unknown';
  if (isNew && isIdleWithoutRate(inputs))
    return unsized(inputs, Math.min(replicas, floor) === floor ? floor : replicas, replicas > floor ? 'idle' : 'steady');
  const asks = observation.askedPods > 0 || observation.openCalls > 0 || (backlogEvents.state === 'known' && backlogEvents.value > 0);
  const calls = observation.openCalls > 0 ? Math.max(observation.askedPods, Math.ceil(observation.openCalls / policy.concurrency)) : 0;
  const pods = clamp(Math.max(replicas, calls, asks ? 1 : 0), floor, policy.max);
  if (pods === replicas) return unsized(inputs, pods, isNew ? 'steady' : 'held');
  if (pods < replicas) return unsized(inputs, pods, 'maximum');
  return unsized(inputs, pods, pods === floor ? 'minimum' : calls >= pods ? 'direct-calls' : 'first-event');
}

/** A function that never ran has no rate of its own, and may still be idle. */
function isIdleWithoutRate({ observation, policy }: ScaleInputs): boolean {
  const { backlogEvents, inFlight, openCalls, askedPods, idleMs } = observation;
  const isEmpty = backlogEvents.state === 'known' && backlogEvents.value === 0 && inFlight === 0 && openCalls === 0 && askedPods === 0;
  return isEmpty && idleMs !== undefined && idleMs >= policy.keepMs;
}

function unsized(inputs: ScaleInputs, pods: number, reason: ScaleReason): ScaleDecision {
  const { policy, replicas, memory } = inputs;
  const { block, rest, trial } = memory;
  return {
    replicas: Math.min(pods, Math.max(policy.max, 0)),
    from: replicas,
    reason,
    conditions: conditionsOf(inputs, undefined, memory),
    // Without figures there is nothing that a later step down could rest on, nor a trial be judged by.
    memory: { recommended: memory.recommended, ...(block && trial === undefined && { block }), ...(rest && { rest }) },
  };
}
