import { podsText } from '../api/figure-text.ts';
import type { ScaleBlock, ScaleCondition, ScaleInputs, ScaleMemory, Sizing } from './decision.ts';
import type { Figure } from './figure.ts';
import { eventsText, perSecond, timeText } from './figure-text.ts';
import type { BudgetShare } from './policy.ts';
import { hotPartitions } from './size.ts';

/** What keeps a function from being as quick as it should, or its scaling from acting; each with what can be done about it. */
export function conditionsOf(inputs: ScaleInputs, sizing: Sizing | undefined, memory: ScaleMemory): readonly ScaleCondition[] {
  const found = [
    failing(inputs),
    stale(inputs),
    stuck(inputs),
    partitionBound(inputs, sizing),
    downstream(inputs, sizing, memory),
    atMax(inputs, sizing),
  ];
  return found.filter(condition => condition !== undefined);
}

function failing({ observation }: ScaleInputs): ScaleCondition | undefined {
  if (!observation.paused) return undefined;
  return {
    type: 'Failing',
    message: 'nothing is dispatched, because almost every event failed',
    advice: 'Look at the errors with `faas logs`, then deploy a correction or `faas rollback`. Pods stay as they are.',
  };
}

function stale({ observation: { backlogEvents, arrivalRate } }: ScaleInputs): ScaleCondition | undefined {
  const figures: readonly (readonly [string, Figure])[] = [
    ['backlog', backlogEvents],
    ['arrivals', arrivalRate],
  ];
  const missing = figures.filter(([, figure]) => figure.state === 'stale');
  if (missing.length === 0) return undefined;
  const parts = missing.map(
    ([name, figure]) => `${name} ${figure.state === 'stale' ? `is ${timeText(figure.ageMs)} old` : 'is not known'}`,
  );
  return {
    type: 'MetricsStale',
    message: parts.join(', '),
    advice: 'The log or the store cannot be read: see `faas logs` of the server. No pod is taken away until it can.',
  };
}

function stuck({ observation }: ScaleInputs): ScaleCondition | undefined {
  if (observation.stuckMs === undefined) return undefined;
  return {
    type: 'Stuck',
    message: `events wait and nothing was finished for ${timeText(observation.stuckMs)}, with ${podsText(observation.pods.ready)} ready`,
    advice: 'The handler hangs, or the store takes no commits: see `faas logs`, and `limits.timeout`. More pods would hang as well.',
  };
}

function partitionBound(inputs: ScaleInputs, sizing: Sizing | undefined): ScaleCondition | undefined {
  const { observation, replicas } = inputs;
  const [hottest] = hotPartitions(inputs);
  const lane = observation.laneRate;
  if (hottest !== undefined && lane.state !== 'unknown') {
    return {
      type: 'PartitionBound',
      message: `one partition gets ${perSecond(hottest[0])} and can be handled at ${perSecond(lane.value)}, whatever the number of pods`,
      advice: 'Use `order: key` if order per key is enough, spread the keys over more partitions, or make the handler quicker.',
    };
  }
  const { usefulPods } = observation;
  if (sizing === undefined || usefulPods === undefined || usefulPods > replicas) return undefined;
  if (sizing.unclamped <= usefulPods || sizing.predictedAgeMs <= sizing.ageBoundMs) return undefined;
  return {
    type: 'PartitionBound',
    message: `${eventsText(sizing.waitingEvents)} wait in so few partitions or keys that only ${podsText(usefulPods)} ${usefulPods === 1 ? 'finds' : 'find'} work`,
    advice: 'Spread the load over more keys or partitions: the events of one are handled one after another.',
  };
}

/** While as many pods as are left were wanted lately; not yet while it is tried whether fewer do as much. */
function downstream({ observation, replicas }: ScaleInputs, sizing: Sizing | undefined, memory: ScaleMemory): ScaleCondition | undefined {
  const { block, trial } = memory;
  if (block === undefined || trial !== undefined || replicas > block.pods * 2 + 1) return undefined;
  if (sizing !== undefined && sizing.highestLately < Math.min(block.pods, replicas)) return undefined;
  return {
    type: 'DownstreamBound',
    message: `more than ${podsText(block.pods)} brought nothing; ${againText(block, observation.steadyMs)}`,
    advice: 'Something that the handler calls gives no more (a database, an API, the processors): raise its limit, or lower `scale.max`.',
  };
}

function againText({ untilMs, isRisen, finishedRate }: ScaleBlock, steadyMs: number): string {
  if (isRisen) return 'they finish more by now, so that twice as many may be tried';
  if (untilMs <= steadyMs) return 'one step more is tried now';
  const sooner = finishedRate === undefined ? '' : `, or when they finish clearly more than ${perSecond(finishedRate)}`;
  return `tried again in ${timeText(untilMs - steadyMs)}${sooner}`;
}

function atMax({ policy, replicas }: ScaleInputs, sizing: Sizing | undefined): ScaleCondition | undefined {
  if (sizing === undefined || replicas < policy.max || sizing.predictedAgeMs <= sizing.ageBoundMs) return undefined;
  const needed = Math.ceil(Math.min(sizing.unclamped, sizing.useful));
  if (needed <= policy.max) return undefined;
  if (policy.budget !== undefined) return budgetBound(policy.budget, needed);
  return {
    type: 'AtMax',
    message: `${podsText(needed)} are needed for ${timeText(policy.maxAgeMs)} and ${policy.max} are allowed (${policy.boundsFrom})`,
    advice:
      policy.boundsFrom === 'override'
        ? 'The bound was set by hand: lift it with `faas scale clear`, or set a higher one with `faas scale set`.'
        : 'Raise `scale.max`, or `scale.maxAge`, or make the handler quicker.',
  };
}

function budgetBound({ pods, share, neededByAll, functionsInNeed, waitedMs }: BudgetShare, needed: number): ScaleCondition {
  if (waitedMs !== undefined)
    return {
      type: 'BudgetBound',
      message: `${podsText(needed)} are needed and there is none: ${functionsInNeed} functions need one, ${pods} may run, and they take turns of a minute for each unit of their weight`,
      advice: 'Raise the setting `scale.budget` to the number of functions that have work at the same time, or more.',
    };
  return {
    type: 'BudgetBound',
    message: `${podsText(needed)} are needed and ${share} are its share: all functions need ${neededByAll}, and ${pods} may run`,
    advice: 'Raise the setting `scale.budget`, lower `scale.max` of others, or give this function a larger `scale.weight`.',
  };
}
