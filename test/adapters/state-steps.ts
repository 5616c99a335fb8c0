import fc from 'fast-check';
import type { CommitRequest, StateStore } from '../../controller/ports/state.ts';

export type StateSubject = { readonly state: StateStore };
type Step = (subject: StateSubject, memory: Memory) => Promise<unknown>;

/** What an owner knows: commits are mostly right, and wrong in every way now and then. */
export interface Memory {
  readonly unit: string;
  nowMs: number;
  readonly ordinals: Map<string, number>;
  /** By source, as are ordinals: who claimed it last, and above which offset nothing is done. */
  readonly owners: Map<string, string>;
  readonly ends: Map<string, number>;
  readonly versions: Map<string, string | null>;
  last: CommitRequest | undefined;
}

export function newMemory(unit: string): Memory {
  return { unit, nowMs: 0, ordinals: new Map(), owners: new Map(), ends: new Map(), versions: new Map(), last: undefined };
}

const keys = ['a', 'b', 'c\0d', 'é', ''];
const ids = ['1', '2', '3'];
const bytes = (text: string) => new TextEncoder().encode(text);
const key = fc.constantFrom(...keys);
const id = fc.constantFrom(...ids);
const owner = fc.constantFrom('one', 'one', 'one', 'two');
const sourceName = fc.constantFrom('t.0', 't.1');

const claim = fc.tuple(sourceName, owner, fc.nat(50)).map(
  ([name, ownerToken, committedOffset]): Step =>
    (subject, memory) =>
      claimAs(subject, memory, name, ownerToken, committedOffset),
);

async function claimAs({ state }: StateSubject, memory: Memory, name: string, ownerToken: string, committedOffset: number) {
  const facts = { ownerToken, brokerGeneration: 0, nowMs: memory.nowMs, committedOffset };
  const claimed = await state.claim({ unit: memory.unit, name }, facts);
  memory.ordinals.set(name, 0);
  memory.owners.set(name, ownerToken);
  memory.ends.set(name, Math.max(memory.ends.get(name) ?? 0, claimed.frontier));
  return claimed;
}

/** Nothing, nearly always. */
function seldom<Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> {
  return fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
}

const some = <Value>(value: Value | undefined): Value[] => (value === undefined ? [] : [value]);

function rangesFrom(start: number, ranges: readonly (readonly [gap: number, count: number])[]) {
  let at = start;
  return ranges.map(([gap, count]) => {
    const from = at + gap;
    at = from + count;
    return [from, at] as const;
  });
}

const commit = fc
  .record({
    name: sourceName,
    other: seldom(owner),
    ordinalError: fc.constantFrom(...new Array<number>(18).fill(0), 1, -1),
    again: fc.integer({ min: 0, max: 9 }),
    /** Ranges of offsets, each so far above the one before. */
    done: fc.array(fc.tuple(fc.constantFrom(0, 0, 1, 2, 9), fc.constantFrom(1, 1, 1, 5, 40, 300)), { maxLength: 4 }),
    /** Where offsets may be done already, and gaps be filled. */
    before: fc.constantFrom(0, 0, 0, 1, 3, 20),
    expectedFrontier: seldom(fc.nat(3)),
    highSeqOffset: fc.nat(10),
    ids: seldom(id).map(some),
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
      if (!memory.owners.has(chosen.name)) await claimAs(subject, memory, chosen.name, 'one', 0);
      if (chosen.again === 0 && memory.last !== undefined) return subject.state.commit(source, memory.last);
      const ordinal = (memory.ordinals.get(chosen.name) ?? 0) + 1 + chosen.ordinalError;
      const request: CommitRequest = {
        ownerToken: chosen.other ?? memory.owners.get(chosen.name) ?? '',
        ordinal,
        id: `c${memory.nowMs}-${memory.versions.size}-${ordinal}`,
        stream: `${chosen.name}|s`,
        ...(chosen.expectedFrontier === undefined ? {} : { expectedFrontier: chosen.expectedFrontier }),
        highSeqOffset: chosen.highSeqOffset,
        highSeqs: [{ stream: 's', seq: { generation: 1, counter: chosen.highSeqOffset } }],
        done: rangesFrom(Math.max(0, (memory.ends.get(chosen.name) ?? 0) - chosen.before), chosen.done),
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
        memory.ends.set(chosen.name, Math.max(memory.ends.get(chosen.name) ?? 0, ...request.done.map(([, to]) => to)));
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
    (subject, memory) => {
      memory.owners.delete(name);
      memory.ends.set(name, offset);
      return subject.state.resetProgress({ unit: memory.unit, name }, offset);
    },
);
const expireIds = fc.nat(500).map(
  (bytesMax): Step =>
    (subject, memory) =>
      subject.state.expire(memory.nowMs, bytesMax),
);

/** A step of one owner, by weight. */
export const weightedStateSteps: readonly { readonly weight: number; readonly arbitrary: fc.Arbitrary<Step> }[] = [
  { weight: 10, arbitrary: commit },
  { weight: 3, arbitrary: claim },
  { weight: 1, arbitrary: attempts },
  { weight: 1, arbitrary: trim },
  { weight: 1, arbitrary: expireIds },
  { weight: 1, arbitrary: reset },
  { weight: 3, arbitrary: fc.constant(look) },
];

export const stateStep: fc.Arbitrary<Step> = fc.oneof(...weightedStateSteps);

/** The answer, or the code of the error. */
export function outcomeOf(step: () => Promise<unknown>): Promise<unknown> {
  return step().catch(codeOf);
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error) return String(error.code);
  throw error;
}

export function hex(part: Uint8Array | null): string | null {
  return part && Buffer.from(part).toString('hex');
}

/** Maps and byte arrays by content. */
export function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value ?? null, (_, part) =>
      part instanceof Map ? [...part] : part instanceof Uint8Array ? Buffer.from(part).toString('hex') : part,
    ),
  );
}
