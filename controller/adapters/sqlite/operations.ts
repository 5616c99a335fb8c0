import type { ContextSpec } from '../../manifest/spec.ts';
import type { HistoryQuery } from '../../ports/history.ts';
import type { Bundle, Condition, ContextRecord, FunctionRecord, Leader, NewRevision, RevisionRecord } from '../../ports/registry.ts';
import type { CommitRequest, CommitResult, KnownId, ParkedEvent, SourceProgress, StateFigures } from '../../ports/state.ts';
import type { CommittedOffset, TopicOptions } from '../../ports/streams.ts';
import type { Chunk } from './record-codec.ts';

/**
 * What the main thread asks of the worker: plain values that survive structured cloning. Binary content travels packed in one ArrayBuffer
 * that changes hands; an answer with `buffers` hands those over. Reads run outside of transactions, writes in the one of their group.
 */
export interface ReadOperations {
  topics(): readonly StoredTopic[];
  readLog(at: { slot: number; fromOffset: number; records: number; bytes: number }): LogSlice;
  bounds(at: SlotRange): readonly { startOffset: number; endOffset: number }[];
  offsetsAt(at: SlotRange & { timeMs: number }): readonly number[];
  committed(at: { group: string; topic: string }): readonly CommittedOffset[];
  readState(at: { unit: string; keys: PackedBytes }): StateSlice;
  known(at: { unit: string; ids: readonly string[]; nowMs: number }): readonly KnownId[];
  listState(at: { unit: string; prefix: Uint8Array; after: Uint8Array | undefined; limit: number }): readonly StoredValue[];
  figures(unit: string): StateFigures;
  progress(unit: string): readonly SourceProgress[];
  parked(unit: string): readonly StoredParkedKey[];
  parkedEvents(at: { unit: string; source: string; key: Uint8Array; limit: number }): readonly ParkedEvent[];
  verify(at: { unit: string; source: string; ownerToken: string; ordinal: number }): 'ok' | 'fenced' | 'rollback';
  contexts(): readonly ContextRecord[];
  functions(context: string | undefined): readonly FunctionRecord[];
  revisions(unit: string): readonly RevisionRecord[];
  conditions(unit: string): readonly Condition[];
  bundle(hash: string): Bundle | undefined;
  leader(at: { name: string; nowMs: number }): Leader | undefined;
  readHistory(query: HistoryQuery): readonly StoredHistoryEntry[];
  lastHistoryId(): number;
}

export interface WriteOperations {
  ensureTopic(at: { topic: string; options: TopicOptions }): StoredTopic;
  deleteTopic(topic: string): void;
  /** Answers the first offset of each chunk. */
  append(at: { chunks: readonly Chunk[]; data: ArrayBuffer; atMs: number }): readonly number[];
  setCommitted(at: { group: string; topic: string; offsets: readonly CommittedOffset[]; mode: 'ifAbsent' | 'replace' }): void;
  deleteGroup(group: string): void;
  /** One step of retention; `nextSlot` is where the next one begins. */
  expireLog(at: { nowMs: number; fromSlot: number }): { removed: number; nextSlot: number | undefined };
  claim(at: {
    unit: string;
    source: string;
    ownerToken: string;
    brokerGeneration: number;
    nowMs: number;
    committedOffset: number;
    topicId?: string | undefined;
  }): StoredClaim;
  commit(commit: PackedCommit): CommitAnswer;
  recordAttempts(at: { unit: string; source: string; ownerToken: string; attempts: readonly StoredAttempt[] }): 'ok' | 'fenced';
  trim(at: { unit: string; source: string; ownerToken: string; generation: number; counter: number }): 'ok' | 'fenced';
  resetProgress(at: { unit: string; source: string; offset: number; ownerToken: string | undefined }): 'ok' | 'fenced';
  replayParked(at: { unit: string; source: string; key: Uint8Array }): 'ok' | 'unknown';
  deleteUnit(unit: string): void;
  /** One step; `more`: the next one may find something. */
  expireIds(at: { nowMs: number; bytesMax: number }): { removed: number; boundHit: boolean; more: boolean };
  putRevisions(at: { context: string; revisions: readonly NewRevision[] }): readonly RevisionRecord[];
  activate(at: { spec: ContextSpec; revisionIds: ReadonlyMap<string, string>; atMs: number }): void;
  setCondition(at: { unit: string; condition: Condition }): void;
  removeCondition(at: { unit: string; type: string }): void;
  hold(at: { unit: string; untilMs: number | undefined }): void;
  removeFunctions(at: { context: string; functionName: string | undefined }): void;
  putBundle(at: { hash: string; bundle: Bundle }): void;
  prune(keep: number): number;
  lead(at: { name: string; holder: string; ttlMs: number; nowMs: number }): { readonly fencing: number } | undefined;
  resign(at: { name: string; holder: string }): void;
  writeHistory(entries: readonly StoredHistoryEntry[]): void;
  /** One step; `more`: the next one may find something. */
  expireHistory(nowMs: number): { removed: number; more: boolean };
}

export type Operations = ReadOperations & WriteOperations;
export type OperationName = keyof Operations;
export type ArgumentOf<N extends OperationName> = Parameters<Operations[N]>[0];
export type AnswerOf<N extends OperationName> = ReturnType<Operations[N]>;

export interface Request {
  readonly id: number;
  readonly name: OperationName;
  readonly argument: unknown;
}

/** `answers` are in the order in which they were carried out; `appended` is what their writes added to the log, without what is large. */
export type FromWorker =
  | { readonly kind: 'open' }
  | { readonly kind: 'refused'; readonly error: StoredError }
  | { readonly kind: 'answers'; readonly answers: readonly Answer[]; readonly appended: readonly LogChunk[] }
  | { readonly kind: 'closed' };

export type Answer = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: StoredError };

export interface StoredError {
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
}

export interface SlotRange {
  readonly firstSlot: number;
  readonly partitions: number;
}

export interface StoredTopic extends SlotRange {
  readonly topic: string;
}

export interface LogSlice {
  /** Consecutive records each; the i-th lies in the i-th buffer. */
  readonly slices: readonly { readonly firstOffset: number; readonly atMs: number }[];
  readonly buffers: readonly ArrayBuffer[];
  readonly nextOffset: number;
  readonly endOffset: number;
}

/** A row of the log as it was written. Its records fill the buffer, which holds nothing else. */
export interface LogChunk {
  readonly slot: number;
  readonly firstOffset: number;
  readonly records: number;
  readonly atMs: number;
  readonly data: ArrayBuffer;
}

/** Byte strings one after the other; a length of -1 is null. */
export interface PackedBytes {
  readonly lengths: readonly number[];
  readonly data: ArrayBuffer;
}

export interface StateSlice {
  readonly versions: readonly (string | null)[];
  /** -1: no value. */
  readonly lengths: readonly number[];
  readonly buffers: readonly ArrayBuffer[];
}

export interface StoredValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly version: string;
}

export interface StoredAttempt {
  readonly offset: number;
  readonly suspect: boolean;
  readonly exclusiveCrashes: number;
  readonly failures: number;
}

export interface StoredClaim {
  readonly generation: number;
  readonly topicId: string | undefined;
  readonly frontier: number;
  readonly highSeqOffset: number;
  readonly highSeqs: readonly StoredSeq[];
  readonly done: readonly number[];
  readonly attempts: readonly StoredAttempt[];
  readonly outbox: readonly StoredOutboxEntry[];
  readonly parked: readonly StoredParkedKey[];
}

export interface StoredParkedKey {
  readonly source: string;
  readonly key: Uint8Array;
  readonly events: number;
  readonly replay: boolean;
}

/** Keys are bytes. */
export interface StoredParking {
  readonly holds: readonly { readonly key: Uint8Array; readonly offset: number; readonly entry: Uint8Array }[];
  readonly pops: readonly { readonly key: Uint8Array; readonly offset: number }[];
  readonly unflags: readonly Uint8Array[];
}

export type StoredSeq = readonly [stream: string, generation: number, counter: number];

export interface StoredOutboxEntry {
  readonly generation: number;
  readonly counter: number;
  readonly stream: string;
  readonly topic: string;
  readonly partition: number;
  /** One packed record. */
  readonly payload: Uint8Array;
}

/** CommitRequest with everything of variable length packed into `data`, in the order of the fields here. */
export interface PackedCommit
  extends Pick<CommitRequest, 'ownerToken' | 'ordinal' | 'id' | 'stream' | 'highSeqOffset' | 'done' | 'clearAttempts'> {
  readonly unit: string;
  readonly source: string;
  readonly nowMs: number;
  readonly expectedFrontier: number | undefined;
  readonly highSeqs: readonly StoredSeq[];
  readonly readVersions: readonly (string | null)[];
  readonly idExpiries: readonly number[];
  /** Keys read; keys and values written, in turns; ids and answers, in turns; known ids. */
  readonly bytes: PackedBytes;
  readonly writes: number;
  readonly emits: PackedEmits;
  readonly parking: StoredParking | undefined;
}

/** For the log: chunks of its slots. For the outbox: one chunk per emit, in order, each with its target. */
export interface PackedEmits {
  readonly chunks: readonly Chunk[];
  readonly targets: readonly { readonly topic: string; readonly partition: number }[];
  readonly data: ArrayBuffer;
}

export interface CommitAnswer {
  readonly result: CommitResult;
  /** The end of each chunk's slot after the commit. */
  readonly ends: readonly number[];
}

/** `data` is JSON: parsed on the main thread, because the worker has little memory. */
export interface StoredHistoryEntry {
  readonly id: number;
  readonly kind: string;
  readonly unit: string;
  readonly atMs: number;
  readonly data: string;
}
