import { expect, test } from 'vitest';
import { decide } from '../../controller/scale/decide.ts';
import { emptyMemory, type ScaleInputs } from '../../controller/scale/decision.ts';
import { known, unknown } from '../../controller/scale/figure.ts';
import type { ScaleObservation } from '../../controller/scale/observation.ts';
import type { ScalePolicy } from '../../controller/scale/policy.ts';

const policy: ScalePolicy = {
  maxAgeMs: 30_000,
  min: 0,
  max: 20,
  boundsFrom: 'manifest',
  prefer: 'balanced',
  concurrency: 16,
  order: 'key',
  keepMs: 300_000,
};
/** 100 events per second on pods that finish 100 each, two of them, for an hour. */
const calm: ScaleObservation = {
  atMs: 3_600_000,
  steadyMs: 3_600_000,
  backlogEvents: known(20),
  oldestAgeMs: known(100),
  arrivalRate: known(100),
  arrivalRateSlow: known(100),
  arrivalRateCalm: known(100),
  arrivalTrend: 0,
  finishedRate: known(100),
  podRate: known(100),
  podRateBest: known(100),
  laneRate: known(10),
  startMs: known(3_000),
  inFlight: 20,
  openCalls: 0,
  askedPods: 0,
  pods: { ready: 2, starting: 0, draining: 0 },
  paused: false,
};
const none = { ready: 0, starting: 0, draining: 0 };
const empty = {
  backlogEvents: known(0),
  arrivalRate: known(0),
  arrivalRateSlow: known(0),
  arrivalRateCalm: known(0),
  finishedRate: known(0),
  inFlight: 0,
};
const never = {
  ...empty,
  podRate: unknown,
  podRateBest: unknown,
  laneRate: unknown,
  arrivalRate: unknown,
  arrivalRateSlow: unknown,
  arrivalRateCalm: unknown,
};
const lost = { backlogEvents: unknown, oldestAgeMs: unknown, arrivalRate: unknown, arrivalRateSlow: unknown, arrivalRateCalm: unknown };
const old = { state: 'stale', value: 0, ageMs: 20_000 } as const;

type Row = [rule: string, seen: Partial<ScaleObservation>, change: Partial<ScalePolicy>, from: number, to: number, reason: string];

test.each<Row>([
  ['enough pods', {}, {}, 2, 2, 'steady'],
  ['a little too many are left alone at first', {}, {}, 3, 3, 'steady'],
  ['a wait that grows too near to maxAge is prevented in one step', { arrivalRate: known(1_500) }, {}, 2, 5, 'predicted-breach'],
  ['a burst that the queue can take', { arrivalRate: known(250) }, {}, 2, 2, 'steady'],
  ['too busy for a minute', { arrivalRate: known(215), arrivalRateSlow: known(215), arrivalRateCalm: known(215) }, {}, 2, 3, 'arrivals'],
  ['not above the maximum', { arrivalRate: known(9_000) }, {}, 2, 20, 'predicted-breach'],
  ['a maximum that was lowered', {}, { max: 1 }, 2, 1, 'maximum'],
  ['a minimum that was raised', {}, { min: 5 }, 2, 5, 'minimum'],
  ['the first event of a function that never ran', { ...never, backlogEvents: known(1), pods: none }, {}, 0, 1, 'first-event'],
  ['the data plane asks before its figures show it', { ...never, askedPods: 1, pods: none }, {}, 0, 1, 'first-event'],
  ['a backlog met by a cold function is planned for at once', { backlogEvents: known(6_000), pods: none }, {}, 0, 4, 'first-event'],
  ['as many pods as open calls need', { ...never, openCalls: 40, askedPods: 3, pods: none }, {}, 0, 3, 'direct-calls'],
  ['idle, but not for long enough', { ...empty, idleMs: 299_999 }, {}, 2, 2, 'steady'],
  ['idle for long enough', { ...empty, idleMs: 300_000 }, {}, 2, 0, 'idle'],
  ['idle, but one event waits', { ...empty, backlogEvents: known(1), idleMs: 300_000 }, {}, 1, 1, 'steady'],
  ['idle down to the minimum', { ...empty, idleMs: 300_000 }, { min: 1 }, 2, 1, 'idle'],
  ['idle without ever having run', { ...never, idleMs: 300_000 }, {}, 1, 0, 'idle'],
  ['unknown figures hold', { ...lost, idleMs: 300_000 }, {}, 7, 7, 'held'],
  ['stale figures hold', { ...empty, backlogEvents: old, idleMs: 300_000 }, {}, 7, 7, 'held'],
  ['unknown figures never hold back a first pod', { ...lost, askedPods: 1, pods: none }, {}, 0, 1, 'first-event'],
  ['paused on purpose', { paused: true, arrivalRate: known(1_000) }, {}, 2, 2, 'held'],
  ['paused, without a pod to be tried on', { paused: true, askedPods: 3, pods: none }, {}, 0, 1, 'first-event'],
  ['paused, and nothing to be tried', { paused: true, pods: none }, {}, 0, 0, 'held'],
  ['stuck: more pods would hang as well', { stuckMs: 60_000, arrivalRate: known(1_000) }, {}, 2, 2, 'held'],
  ['never more pods than find work', { arrivalRate: known(1_500), usefulPods: 4 }, {}, 2, 4, 'predicted-breach'],
  ['the expert threshold alone decides', { backlogEvents: known(520) }, { lagThreshold: 100 }, 2, 5, 'lag-threshold'],
])('%s', (_, seen, change, from, to, reason) => {
  const observation = { ...calm, ...seen };
  const inputs: ScaleInputs = { observation, policy: { ...policy, ...change }, replicas: from, memory: { ...emptyMemory, sinceMs: 0 } };
  expect(decide(inputs)).toMatchObject({ replicas: to, from, reason });
});

test.each([
  ['as far down for half a minute, and by much', { sinceMs: 3_400_000, pods: 2, levelMs: 3_570_000 }, 6, 2],
  ['a little less than that', { sinceMs: 3_400_000, pods: 2, levelMs: 3_570_001 }, 6, 6],
  ['by little: it can wait', { sinceMs: 3_365_001, pods: 5, levelMs: 3_500_000 }, 7, 7],
  ['by little, for four minutes', { sinceMs: 3_365_000, pods: 2, levelMs: 3_500_000 }, 3, 3],
  ['by a single pod, for seven minutes', { sinceMs: 3_180_000, pods: 2, levelMs: 3_500_000 }, 3, 2],
])('down: %s', (_, lower, from, to) => {
  const inputs: ScaleInputs = { observation: calm, policy, replicas: from, memory: { ...emptyMemory, sinceMs: 0, lower } };
  expect(decide(inputs).replicas).toBe(to);
});

test('down: not before figures have come for 5 minutes, nor below what was recommended in that time', () => {
  const lower = { sinceMs: 3_000_000, pods: 2, levelMs: 3_000_000 };
  const observation = calm;
  expect(decide({ observation, policy, replicas: 9, memory: { ...emptyMemory, sinceMs: 3_300_001, lower } }).replicas).toBe(9);
  expect(decide({ observation, policy, replicas: 9, memory: { recommended: [[3_300_001, 9]], sinceMs: 0, lower } }).replicas).toBe(9);
  expect(decide({ observation, policy, replicas: 9, memory: { recommended: [[3_300_000, 9]], sinceMs: 0, lower } }).replicas).toBe(2);
});
