import type { ScaleInputs, Sizing } from './decision.ts';
import { amountOf, type Figure } from './figure.ts';
import type { PartitionWork, ScaleObservation } from './observation.ts';
import { type Band, bands, type ScalePolicy } from './policy.ts';

/** Between a figure and what follows from it: a tick to see it, a tick to act. */
const reactionMs = 2_000;
/** Before a first start was measured. */
const startGuessMs = 3_000;
/** A step up is sized for this time ahead, so that a ramp takes few of them. */
const aheadSeconds = 60;
/** How far a trend may carry an estimate above what was seen. */
const trendShareMax = 1.25;

/** The figures that sizing cannot do without. */
export interface Known {
  readonly backlogEvents: number;
  readonly oldestAgeMs: number;
  readonly arrivalRate: number;
  readonly arrivalRateSlow: number;
  readonly podRate: number;
}

/** Undefined: one of them is not known now, and a decision rests on none of them. */
export function knownOf(observation: ScaleObservation): Known | undefined {
  const now = (figure: Figure) => (figure.state === 'known' ? figure.value : undefined);
  const backlogEvents = now(observation.backlogEvents);
  const arrivalRate = now(observation.arrivalRate);
  const podRate = amountOf(observation.podRate);
  if (backlogEvents === undefined || arrivalRate === undefined || podRate === undefined || podRate <= 0) return undefined;
  return {
    backlogEvents,
    arrivalRate,
    podRate,
    oldestAgeMs: amountOf(observation.oldestAgeMs) ?? 0,
    arrivalRateSlow: amountOf(observation.arrivalRateSlow) ?? arrivalRate,
  };
}

interface Demand {
  readonly predictedAgeMs: number;
  readonly forArrivals: number;
  readonly forBacklog: number;
}

/**
 * How many pods the load needs. A breach is expected when events that arrive within the next two starts of a pod would wait longer than the band's
 * share of `maxAge`: who waits longer with the decision cannot be helped any more. Pods that are called for start to work after `horizonMs`; what
 * waits by then is to be done within the age left. Monotone in backlog and in arrivals.
 */
export function size(inputs: ScaleInputs, known: Known, highestLately: (recommended: number) => number, blockedAt: number): Sizing {
  const { observation, policy, replicas } = inputs;
  const band = bands[policy.prefer];
  const horizonMs = (amountOf(observation.startMs) ?? startGuessMs) + reactionMs;
  const horizon = horizonMs / 1_000;
  const ageBoundMs = policy.maxAgeMs * band.ageShare;
  const drainMs = clamp(policy.maxAgeMs - known.oldestAgeMs - horizonMs, policy.maxAgeMs / 4, policy.maxAgeMs / 2);
  const expectedRate = ahead(known.arrivalRate, known, observation.arrivalTrend, horizon);
  const slowRate = ahead(known.arrivalRateSlow, known, observation.arrivalTrend, horizon);
  const waitingEvents = Math.max(0, known.backlogEvents - observation.inFlight);
  const backlogThen = Math.max(0, waitingEvents + (expectedRate - observation.pods.ready * known.podRate) * horizon);
  const shared: Shared = { inputs, known, band, ageBoundMs, drainMs, expectedRate, slowRate, backlogThen, horizon };
  const byPartition = partitionsOf(observation, policy);
  const demand =
    byPartition === undefined ? demandOfKeys(shared) : demandOfPartitions(shared, byPartition.partitions, byPartition.laneRate);
  const forCalls = Math.ceil(observation.openCalls / policy.concurrency);
  const unclamped = unclampedOf(policy, demand, waitingEvents, forCalls);
  const useful = Math.min(observation.usefulPods ?? Number.POSITIVE_INFINITY, blockedAt);
  const hasWork = known.backlogEvents > 0 || known.arrivalRate > 0 || observation.openCalls > 0;
  const wanted = Math.min(Math.max(podsOf(unclamped), hasWork || replicas > 0 ? 1 : 0), Math.max(1, useful));
  const recommended = clamp(Math.max(wanted, forCalls), Math.min(policy.min, policy.max), policy.max);
  return {
    horizonMs,
    expectedRate,
    waitingEvents,
    backlogThen,
    drainMs,
    predictedAgeMs: demand.predictedAgeMs,
    ageBoundMs,
    busy: replicas === 0 ? 0 : slowRate / (replicas * known.podRate),
    forArrivals: demand.forArrivals,
    forBacklog: demand.forBacklog,
    forCalls,
    unclamped,
    useful,
    recommended,
    highestLately: highestLately(recommended),
  };
}

interface Shared {
  readonly inputs: ScaleInputs;
  readonly known: Known;
  readonly band: Band;
  readonly ageBoundMs: number;
  readonly drainMs: number;
  readonly expectedRate: number;
  readonly slowRate: number;
  readonly backlogThen: number;
  readonly horizon: number;
}

function demandOfKeys(shared: Shared): Demand {
  const { inputs, known, band, ageBoundMs, drainMs, expectedRate, slowRate, backlogThen, horizon } = shared;
  const capacity = inputs.replicas * known.podRate;
  const later = Math.max(0, backlogThen + (expectedRate - capacity) * horizon);
  const predictedAgeMs = later === 0 ? 0 : (later / capacity) * 1_000;
  const isBreach = predictedAgeMs > ageBoundMs;
  // Without danger the slow estimate decides: the queue is there to take what comes in bursts.
  const calm = ahead(known.arrivalRateSlow, known, inputs.observation.arrivalTrend, aheadSeconds);
  const alarmed = ahead(known.arrivalRate, known, inputs.observation.arrivalTrend, aheadSeconds);
  const rate = isBreach ? Math.max(calm, alarmed) : isBusy(slowRate, capacity, band) ? calm : Math.min(calm, slowRate);
  const drain = isBreach ? backlogThen / (drainMs / 1_000) : 0;
  return { predictedAgeMs, forArrivals: rate / (known.podRate * band.target), forBacklog: drain / known.podRate };
}

/** Each partition is one lane, whatever the number of pods: what it cannot do alone, no pod does for it. */
function demandOfPartitions(shared: Shared, partitions: readonly PartitionWork[], laneRate: number): Demand {
  const { inputs, known, band, ageBoundMs, drainMs } = shared;
  const { concurrency } = inputs.policy;
  let due = 0;
  let arrivals = 0;
  let lanes = 0;
  for (const [rate, waiting] of partitions) {
    due += Math.min(laneRate, rate + waiting / (ageBoundMs / 1_000));
    arrivals += Math.min(1, rate / (laneRate * band.target));
    lanes += Math.min(1, (rate / band.target + waiting / (drainMs / 1_000)) / laneRate);
  }
  const capacity = inputs.replicas * known.podRate;
  const predictedAgeMs = due === 0 ? 0 : due <= capacity ? (due / capacity) * ageBoundMs : (due / capacity) * ageBoundMs;
  return { predictedAgeMs, forArrivals: arrivals / concurrency, forBacklog: (lanes - arrivals) / concurrency };
}

function partitionsOf(observation: ScaleObservation, policy: ScalePolicy) {
  const laneRate = amountOf(observation.laneRate);
  const { partitions } = observation;
  if (policy.order !== 'partition' || partitions === undefined || laneRate === undefined || laneRate <= 0) return undefined;
  return { partitions, laneRate };
}

/** Partitions whose arrivals alone are more than one lane does, the hottest first. */
export function hotPartitions({ observation, policy }: ScaleInputs): readonly PartitionWork[] {
  const by = partitionsOf(observation, policy);
  if (by === undefined) return [];
  return by.partitions.filter(([rate]) => rate > by.laneRate * 0.98).sort((a, b) => b[0] - a[0]);
}

export function isBusy(slowRate: number, capacity: number, band: Band): boolean {
  return slowRate > capacity * band.upper;
}

function unclampedOf(policy: ScalePolicy, demand: Demand, waitingEvents: number, forCalls: number): number {
  if (policy.lagThreshold !== undefined) return waitingEvents / policy.lagThreshold + forCalls;
  return demand.forArrivals + demand.forBacklog + forCalls;
}

/** The estimate `seconds` from now: a trend carries it up, within bounds, and never down. */
function ahead(rate: number, known: Known, trend: number, seconds: number): number {
  const seen = Math.max(known.arrivalRate, known.arrivalRateSlow);
  return Math.max(rate, Math.min(rate + Math.max(0, trend) * seconds, seen * trendShareMax));
}

/** Whole pods; a billionth of one is rounding, not work. */
function podsOf(pods: number): number {
  return Math.ceil(pods - 1e-9);
}

export function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
