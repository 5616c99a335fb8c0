import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decideReplicas, type ScaleObservation, type ScalePolicy } from '../../controller/scale/decide-replicas.ts';

const policy: ScalePolicy = { min: 0, max: 5, concurrency: 4, warmMin: 0, idleLimitMs: 60_000 };
const quiet: ScaleObservation = { replicas: 0, waitingEvents: 0, wantedPods: 0, idleMs: 0 };

test.each<[string, Partial<ScaleObservation>, Partial<ScalePolicy>, number, string]>([
  ['nothing to do, nothing there', {}, {}, 0, 'steady'],
  ['the first event starts one pod', { waitingEvents: 1, idleMs: undefined }, {}, 1, 'first-event'],
  ['the data plane asks before its report shows it', { wantedPods: 1 }, {}, 1, 'first-event'],
  ['as many events as one pod takes', { replicas: 1, waitingEvents: 4, idleMs: undefined }, {}, 1, 'steady'],
  ['one event more than that', { replicas: 1, waitingEvents: 5, idleMs: undefined }, {}, 2, 'waiting-events'],
  ['up in one step, but not above the maximum', { replicas: 1, waitingEvents: 400, idleMs: undefined }, {}, 5, 'waiting-events'],
  ['at the maximum', { replicas: 5, waitingEvents: 400, idleMs: undefined }, {}, 5, 'maximum'],
  ['a maximum that was lowered', { replicas: 7, waitingEvents: 400, idleMs: undefined }, {}, 5, 'maximum'],
  ['fewer events do not take pods away', { replicas: 3, waitingEvents: 1, idleMs: undefined }, {}, 3, 'steady'],
  ['idle, but not for long enough', { replicas: 3, idleMs: 59_999 }, {}, 3, 'steady'],
  ['idle for long enough', { replicas: 3, idleMs: 60_000 }, {}, 0, 'idle'],
  ['idle down to the minimum', { replicas: 3, idleMs: 60_000 }, { min: 2 }, 2, 'idle'],
  ['idle down to the warm minimum', { replicas: 3, idleMs: 60_000 }, { warmMin: 1 }, 1, 'idle'],
  ['a minimum without any event', {}, { min: 2 }, 2, 'minimum'],
  ['a warm minimum above the maximum', {}, { warmMin: 9 }, 5, 'minimum'],
  ['no figures: hold', { replicas: 3, waitingEvents: undefined, idleMs: undefined }, {}, 3, 'unknown'],
])('%s', (_, observation, change, replicas, reason) => {
  expect(decideReplicas({ ...quiet, ...observation }, { ...policy, ...change })).toMatchObject({ replicas, reason });
});

const observations = fc.record({
  replicas: fc.nat(20),
  waitingEvents: fc.option(fc.nat(1_000), { nil: undefined }),
  wantedPods: fc.nat(20),
  idleMs: fc.option(fc.nat(120_000), { nil: undefined }),
});
const policies = fc
  .record({
    min: fc.nat(5),
    spread: fc.nat(15),
    concurrency: fc.integer({ min: 1, max: 100 }),
    warmMin: fc.nat(5),
    idleLimitMs: fc.nat(60_000),
  })
  .map(({ spread, ...rest }) => ({ ...rest, max: Math.max(1, rest.min + spread) }));

test('law: never above the maximum, never below the minimum', () => {
  fc.assert(
    fc.property(observations, policies, (observation, given) => {
      const { replicas } = decideReplicas(observation, given);
      expect(replicas).toBeLessThanOrEqual(given.max);
      expect(replicas).toBeGreaterThanOrEqual(given.min);
    }),
  );
});

test('law: unknown figures never scale down', () => {
  fc.assert(
    fc.property(observations, policies, (observation, given) => {
      const { replicas } = decideReplicas({ ...observation, waitingEvents: undefined, idleMs: undefined }, given);
      expect(replicas).toBeGreaterThanOrEqual(Math.min(observation.replicas, given.max));
    }),
  );
});

test('law: more waiting events never mean fewer pods', () => {
  fc.assert(
    fc.property(observations, policies, fc.nat(500), (observation, given, more) => {
      const waitingEvents = observation.waitingEvents ?? 1;
      const less = decideReplicas({ ...observation, waitingEvents, idleMs: undefined }, given);
      expect(
        decideReplicas({ ...observation, waitingEvents: waitingEvents + more, idleMs: undefined }, given).replicas,
      ).toBeGreaterThanOrEqual(less.replicas);
    }),
  );
});
