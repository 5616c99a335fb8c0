import type { HeadersPart, PackedRecord } from '../../runtime/protocol/record.ts';
import type { RecordHeader } from './streams.ts';

/**
 * State: what a function knows, how far it has come, and what it still has to send, changed in one fenced atomic step.
 * The protocol behind it is in docs/protocol.md.
 *
 * Laws (the contract suite cites them by number):
 * S1 a commit is all or nothing: state, progress, duplicate filter, ids and emits together.
 * S2 the frontier and the commit ordinal of an owner never go back.
 * S3 an old owner changes nothing: commit, attempts and trim answer `fenced`.
 * S4 the same commit sent again answers `already`, with the same first seq, and changes nothing.
 * S5 a commit that read an older version of a key answers `stale` and does not use up its ordinal.
 * S6 an id is committed once within its window: a second one answers `duplicate` and does not use up its ordinal.
 * S7 an acknowledged commit survives the end of the process.
 * S8 a claim answers all that earlier owners left: frontier, done offsets, filter, attempts and the whole outbox.
 * S9 the generation of a claim is above every earlier one of that source, and above the broker's and `nowMs - 1`.
 * S10 versions are unique per write, never a counter: a value written, rolled back and written again has another version.
 * S11 a store that may roll back and is behind what it had made durable before (`durableOffset`) is not claimed: FAAS_STATE_LOST when it knows nothing of the source,
 *     FAAS_STATE_ROLLED_BACK when it knows less; nothing changes then. Nor is it claimed for a source of which it lost nothing when it is behind in one of `others`. `acceptRollback` is how an operator goes on with what is there.
 * S12 parked events of a key are a list by offset, changed by commits alone: a commit adds its holds (one that is there already changes nothing), and
 *     takes away its pops, each of which must be the first of its list before; a key without parked events is not parked. The wish to replay a key ends with its list, or with `unflag`.
 * S13 a source keeps the first id of the topic that a claim tells, until its progress is reset.
 */
export interface StateStore {
  readonly capabilities: StateCapabilities;
  claim(source: Source, claim: ClaimRequest): Promise<Claimed>;
  commit(source: Source, commit: CommitRequest): Promise<CommitResult>;
  /** Durable before it answers; written after a failed attempt or a pod crash and before the event is sent again. */
  recordAttempts(source: Source, ownerToken: string, attempts: readonly AttemptRecord[]): Promise<'ok' | 'fenced'>;
  /** Removes the outbox entries up to and including `upTo`. */
  trim(source: Source, ownerToken: string, upTo: Seq): Promise<'ok' | 'fenced'>;
  /**
   * Waits until all that was committed before the call is durable, then tells whether `ownerToken` still owns the source and `ordinal` is still among its
   * commits; later ones may follow meanwhile. After `ok` no failover can lose it.
   */
  verify(source: Source, ownerToken: string, ordinal: number): Promise<'ok' | 'fenced' | 'rollback'>;
  /** One answer per key, in order; a key without state has no value and the version null. */
  read(unit: string, keys: readonly string[]): Promise<readonly StateRead[]>;
  /** Which of the ids are committed within their window, with the stored answer of a direct call. */
  known(unit: string, ids: readonly string[]): Promise<readonly KnownId[]>;
  /** Keys in ascending order of their UTF-8 bytes, after `after`. */
  list(unit: string, page: { prefix?: string; after?: string; limit: number }): Promise<readonly StateEntry[]>;
  /** How many keys, how many bytes of values, how many emits wait in outboxes; for telemetry and `faas describe`. */
  figures(unit: string): Promise<StateFigures>;
  /** Progress of all sources of a unit, without claiming them. */
  progress(unit: string): Promise<readonly SourceProgress[]>;
  /**
   * Sets the frontier of a source; done offsets, attempts, filter and the topic's id are forgotten, and whoever owned it is fenced.
   * `ownerToken`: only while that one owns it. Without, for a source that nobody works on (`faas offsets set`).
   */
  resetProgress(source: Source, offset: number, ownerToken?: string): Promise<'ok' | 'fenced'>;
  /** Keys that are held back, of all sources; by source, then by the bytes of the key. */
  parked(unit: string): Promise<readonly ParkedKeyAt[]>;
  /** The first parked events of a key, in order. */
  parkedEvents(source: Source, key: string, limit: number): Promise<readonly ParkedEvent[]>;
  /** Asks the owner of the source to run the parked events of a key again. Unfenced, and the same however often it is asked. */
  replayParked(source: Source, key: string): Promise<'ok' | 'unknown'>;
  /** The unit goes on with what is there, although it is older than what was durable once (S11). */
  acceptRollback(unit: string, nowMs: number): Promise<void>;
  /** Removes everything of the unit: state, progress, ids, outbox. */
  deleteUnit(unit: string): Promise<void>;
  /** Removes ids whose window is over, oldest first also when they take more than `bytesMax`; answers how many, and whether the bound in bytes was what removed some. */
  expire(nowMs: number, bytesMax: number): Promise<{ removed: number; boundHit: boolean }>;
  close(): Promise<void>;
}

export interface StateCapabilities {
  readonly adapter: 'memory' | 'sqlite' | 'redis';
  /** `inline`: a commit appends its emits to the log in the same transaction, and the outbox stays empty. `outbox`: the owner publishes them. */
  readonly emits: 'inline' | 'outbox';
  /** What was acknowledged can be lost in a failover; `durability: strict` then has work to do. */
  readonly mayRollBack: boolean;
  /** `verify` can tell that something is on disk; without that `durability: strict` cannot be kept. */
  readonly keepsStrict: boolean;
  /** So many results at most are one commit: what takes one long keeps the others of a server waiting. */
  readonly commitEventsMax: number;
}

/** Where a unit's events come from: `<topic>.<partition>`, or `direct.<gateway slot>` without offsets. The unit is `<context>.<function>`. */
export interface Source {
  readonly unit: string;
  readonly name: string;
}

/** Orders the emits of a source: by generation, then by the counter within it. */
export interface Seq {
  readonly generation: number;
  readonly counter: number;
}

export interface ClaimRequest {
  /** Random, new at every claim. */
  readonly ownerToken: string;
  /** From the metadata of the group's committed offset; 0 where there is none. */
  readonly brokerGeneration: number;
  readonly nowMs: number;
  /** Where a source without progress begins. */
  readonly committedOffset: number;
  /** The broker's offset, when the store had made the progress up to it durable before the broker was told. */
  readonly durableOffset?: number;
  /** The same of the unit's other sources. */
  readonly others?: readonly DurableSource[];
  /** Of the topic as it is now, where its log tells (S13). */
  readonly topicId?: string | undefined;
}

/** What the broker knows to be durable of a source. */
export interface DurableSource {
  readonly name: string;
  readonly brokerGeneration: number;
  readonly durableOffset: number;
}

export interface Claimed {
  readonly generation: number;
  /** The topic that the progress is of: another one than was claimed for was deleted, and made again. */
  readonly topicId: string | undefined;
  /** Every offset below it is done. */
  readonly frontier: number;
  /** The offset at which `highSeqs` holds: the highest seq of each upstream stream among the records below it. Never above the frontier. */
  readonly highSeqOffset: number;
  readonly highSeqs: ReadonlyMap<string, Seq>;
  /** Done offsets above the frontier, ascending. */
  readonly done: readonly number[];
  readonly attempts: readonly AttemptRecord[];
  readonly outbox: readonly OutboxEntry[];
  readonly parked: readonly ParkedKey[];
}

export interface ParkedKey {
  readonly key: string;
  readonly events: number;
  /** They are to run again. */
  readonly replay: boolean;
}

export interface ParkedKeyAt extends ParkedKey {
  /** Name of the source. */
  readonly source: string;
}

export interface ParkedEvent {
  readonly offset: number;
  /** What the dispatcher made of the event: opaque to the store. */
  readonly entry: Uint8Array;
}

/** What a commit changes of parked keys (S12). */
export interface ParkingChange {
  readonly holds: readonly (ParkedEvent & { readonly key: string })[];
  readonly pops: readonly { readonly key: string; readonly offset: number }[];
  /** Keys whose replay ends before their list does. */
  readonly unflags: readonly string[];
}

export interface AttemptRecord {
  readonly offset: number;
  /** Was in flight when a pod crashed: runs alone from now on. */
  readonly suspect: boolean;
  /** Crashes of a pod on which it ran alone. */
  readonly exclusiveCrashes: number;
  /** Attempts that ended in an error of the handler. */
  readonly failures: number;
}

export interface OutboxEntry {
  readonly seq: Seq;
  /** The stream's name that consumers filter by; kept with the entry, so that a successor publishes it under the old one. */
  readonly stream: string;
  readonly emit: Emit;
}

/** One record to be appended somewhere: an emit, a durable call (to an inbox) or a dead letter. Its partition was chosen by the caller. */
export interface Emit {
  readonly topic: string;
  readonly partition: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
  /** The same as one piece of bytes, where the caller has it so. */
  readonly packed?: PackedRecord;
  /** Headers of the piece that an entry of an outbox says by itself, stream and seq: an adapter may leave them out. */
  readonly upstreamPart?: HeadersPart | undefined;
}

export interface CommitRequest {
  readonly ownerToken: string;
  /** The owner's last ordinal + 1; the first commit after a claim has 1. */
  readonly ordinal: number;
  /** Unique per commit; versions and emit ids derive from it. */
  readonly id: string;
  /** The upstream name that consumers of the emits filter by. */
  readonly stream: string;
  /** `order: partition`: the frontier must be exactly this. */
  readonly expectedFrontier?: number;
  /** The new offset of the duplicate filter, at most the frontier after this commit; unchanged when not above the stored one. */
  readonly highSeqOffset: number;
  readonly highSeqs: readonly { readonly stream: string; readonly seq: Seq }[];
  /** Half-open ranges [from, to) of offsets that are done with this commit; ascending, disjoint. Empty for a direct call. */
  readonly done: readonly (readonly [from: number, to: number])[];
  readonly clearAttempts: readonly number[];
  /** Ids to be remembered until `expiresAtMs`; each must be new. */
  readonly ids: readonly { readonly id: string; readonly expiresAtMs: number; readonly answer?: Uint8Array }[];
  /** Ids that a look-up found: each must still be there. */
  readonly knownIds: readonly string[];
  readonly reads: readonly { readonly key: string; readonly version: string | null }[];
  /** In order; a value of null deletes. The i-th write has the version `<commit id>:<i>`. A key may be written more than once: the last one stays. */
  readonly writes: readonly { readonly key: string; readonly value: Uint8Array | null }[];
  readonly emits: readonly Emit[];
  /** Absent: no key is parked or taken out. */
  readonly parking?: ParkingChange;
}

/**
 * `ok` and `already`: applied. `firstSeq` is the seq of the first emit (outbox mode), `frontier` the one after the commit.
 * All others: nothing was written and the ordinal is not used up; `fenced`, `rollback` and `conflict` end the session.
 */
export type CommitResult =
  | { readonly kind: 'ok' | 'already'; readonly firstSeq: Seq; readonly frontier: number }
  | { readonly kind: 'fenced' }
  | { readonly kind: 'rollback' }
  | { readonly kind: 'conflict'; readonly detail: string }
  | { readonly kind: 'duplicate'; readonly ids: readonly string[] }
  | { readonly kind: 'unknown'; readonly ids: readonly string[] }
  | { readonly kind: 'stale'; readonly keys: readonly string[] };

export interface StateRead {
  readonly key: string;
  readonly version: string | null;
  readonly value: Uint8Array | undefined;
}

export interface StateEntry {
  readonly key: string;
  readonly value: Uint8Array;
  readonly version: string;
}

export interface KnownId {
  readonly id: string;
  readonly answer?: Uint8Array;
}

export interface StateFigures {
  readonly keys: number;
  readonly valueBytes: number;
  readonly outboxEntries: number;
}

export interface SourceProgress {
  readonly source: string;
  readonly frontier: number;
  /** Done offsets above the frontier. */
  readonly doneAbove: number;
}
