import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { systemRandom } from '../../controller/random.ts';
import { openOnServer, redisForTests } from '../contract/redis-on-server.ts';
import { settableClock } from '../contract/settable-clock.ts';
import { describeWith } from '../services/needed-service.ts';
import { redisService } from '../services/redis.ts';
import { newMemory, outcomeOf, plain, stateStep } from './state-steps.ts';

describeWith(redisService, 'random steps', () => {
  const redis = redisForTests();

  test('any sequence of steps is answered by redis as by memory', { timeout: 120_000 }, async () => {
    const clock = settableClock(1000);
    const server = await openOnServer(redis(), clock);
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.tuple(stateStep, fc.nat(20)), { minLength: 10, maxLength: 60 }), async steps => {
          const memoryAdapters = createMemoryAdapters({ clock, random: systemRandom, emits: 'outbox' });
          await server.adapters.state.expire(Number.MAX_SAFE_INTEGER, 0);
          const unit = `u.n${clock.nowMs}`;
          const subjects = [memoryAdapters, server.adapters].map(({ state }) => ({ state, memory: newMemory(unit) }));
          for (const [step, passMs] of steps) {
            clock.nowMs += 1 + passMs;
            const [expected, actual] = await Promise.all(
              subjects.map(({ state, memory }) => {
                memory.nowMs = clock.nowMs;
                return outcomeOf(() => step({ state }, memory));
              }),
            );
            expect(plain(actual)).toEqual(plain(expected));
          }
        }),
        // Each step is a round trip: a busy machine makes fewer runs, and says nothing wrong.
        { numRuns: 60, interruptAfterTimeLimit: 40_000 },
      );
    } finally {
      await server.close();
    }
  });
});
