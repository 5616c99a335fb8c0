import type { ScaleInputs, Sizing } from './decision.ts';
import { amountOf, type Figure } from './figure.ts';
import type { PartitionWork, ScaleObservation } from './observation.ts';
import { type Band, bands, type ScalePolicy, startGuessMs } from './policy.ts';

/** Between a figure and what follows from it: a tick to see it, a tick to act. */
export const reactionMs = 2_000;
/** A step up is sized for this time ahead, so that a ramp takes few of them. */
const aheadSeconds = 60;
/** A breach that is expected again within this time was not prevented by a step for a burst. */
const againMs = 30_000;
/** A queue of this part of `maxAge` is one. */
const queueShare = 0.1;
/** How far a trend may carry an estimate above what was seen. */
const trendShareMax = 1.3;

/** The figures that sizing cannot do without. */
export interface Known {
  readonly backlogEvents: number;
  readonly oldestAgeMs: number;
  readonly arrivalRate: number;
  readonly arrivalRateSlow: number;
  readonly arrivalRateCalm: number;
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
    arrivalRateCalm: amountOf(observation.arrivalRateCalm) ?? arrivalRate,
  };
}

interface Demand {
  readonly predictedAgeMs: number;
  readonly forArrivals: number;
  readonly forBacklog: number;
}

/**
 * How many pods the load needs. Pods that are called for now work after `horizonMs`; a breach is expected when an event that comes then would wait
 * longer than the band's share of `maxAge`. Without danger the slow estimate of the arrivals decides, because the queue is there to take what comes in
 * bursts. In danger there are to be enough for what waits by then and what comes until a next decision could help, within the age that is left: events
 * are handled in their order, so that who is quick enough for the last one is quick enough for all. Monotone in backlog and in arrivals.
 */
export function size(inputs: ScaleInputs, known: Known, highestLately: (recommended: number) => number, blockedAt: number): Sizing {
  const { observation, policy, replicas } = inputs;
  const band = bands[policy.prefer];
  const horizonMs = (amountOf(observation.startMs) ?? startGuessMs) + reactionMs;
  const horizon = horizonMs / 1_000;
  const ageBoundMs = policy.maxAgeMs * band.ageShare;
  const leftMs = policy.maxAgeMs - known.oldestAgeMs - horizonMs;
  const drainMs = clamp(leftMs, policy.maxAgeMs * band.drainShare * 0.5, policy.maxAgeMs * band.drainShare);
  const expectedRate = known.arrivalRate;
  const slowRate = ahead(known, observation.arrivalTrend, horizon);
  const waitingEvents = Math.max(0, known.backlogEvents - observation.inFlight);
  const backlogThen = Math.max(0, waitingEvents + (expectedRate - observation.pods.ready * known.podRate) * horizon);
  const busy = replicas === 0 ? 0 : slowRate / (replicas * known.podRate);
  const grown = ahead(known, observation.arrivalTrend, aheadSeconds);
  const rate = isTooBusy(busy, backlogThen / (replicas * known.podRate), inputs.policy)
    ? (grown * band.target) / band.room
    : Math.min(known.arrivalRateCalm, slowRate);
  const lastUpMs = inputs.memory.lastUpMs;
  const isAgain = lastUpMs !== undefined && observation.steadyMs - lastUpMs <= againMs;
  const shared: Shared = { inputs, known, band, ageBoundMs, drainMs, rate, isAgain, backlogThen, horizon };
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
    busy,
    forArrivals: demand.forArrivals,
    forBacklog: demand.forBacklog,
    forCalls,
    unclamped,
    floor: policy.min,
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
  readonly rate: number;
  /** A step up was taken a moment ago and was not enough. */
  readonly isAgain: boolean;
  readonly backlogThen: number;
  readonly horizon: number;
}

function demandOfKeys({ inputs, known, band, ageBoundMs, drainMs, rate, isAgain, backlogThen, horizon }: Shared): Demand {
  const capacity = inputs.replicas * known.podRate;
  const predictedAgeMs = backlogThen === 0 ? 0 : (backlogThen / capacity) * 1_000;
  const isBreach = predictedAgeMs > ageBoundMs;
  const due = (backlogThen + (known.arrivalRate * horizon) / 2) / (drainMs / 1_000 + horizon / 2);
  // One step may be a burst that is over soon; a second one at once is a load that stays.
  const arrivals = isBreach && isAgain ? Math.max(rate, known.arrivalRate * 0.98) : rate;
  return {
    predictedAgeMs,
    forArrivals: arrivals / (known.podRate * band.target),
    forBacklog: isBreach ? due / known.podRate : 0,
  };
}

/** Each partition is one lane, whatever the number of pods: what it cannot do alone, no pod does for it. */
function demandOfPartitions(shared: Shared, partitions: readonly PartitionWork[], laneRate: number): Demand {
  const { inputs, known, band, ageBoundMs, drainMs, horizon } = shared;
  const { concurrency } = inputs.policy;
  const drain = drainMs / 1_000;
  let due = 0;
  let arrivals = 0;
  let lanes = 0;
  for (const [rate, waiting] of partitions) {
    due += Math.min(laneRate, rate + waiting / (ageBoundMs / 1_000));
    arrivals += Math.min(1, rate / (laneRate * band.target));
    lanes += Math.min(1, (waiting + rate * horizon) / (drain + horizon) / laneRate);
  }
  const capacity = inputs.replicas * known.podRate;
  const predictedAgeMs = due === 0 ? 0 : (due / capacity) * ageBoundMs;
  return { predictedAgeMs, forArrivals: arrivals / concurrency, forBacklog: predictedAgeMs > ageBoundMs ? lanes / concurrency : 0 };
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

/** Above the band, or above what the pods can do with a queue to show for it. */
export function isTooBusy(busy: number, queueSeconds: number, { prefer, maxAgeMs }: ScalePolicy): boolean {
  const { upper } = bands[prefer];
  return busy > upper || (busy > Math.min(1, upper) && queueSeconds * 1_000 > maxAgeMs * queueShare);
}

function unclampedOf(policy: ScalePolicy, demand: Demand, waitingEvents: number, forCalls: number): number {
  if (policy.lagThreshold !== undefined) return waitingEvents / policy.lagThreshold + forCalls;
  return Math.max(demand.forArrivals, demand.forBacklog) + forCalls;
}

/** The slow estimate `seconds` from now: a trend carries it up, within bounds, and never down. */
function ahead({ arrivalRate, arrivalRateSlow }: Known, trend: number, seconds: number): number {
  const most = Math.max(arrivalRate, arrivalRateSlow) * trendShareMax;
  return Math.max(arrivalRateSlow, Math.min(arrivalRateSlow + Math.max(0, trend) * seconds, most));
}

/** Whole pods; a billionth of one is rounding, not work. */
function podsOf(pods: number): number {
  return Math.ceil(pods - 1e-9);
}

export function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
