import type { OkOutcome } from '../../runtime/protocol/messages.ts';
import type { CommitRequest, Emit } from '../ports/state.ts';
import type { PendingCall } from './pending-call.ts';

/** A call whose handler has finished, with what it wants to change. */
export interface ReadyCall {
  readonly call: PendingCall;
  readonly outcome: OkOutcome;
  readonly emits: readonly Emit[];
}

export const groupCallsMax = 200;
export const groupBytesMax = 1_048_576;
/** Stale runs after which the caller is told. */
export const staleRunsMax = 5;
/** How long an id is kept that no client knows: until no resent commit of it can be under way any more. */
const ownIdWindowMs = 600_000;

export interface Grouped {
  readonly group: readonly ReadyCall[];
  /** They read what an earlier one of the group writes: their answer is already old. */
  readonly outdated: readonly ReadyCall[];
  readonly rest: readonly ReadyCall[];
}

/**
 * The next commit: as many as fit, in the order in which they finished. The store sees only what was before the group, so the group is checked here. It ends
 * before a second run of the same call, whose caller had waited for too long and called again: the commit after it finds the first one.
 */
export function groupCalls(ready: readonly ReadyCall[]): Grouped {
  const group: ReadyCall[] = [];
  const outdated: ReadyCall[] = [];
  const written = new Set<string>();
  const ids = new Set<string>();
  let bytes = 0;
  let at = 0;
  for (; at < ready.length && group.length < groupCallsMax && bytes < groupBytesMax; at += 1) {
    const candidate = ready[at];
    if (candidate === undefined || ids.has(candidate.call.id)) break;
    const { reads, writes } = candidate.outcome;
    // A version "@<index>" is of an uncommitted neighbour in its batch: what it read may never be.
    if (reads.some(({ key, version }) => written.has(key) || version?.startsWith('@'))) {
      outdated.push(candidate);
      continue;
    }
    ids.add(candidate.call.id);
    for (const { key } of writes) written.add(key);
    bytes += bytesOf(candidate);
    group.push(candidate);
  }
  return { group, outdated, rest: ready.slice(at) };
}

export interface CommitFacts {
  readonly ownerToken: string;
  readonly ordinal: number;
  readonly id: string;
  readonly stream: string;
  readonly nowMs: number;
  readonly dedupeWindowMs: number;
}

/** The commit of protocol.md without offsets: a direct call has an id instead of a place in a log. */
export function commitOf(group: readonly ReadyCall[], facts: CommitFacts): CommitRequest {
  return {
    ownerToken: facts.ownerToken,
    ordinal: facts.ordinal,
    id: facts.id,
    stream: facts.stream,
    highSeqOffset: 0,
    highSeqs: [],
    done: [],
    clearAttempts: [],
    ids: group.map(({ call, outcome }) =>
      call.request.idempotencyKey === undefined
        ? { id: call.id, expiresAtMs: facts.nowMs + ownIdWindowMs }
        : {
            id: call.id,
            expiresAtMs: facts.nowMs + facts.dedupeWindowMs,
            ...(outcome.answer === undefined ? {} : { answer: outcome.answer }),
          },
    ),
    knownIds: [],
    reads: group.flatMap(({ outcome }) => outcome.reads),
    writes: group.flatMap(({ outcome }) => outcome.writes),
    emits: group.flatMap(({ emits }) => emits),
  };
}

/** Changes nothing, and is refused as `unknown` where one of the ids is not there. */
export function confirmationOf(ids: readonly string[], facts: CommitFacts): CommitRequest {
  return { ...commitOf([], facts), knownIds: ids };
}

/** Nothing to keep: the answer can go at once. */
export function needsCommit(call: PendingCall, outcome: OkOutcome): boolean {
  return outcome.writes.length > 0 || outcome.emits.length > 0 || call.request.idempotencyKey !== undefined;
}

function bytesOf({ outcome, emits }: ReadyCall): number {
  let bytes = outcome.answer?.length ?? 0;
  for (const { value } of outcome.writes) bytes += value?.length ?? 0;
  for (const { value } of emits) bytes += value?.length ?? 0;
  return bytes;
}
