import type { Batch, BatchState, EventResult } from '../../runtime/protocol/messages.ts';
import type { LiveFunction, Subscription } from '../functions/live-function.ts';
import type { AttemptRecord, Claimed, CommitRequest, CommitResult, KnownId, ParkedEvent, Source } from '../ports/state.ts';
import type { ReadResult } from '../ports/streams.ts';
import { Upstream } from '../published-record.ts';
import type { Breaker } from './breaker.ts';
import type { DispatcherOptions } from './dispatcher.ts';
import { DuplicateFilter } from './duplicate-filter.ts';
import { Fifo } from './fifo.ts';
import { Lanes } from './lanes.ts';
import { LateMap, LateSet } from './late-map.ts';
import { OffsetRanges } from './offset-ranges.ts';
import type { Doom, LastWrites, PendingEvent, Result } from './pending-event.ts';
import type { PartitionsOf, RecordBytesMaxOf } from './settle.ts';

/** One ownership of one partition of one function, from its claim to its end. All of it is forgotten when it ends; the store knows the rest. */
export interface Session {
  readonly source: Source;
  readonly topic: string;
  readonly partition: number;
  /** `<topic>/<partition>`: with an offset the id of an event that has none. */
  readonly eventPlace: string;
  /** `<unit>/<topic>/<partition>`: with an offset the idempotency key. */
  readonly place: string;
  /** Of which all offsets are. */
  readonly topicId: string | undefined;
  readonly ownerToken: string;
  readonly generation: number;
  /** What its emits are published under; undefined: the store puts them into their log itself. */
  readonly upstream: Upstream | undefined;
  readonly limits: SessionLimits;
  readonly partitionsOf: PartitionsOf;
  readonly recordBytesMaxOf: RecordBytesMaxOf;
  /** Of the whole function. */
  readonly breaker: Breaker;
  /** Changes with a deploy, in the middle of a session. */
  live: LiveFunction;
  subscription: Subscription;
  /** Every offset below is done, as the store last said. */
  frontier: number;
  /** The next offset to read. */
  position: number;
  /** What the store knows of the duplicate filter. */
  highSeqOffset: number;
  /** `highSeqOffset` as far as it cannot be lost any more: what the broker may be told. */
  durableOffset: number;
  durableOrdinal: number;
  /** Done by earlier owners, above the frontier of the claim. */
  readonly doneBefore: OffsetRanges;
  readonly attemptsBefore: LateMap<number, AttemptRecord>;
  readonly filter: DuplicateFilter;
  readonly lanes: Lanes;
  /** Offsets that are done without a result and not committed yet: holes, duplicates, filtered events. */
  autoDone: OffsetRanges;
  /** Events in `autoDone` because their id was found; the commit checks that it still is. */
  known: PendingEvent[];
  /** Id → the event that is being handled under it. */
  readonly openIds: LateMap<string, PendingEvent>;
  /** Keys that the store holds back, and what of them runs again. */
  readonly parked: LateMap<string, ParkedLane>;
  parkedEvents: number;
  /** Those whose events are to run again. */
  readonly replaying: LateSet<string>;
  /** Events that are out of attempts and are tried again all the same. */
  readonly blocked: LateSet<PendingEvent>;
  readonly ready: Fifo<Result>;
  draftsMade: number;
  /** The one commit in flight. */
  commit: CommitInFlight | undefined;
  verifying: { readonly ordinal: number; readonly highSeqOffset: number } | undefined;
  verifyWanted: boolean;
  /** Of the last acknowledged commit. */
  ordinal: number;
  commitsBuilt: number;
  /** When progress without results is committed at the latest; undefined: there is none. */
  idleCommitAtMs: number | undefined;
  /** Events that wait since then for a fuller batch. */
  windowSinceMs: number | undefined;
  /** Bytes of events that were read and are not committed. */
  heldBytes: number;
  /** Such events. */
  openEvents: number;
  /** Such events in offset order, with closed ones among them. */
  readonly arrivals: Fifo<PendingEvent>;
  running: number;
  /** Runs while nothing else of the partition is sent, until it is committed or goes back. */
  loner: PendingEvent | undefined;
  /** Since when such an event waits for the others to end. */
  lonerSinceMs: number | undefined;
  /** An event went back into its lane: results that came after it may have to be dropped. */
  dirty: boolean;
  /** A result of this function has read or written state. */
  usesState: boolean;
  /** Events that were found done, filtered or repeated since the last report. */
  skipped: { filtered: number; duplicate: number };
  stopping: boolean;
  ended: EndReason | undefined;
}

export interface SessionLimits {
  readonly windowOffsetsMax: number;
  readonly bytesMax: number;
  readonly commitEventsMax: number;
  readonly commitBytesMax: number;
  readonly dedupeWindowMs: number;
  /** The store may lose its last second: nothing counts as durable before `verify`. */
  readonly mayRollBack: boolean;
  /** Emits are in an outbox first. */
  readonly publishes: boolean;
}

export function sessionLimits({ limits, state }: Pick<DispatcherOptions, 'limits' | 'state'>): SessionLimits {
  const { windowOffsetsMax, bytesPerPartitionMax: bytesMax, commitEventsMax, commitBytesMax, dedupeWindowMs } = limits;
  const { mayRollBack, emits } = state.capabilities;
  return { windowOffsetsMax, bytesMax, commitEventsMax, commitBytesMax, dedupeWindowMs, mayRollBack, publishes: emits === 'outbox' };
}

/** A key that is held back. */
export interface ParkedLane {
  /** In the store. */
  readonly events: number;
  /** The next ones to run again, read from the store. */
  readonly loaded: readonly ParkedEvent[];
  /** Runs again now. */
  readonly current: PendingEvent | undefined;
  readonly loading: boolean;
}

/** Events on their way to a pod and back. */
export interface Draft {
  readonly id: number;
  /** In the order of the batch; those whose ids are known are left out before it is sent. */
  events: readonly PendingEvent[];
  /** Of the pod's function. */
  readonly revision: string;
  /** On a pod that runs nothing else of ours. */
  readonly alone: boolean;
  /** State to be read before it is sent. */
  readonly keys: readonly string[];
  /** Ids to be looked up before it is sent. */
  readonly ids: readonly string[];
  /** By index in `events`. */
  answered: boolean[];
  unanswered: number;
  /** Results that wrote state, by index: what later events of the batch may have read. */
  readonly written: (Result | undefined)[];
  /** The handler takes them all at once: what it answered is judged as a whole. */
  readonly whole: boolean;
  readonly held: EventResult[];
}

export interface CommitInFlight {
  readonly request: CommitRequest;
  readonly group: readonly Result[];
  readonly autoDone: OffsetRanges;
  readonly known: readonly PendingEvent[];
  readonly writes: LastWrites;
  sent: number;
}

export type EndReason = 'fenced' | 'rollback' | 'conflict' | 'unknown-reply' | 'stopped' | 'store-failed' | 'broken';

/** How the sending of a draft ended for the events that were not answered. */
export type DraftEnd =
  /** Nothing was wrong with them: again, no attempt. */
  | { readonly kind: 'returned' }
  /** The pod ended with them; `alone`: nothing else ran on it, of a gateway either. */
  | { readonly kind: 'crashed'; readonly alone: boolean };

export type Input =
  | { readonly kind: 'fetched'; readonly result: ReadResult; readonly nowMs: number }
  | {
      readonly kind: 'prepared';
      readonly draft: Draft;
      readonly state: readonly BatchState[];
      readonly known: readonly KnownId[];
      readonly nowMs: number;
    }
  | {
      readonly kind: 'results';
      readonly draft: Draft;
      readonly results: readonly EventResult[];
      /** Nothing else has run on the pod so far, of a gateway either. */
      readonly alone: boolean;
      readonly fraction: number;
      readonly nowMs: number;
    }
  | { readonly kind: 'draft-ended'; readonly draft: Draft; readonly end: DraftEnd; readonly fraction: number; readonly nowMs: number }
  | { readonly kind: 'attempts-recorded'; readonly events: readonly PendingEvent[]; readonly nowMs: number }
  | { readonly kind: 'committed'; readonly result: CommitResult; readonly nowMs: number }
  | { readonly kind: 'commit-unknown'; readonly nowMs: number }
  | { readonly kind: 'verified'; readonly result: 'ok' | 'fenced' | 'rollback'; readonly nowMs: number }
  | { readonly kind: 'offset-due'; readonly verify: boolean; readonly nowMs: number }
  | { readonly kind: 'replay-asked'; readonly keys: readonly string[]; readonly nowMs: number }
  | { readonly kind: 'parked-loaded'; readonly key: string; readonly events: readonly ParkedEvent[]; readonly nowMs: number }
  | { readonly kind: 'woken'; readonly nowMs: number }
  /** Another revision is live. `forgive`: the one before failed nearly everything, and what it counted against events is void. */
  | { readonly kind: 'revised'; readonly forgive: boolean; readonly nowMs: number }
  | { readonly kind: 'stop'; readonly nowMs: number }
  | { readonly kind: 'fenced' }
  | { readonly kind: 'store-failed' };

export type Effect =
  /** Must be acknowledged (`attempts-recorded`) before any of the events is sent again. */
  | { readonly kind: 'record-attempts'; readonly records: readonly AttemptRecord[]; readonly events: readonly PendingEvent[] }
  /** `resend`: the reply to exactly this request was lost. */
  | { readonly kind: 'commit'; readonly request: CommitRequest; readonly resend: number }
  | { readonly kind: 'verify'; readonly ordinal: number }
  /** Nothing up to here can be lost any more: the broker may be told, and strict functions may publish. */
  | { readonly kind: 'durable'; readonly offset: number; readonly ordinal: number }
  /** Is durable in the store now. `firstCounter`: of its emits. */
  | { readonly kind: 'applied'; readonly commit: CommitInFlight; readonly firstCounter: number }
  | { readonly kind: 'run'; readonly draft: Draft; readonly events: Batch['events']; readonly state: readonly BatchState[] }
  /** Read the first parked events of this key (`parked-loaded`). */
  | { readonly kind: 'load-parked'; readonly key: string }
  /** An attempt failed; `final`: it was the last one. */
  | { readonly kind: 'failed'; readonly event: PendingEvent; readonly doom: Doom; readonly final: boolean }
  | { readonly kind: 'suspected'; readonly events: readonly PendingEvent[] }
  /** A target had no topic when a result was settled: look again. */
  | { readonly kind: 'target-missing' }
  /** A batch failed or ran out of time as a whole. */
  | { readonly kind: 'batch-failed'; readonly events: number; readonly timeout: boolean }
  | { readonly kind: 'state-used' }
  | { readonly kind: 'ended'; readonly reason: EndReason };

export function newSession(options: {
  live: LiveFunction;
  subscription: Subscription;
  source: Source;
  partition: number;
  ownerToken: string;
  limits: SessionLimits;
  partitionsOf: PartitionsOf;
  recordBytesMaxOf: RecordBytesMaxOf;
  breaker: Breaker;
  claimed: Claimed;
}): Session {
  const { claimed, subscription } = options;
  // There may be thousands: written out, so that all of them have one shape.
  return {
    live: options.live,
    subscription,
    source: options.source,
    partition: options.partition,
    ownerToken: options.ownerToken,
    limits: options.limits,
    partitionsOf: options.partitionsOf,
    recordBytesMaxOf: options.recordBytesMaxOf,
    breaker: options.breaker,
    topic: subscription.topic,
    eventPlace: `${subscription.topic}/${options.partition}`,
    place: `${options.source.unit}/${subscription.topic}/${options.partition}`,
    topicId: claimed.topicId,
    generation: claimed.generation,
    upstream: options.limits.publishes ? new Upstream(streamOf(options.source), claimed.generation) : undefined,
    frontier: claimed.frontier,
    position: claimed.highSeqOffset,
    highSeqOffset: claimed.highSeqOffset,
    durableOffset: options.limits.mayRollBack ? -1 : claimed.highSeqOffset,
    durableOrdinal: options.limits.mayRollBack ? -1 : 0,
    doneBefore: new OffsetRanges(claimed.done),
    attemptsBefore: new LateMap(claimed.attempts.map(attempt => [attempt.offset, attempt])),
    filter: new DuplicateFilter(claimed.highSeqs),
    lanes: lanesOf(claimed),
    autoDone: new OffsetRanges(),
    known: [],
    openIds: new LateMap(),
    parked: new LateMap(claimed.parked.map(({ key, events }) => [key, { events, loaded: [], current: undefined, loading: false }])),
    parkedEvents: claimed.parked.reduce((sum, { events }) => sum + events, 0),
    replaying: new LateSet(claimed.parked.filter(({ replay }) => replay).map(({ key }) => key)),
    blocked: new LateSet(),
    ready: new Fifo(),
    draftsMade: 0,
    commit: undefined,
    verifying: undefined,
    verifyWanted: false,
    ordinal: 0,
    commitsBuilt: 0,
    idleCommitAtMs: undefined,
    windowSinceMs: undefined,
    heldBytes: 0,
    openEvents: 0,
    arrivals: new Fifo(),
    running: 0,
    loner: undefined,
    lonerSinceMs: undefined,
    dirty: false,
    usesState: false,
    skipped: { filtered: 0, duplicate: 0 },
    stopping: false,
    ended: undefined,
  };
}

/** The upstream of all that is committed with a source, whoever owns it. */
export function streamOf({ unit, name }: Source): string {
  return `${unit}|${name}`;
}

function lanesOf({ parked }: Claimed): Lanes {
  const lanes = new Lanes();
  for (const { key } of parked) lanes.lane(key).parked = true;
  return lanes;
}
