import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import type { CommitRequest, StateStore } from '../../controller/ports/state.ts';
import type { Streams } from '../../controller/ports/streams.ts';
import { systemRandom } from '../../controller/random.ts';
import { settableClock } from '../contract/settable-clock.ts';
import { openOnDisk } from '../contract/sqlite-on-disk.ts';

type Subject = { readonly state: StateStore; readonly streams: Streams };
type Step = (subject: Subject, memory: Memory) => Promise<unknown>;

/** What an owner knows: commits are mostly right, and wrong in every way now and then. */
interface Memory {
  unit: string;
  nowMs: number;
  readonly ordinals: Map<string, number>;
  readonly versions: Map<string, string | null>;
  last: CommitRequest | undefined;
}

const keys = ['a', 'b', 'c\0d', 'é', ''];
const ids = ['1', '2', '3'];
const bytes = (text: string) => new TextEncoder().encode(text);
const key = fc.constantFrom(...keys);
const id = fc.constantFrom(...ids);
const owner = fc.constantFrom('one', 'one', 'one', 'two');
const sourceName = fc.constantFrom('t.0', 't.1');

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

const claim = fc.tuple(sourceName, owner, fc.nat(50)).map(
  ([name, ownerToken, committedOffset]): Step =>
    async (subject, memory) => {
      memory.ordinals.set(name, 0);
      return subject.state.claim({ unit: memory.unit, name }, { ownerToken, brokerGeneration: 0, nowMs: memory.nowMs, committedOffset });
    },
);

const commit = fc
  .record({
    name: sourceName,
    ownerToken: owner,
    ordinalError: fc.constantFrom(0, 0, 0, 0, 1, -1),
    again: fc.integer({ min: 0, max: 9 }),
    done: fc.uniqueArray(fc.nat(40), { maxLength: 4 }),
    expectedFrontier: fc.option(fc.nat(3), { nil: undefined, freq: 9 }),
    highSeqOffset: fc.nat(10),
    ids: fc.uniqueArray(id, { maxLength: 1 }),
    knownIds: fc.oneof({ weight: 9, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(id, { maxLength: 1 }) }),
    reads: fc.uniqueArray(key, { maxLength: 2 }),
    wrongVersion: fc.integer({ min: 0, max: 9 }),
    writes: fc.array(fc.tuple(key, fc.option(fc.uint8Array({ maxLength: 20 }), { nil: null })), { maxLength: 3 }),
    emits: fc.array(fc.nat(2), { maxLength: 3 }),
    clearAttempts: fc.array(fc.nat(5), { maxLength: 1 }),
  })
  .map((chosen): Step => {
    return async (subject, memory) => {
      const source = { unit: memory.unit, name: chosen.name };
      if (chosen.again === 0 && memory.last !== undefined) return subject.state.commit(source, memory.last);
      const ordinal = (memory.ordinals.get(chosen.name) ?? 0) + 1 + chosen.ordinalError;
      const request: CommitRequest = {
        ownerToken: chosen.ownerToken,
        ordinal,
        id: `c${memory.nowMs}-${memory.versions.size}-${ordinal}`,
        stream: `${chosen.name}|s`,
        ...(chosen.expectedFrontier === undefined ? {} : { expectedFrontier: chosen.expectedFrontier }),
        highSeqOffset: chosen.highSeqOffset,
        highSeqs: [{ stream: 's', seq: { generation: 1, counter: chosen.highSeqOffset } }],
        done: chosen.done.toSorted((a, b) => a - b).map(offset => [offset, offset + 1] as const),
        clearAttempts: chosen.clearAttempts,
        ids: chosen.ids.map(each => ({ id: each, expiresAtMs: memory.nowMs + 50, answer: bytes(each) })),
        knownIds: chosen.knownIds,
        reads: chosen.reads.map(each => ({
          key: each,
          version: chosen.wrongVersion === 0 ? 'wrong:0' : (memory.versions.get(each) ?? null),
        })),
        writes: chosen.writes.map(([each, value]) => ({ key: each, value })),
        emits: chosen.emits.map(partition => ({ topic: 't', partition, key: null, value: bytes(`${partition}`), headers: [] })),
      };
      memory.last = request;
      const result = await subject.state.commit(source, request).catch(codeOf);
      if (typeof result === 'object' && result.kind === 'ok') {
        memory.ordinals.set(chosen.name, ordinal);
        for (const { key: each, version } of await subject.state.read(memory.unit, keys)) memory.versions.set(each, version);
      }
      return result;
    };
  });

const attempts = fc.tuple(sourceName, owner, fc.nat(5)).map(
  ([name, ownerToken, offset]): Step =>
    (subject, memory) =>
      subject.state.recordAttempts({ unit: memory.unit, name }, ownerToken, [
        { offset, suspect: true, exclusiveCrashes: 1, failures: offset },
      ]),
);

const look: Step = async (subject, memory) => [
  await subject.state.list(memory.unit, { limit: 100 }).then(entries => entries.map(entry => [entry.key, hex(entry.value), entry.version])),
  await subject.state.progress(memory.unit),
  await subject.state.figures(memory.unit),
  (await subject.state.known(memory.unit, ids)).map(known => [known.id, hex(known.answer ?? null)]),
];

const trim = fc.tuple(sourceName, owner, fc.nat(3)).map(
  ([name, ownerToken, counter]): Step =>
    (subject, memory) =>
      subject.state.trim({ unit: memory.unit, name }, ownerToken, { generation: memory.nowMs, counter }),
);

const reset = fc.tuple(sourceName, fc.nat(9)).map(
  ([name, offset]): Step =>
    (subject, memory) =>
      subject.state.resetProgress({ unit: memory.unit, name }, offset),
);
const expireIds = fc.nat(500).map(
  (bytesMax): Step =>
    (subject, memory) =>
      subject.state.expire(memory.nowMs, bytesMax),
);

const step = fc.oneof(
  { weight: 10, arbitrary: commit },
  { weight: 3, arbitrary: claim },
  { weight: 2, arbitrary: append },
  { weight: 2, arbitrary: read },
  { weight: 1, arbitrary: attempts },
  { weight: 1, arbitrary: trim },
  { weight: 1, arbitrary: expire },
  { weight: 1, arbitrary: expireIds },
  { weight: 1, arbitrary: reset },
  { weight: 3, arbitrary: fc.constant(look) },
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
          memory: { unit, nowMs: 0, ordinals: new Map(), versions: new Map(), last: undefined },
        }));
        await disk.adapters.state.expire(Infinity, 0);
        await disk.adapters.streams.deleteTopic('t');
        for (const { streams } of subjects) await streams.ensureTopic('t', { partitions: 2, retention: { ageMs: 60 } });
        for (const [each, passMs] of steps) {
          clock.nowMs += 1 + passMs;
          const [expected, actual] = await Promise.all(
            subjects.map(subject => {
              subject.memory.nowMs = clock.nowMs;
              return each(subject, subject.memory).catch(codeOf);
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

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error) return String(error.code);
  throw error;
}

function hex(part: Uint8Array | null): string | null {
  return part && Buffer.from(part).toString('hex');
}

/** Maps and byte arrays by content. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value ?? null, (_, part) =>
      part instanceof Map ? [...part] : part instanceof Uint8Array ? Buffer.from(part).toString('hex') : part,
    ),
  );
}
