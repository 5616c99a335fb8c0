import type { WireError } from '../../runtime/protocol/messages.ts';
import type { PackedRecord } from '../../runtime/protocol/record.ts';
import type { Emit } from '../ports/state.ts';
import type { StreamRecord } from '../ports/streams.ts';
import type { EventAttributes } from './event-attributes.ts';

/** What of an event is out of the ordinary. */
interface Trouble {
  /** Attempts that ended in a failure of the handler. */
  failures: number;
  /** The breaker's epoch in which it last counted as failed; 0: none. */
  failedInEpoch: number;
  /** Was running when a pod ended: runs alone from now on. */
  suspect: boolean;
  /** How often a pod ended that ran this event alone. */
  exclusiveCrashes: number;
  /** The store knows of attempts; the commit clears them. */
  hasAttempts: boolean;
  /** Not to be sent before the store has acknowledged the attempt. */
  awaitsRecord: boolean;
  /** Not to be sent before; milliseconds since the epoch. */
  notBeforeMs: number;
  /** How often in a row its commit was refused because it had read what others changed. */
  stales: number;
  /** It has been taken for a batch, and came back. */
  cameBack: boolean;
  /** The largest batch that it may be in: halves of a batch that failed as a whole. */
  batchMax: number;
  /** It was parked under this key and runs again: its offset is done already, and its result takes it out of the list. */
  parkedKey: string | undefined;
  /** To be dead-lettered without running. */
  doom: Doom | undefined;
}

const none: Readonly<Trouble> = {
  failures: 0,
  failedInEpoch: 0,
  suspect: false,
  exclusiveCrashes: 0,
  hasAttempts: false,
  awaitsRecord: false,
  notBeforeMs: 0,
  stales: 0,
  cameBack: false,
  batchMax: Number.POSITIVE_INFINITY,
  parkedKey: undefined,
  doom: undefined,
};

/** What an event costs in memory besides its bytes, about. */
const overheadBytes = 400;

/** An event between its fetch and its commit. Thousands wait at a time: room for what few of them have is made when one has it. */
export class PendingEvent implements Trouble {
  readonly record: StreamRecord;
  readonly packed: PackedRecord;
  readonly attributes: EventAttributes;
  /** What the commit remembers and refuses a second time; undefined where the log itself is the guard. */
  readonly dedupeId: string | undefined;
  /** What it takes of the memory for events. */
  readonly bytes: number;
  /** undefined: nothing waits for it and it waits for nothing. */
  lane: Lane | undefined;
  /** Later events with the same id: handled with this one's commit. */
  repeats: PendingEvent[] | undefined;
  /** Committed: whoever still holds it may forget it. */
  isClosed = false;
  #trouble: Trouble | undefined;

  constructor(
    record: StreamRecord,
    packed: PackedRecord,
    attributes: EventAttributes,
    dedupeId: string | undefined,
    lane: Lane | undefined,
  ) {
    this.record = record;
    this.packed = packed;
    this.attributes = attributes;
    this.dedupeId = dedupeId;
    this.bytes = packed.packedBytes + overheadBytes;
    this.lane = lane;
    this.repeats = undefined;
    this.#trouble = undefined;
  }

  get offset(): number {
    return this.record.offset;
  }

  get failures(): number {
    return (this.#trouble ?? none).failures;
  }

  set failures(value: number) {
    this.#own.failures = value;
  }

  get failedInEpoch(): number {
    return (this.#trouble ?? none).failedInEpoch;
  }

  set failedInEpoch(value: number) {
    this.#own.failedInEpoch = value;
  }

  get suspect(): boolean {
    return (this.#trouble ?? none).suspect;
  }

  set suspect(value: boolean) {
    this.#own.suspect = value;
  }

  get exclusiveCrashes(): number {
    return (this.#trouble ?? none).exclusiveCrashes;
  }

  set exclusiveCrashes(value: number) {
    this.#own.exclusiveCrashes = value;
  }

  get hasAttempts(): boolean {
    return (this.#trouble ?? none).hasAttempts;
  }

  set hasAttempts(value: boolean) {
    this.#own.hasAttempts = value;
  }

  get awaitsRecord(): boolean {
    return (this.#trouble ?? none).awaitsRecord;
  }

  set awaitsRecord(value: boolean) {
    this.#own.awaitsRecord = value;
  }

  get notBeforeMs(): number {
    return (this.#trouble ?? none).notBeforeMs;
  }

  set notBeforeMs(value: number) {
    this.#own.notBeforeMs = value;
  }

  get stales(): number {
    return (this.#trouble ?? none).stales;
  }

  set stales(value: number) {
    this.#own.stales = value;
  }

  get cameBack(): boolean {
    return (this.#trouble ?? none).cameBack;
  }

  set cameBack(value: boolean) {
    this.#own.cameBack = value;
  }

  get batchMax(): number {
    return (this.#trouble ?? none).batchMax;
  }

  set batchMax(value: number) {
    this.#own.batchMax = value;
  }

  get parkedKey(): string | undefined {
    return (this.#trouble ?? none).parkedKey;
  }

  set parkedKey(value: string | undefined) {
    this.#own.parkedKey = value;
  }

  get doom(): Doom | undefined {
    return (this.#trouble ?? none).doom;
  }

  set doom(value: Doom | undefined) {
    this.#own.doom = value;
  }

  get #own(): Trouble {
    this.#trouble ??= { ...none };
    return this.#trouble;
  }
}

export interface Doom {
  readonly reason: string;
  readonly error: WireError;
}

/** The events of one order: of a key, or of the whole partition. */
export interface Lane {
  readonly name: string;
  /** Ascending offsets. */
  readonly queue: PendingEvent[];
  /** On a pod, ascending offsets. */
  readonly running: PendingEvent[];
  /** Results that are not committed and bar the lane, because they read or wrote state. */
  barring: number;
  /** All results that are not committed. */
  uncommitted: number;
  /** Its head waits in a list to be taken. */
  listed: boolean;
  /** The store holds events of this key back, and so does what comes. */
  parked: boolean;
  /** Results that do so and are not committed. */
  holds: number;
}

/** What an event's handling comes to, waiting for its commit. */
export interface Result {
  readonly event: PendingEvent;
  /** `held`: kept for later, behind what its key has parked. `stuck`: was parked, ran again, and stays at the head of its list. */
  readonly kind: 'ok' | 'filtered' | 'dead-letter' | 'held' | 'stuck';
  /** Nothing any more once it is committed: what it read from is to be forgotten. */
  reads: readonly ReadCheck[];
  readonly writes: readonly { readonly key: string; readonly value: Uint8Array | null }[];
  readonly emits: readonly Emit[];
  bytes: number;
  readonly answer: Uint8Array | undefined;
  /** What is held. */
  readonly entry?: Uint8Array;
  /** Why it is a dead letter, or out of attempts. */
  readonly doom: Doom | undefined;
  status: 'ready' | 'committed' | 'dropped';
  /** Of the commit that it was part of: key → the last write of the group, by index. */
  committed: CommittedWrites | undefined;
}

export interface CommittedWrites {
  readonly commitId: string;
  readonly writes: LastWrites;
}

/**
 * Of each key that a group of results writes, the last write: its index in the commit and the offset of the event. An offset, not the result: results
 * that were read from lead to their commit, and from there to all of its other results, so that nothing of a session would ever be forgotten.
 */
export type LastWrites = ReadonlyMap<string, { readonly index: number; readonly by: number }>;

/** `from`: the value was not stored yet, it came from this result. */
export interface ReadCheck {
  readonly key: string;
  readonly version: string | null;
  readonly from?: Result | undefined;
}
