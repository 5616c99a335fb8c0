import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import type { Streams } from '../../controller/ports/streams.ts';
import { systemRandom } from '../../controller/random.ts';
import { settableClock } from '../contract/settable-clock.ts';
import { openOnDisk } from '../contract/sqlite-on-disk.ts';
import { hex, type Memory, newMemory, outcomeOf, plain, type StateSubject, weightedStateSteps } from './state-steps.ts';

type Subject = StateSubject & { readonly streams: Streams };
type Step = (subject: Subject, memory: Memory) => Promise<unknown>;

const bytes = (text: string) => new TextEncoder().encode(text);

const append = fc
  .array(
    fc.record({
      partition: fc.nat(2),
      key: fc.option(fc.uint8Array({ maxLength: 4 }), { nil: null }),
      value: fc.option(fc.uint8Array({ maxLength: 300 }), { nil: null }),
    }),
    { maxLength: 8 },
  )
  .map(
    (records): Step =>
      subject =>
        subject.streams.append(
          't',
          records.map(record => ({ ...record, headers: [['h', bytes('x')]] })),
        ),
  );

const read = fc.tuple(fc.nat(1), fc.nat(60), fc.integer({ min: 1, max: 20 })).map(
  ([partition, from, records]): Step =>
    async subject => {
      const result = await subject.streams.read('t', partition, from, { records, bytes: 1e6 });
      return [
        result.nextOffset,
        result.records.map(({ offset, appendedAtMs, key, value, headers }) => [offset, appendedAtMs, hex(key), hex(value), headers.length]),
      ];
    },
);

const expire = fc.nat(100).map(
  (afterMs): Step =>
    async (subject, memory) => [await subject.streams.expire(memory.nowMs + afterMs), await subject.streams.bounds('t')],
);

const step: fc.Arbitrary<Step> = fc.oneof(
  ...weightedStateSteps,
  { weight: 2, arbitrary: append },
  { weight: 2, arbitrary: read },
  { weight: 1, arbitrary: expire },
);

test.each(['inline', 'outbox'] as const)('any sequence of steps is answered by sqlite as by memory, emits %s', async emits => {
  const clock = settableClock(1000);
  const disk = await openOnDisk(clock, emits);
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(step, fc.nat(20)), { minLength: 10, maxLength: 60 }), async steps => {
        const memoryAdapters = createMemoryAdapters({ clock, random: systemRandom, emits });
        const unit = `u.${clock.nowMs}`;
        const subjects: (Subject & { memory: Memory })[] = [memoryAdapters, disk.adapters].map(({ state, streams }) => ({
          state,
          streams,
          memory: newMemory(unit),
        }));
        await disk.adapters.state.expire(Infinity, 0);
        await disk.adapters.streams.deleteTopic('t');
        for (const { streams } of subjects) await streams.ensureTopic('t', { partitions: 2, retention: { ageMs: 60 } });
        for (const [each, passMs] of steps) {
          clock.nowMs += 1 + passMs;
          const [expected, actual] = await Promise.all(
            subjects.map(subject => {
              subject.memory.nowMs = clock.nowMs;
              return outcomeOf(() => each(subject, subject.memory));
            }),
          );
          expect(plain(actual)).toEqual(plain(expected));
        }
      }),
      { numRuns: 150 },
    );
  } finally {
    await disk.close();
  }
});
