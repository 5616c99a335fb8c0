import type { ContextSpec, FunctionSpec } from '../manifest/spec.ts';

/**
 * Registry: what is deployed, and which revision of each function is live.
 *
 * Laws:
 * R1 `activate` makes all revisions of a context live in one step, or none.
 * R2 a revision is immutable: the same hash is the same revision, and activating what is live changes nothing.
 * R3 revision counters of a function only grow, also across a delete.
 * R4 a bundle is stored under the sha256 of its bytes, and bytes that do not match are refused.
 * R5 `watch` calls back after every change of what is deployed or held, at least once, with no more than a hint: read again. Conditions are no part of that: whoever shows
 * them asks for them.
 * R6 at most one holder leads a name at a time; its fencing number grows with each change of holder.
 * R7 a held function is live, and nobody handles its streams until the hold is released or its time is over; it outlives whoever asked for it.
 * R8 `leader` says who leads a name and with which fencing number, for as long as its time lasts: a holder's text is what others find it by.
 */
export interface Registry extends Leadership {
  contexts(): Promise<readonly ContextRecord[]>;
  context(name: string): Promise<ContextRecord | undefined>;
  /** Functions that are live, of all contexts or of one. */
  functions(context?: string): Promise<readonly FunctionRecord[]>;
  revisions(unit: string): Promise<readonly RevisionRecord[]>;
  /** Stores revisions that are not live yet; answers each with its counter. Known hashes are answered as they are. */
  putRevisions(context: string, revisions: readonly NewRevision[]): Promise<readonly RevisionRecord[]>;
  /** R1. Functions of the context that are not named stop being live. */
  activate(context: ContextSpec, revisionIds: ReadonlyMap<string, string>, atMs: number): Promise<void>;
  /** Sets or clears a condition of a live function (`Failing`, `StateLost`, …). */
  setCondition(unit: string, condition: Condition): Promise<void>;
  /** Forgets that it ever held. */
  removeCondition(unit: string, type: string): Promise<void>;
  conditions(unit: string): Promise<readonly Condition[]>;
  /** Keeps a live function from handling its streams until then (R7); undefined releases it. */
  hold(unit: string, untilMs: number | undefined): Promise<void>;
  /** Removes the context or one of its functions; topics and state are the caller's business. */
  remove(context: string, functionName?: string): Promise<void>;
  putBundle(hash: string, bundle: Bundle): Promise<void>;
  bundle(hash: string): Promise<Bundle | undefined>;
  /** Removes bundles that no kept revision names; answers how many. The last `keep` revisions of each function are kept. */
  prune(keep: number): Promise<number>;
  watch(onChange: () => void): () => void;
  close(): Promise<void>;
}

/** Who leads (R6). Every registry can tell; a cluster can as well. */
export interface Leadership {
  /** Takes or renews leadership; undefined when someone else holds it. */
  lead(name: string, holder: string, ttlMs: number, nowMs: number): Promise<{ readonly fencing: number } | undefined>;
  resign(name: string, holder: string): Promise<void>;
  /** R8. Undefined: nobody leads. */
  leader(name: string, nowMs: number): Promise<Leader | undefined>;
}

export interface Leader {
  readonly holder: string;
  readonly fencing: number;
}

export interface ContextRecord {
  readonly spec: ContextSpec;
  readonly deployedAtMs: number;
}

export interface FunctionRecord {
  /** `<context>.<function>` */
  readonly unit: string;
  readonly context: string;
  readonly name: string;
  readonly live: RevisionRecord;
  readonly previousLive: string | undefined;
  readonly activatedAtMs: number;
  /** R7. It may be over. */
  readonly heldUntilMs?: number;
}

export interface NewRevision {
  readonly functionName: string;
  /** sha256 over bundle hash, canonical resolved spec and wire version; 64 hex digits. */
  readonly hash: string;
  readonly bundleHash: string;
  readonly spec: FunctionSpec;
  readonly createdAtMs: number;
}

export interface RevisionRecord extends NewRevision {
  readonly unit: string;
  /** `r<counter>-<first 8 hex digits of hash>` */
  readonly id: string;
  readonly counter: number;
}

export interface Bundle {
  /** One ES module, UTF-8. */
  readonly code: Uint8Array;
  readonly sourceMap: Uint8Array | undefined;
}

export interface Condition {
  readonly type: string;
  readonly status: boolean;
  readonly reason: string;
  readonly message: string;
  readonly sinceMs: number;
}
