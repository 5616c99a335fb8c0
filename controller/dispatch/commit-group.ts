import type { CommitRequest, Emit } from '../ports/state.ts';
import { OffsetRanges } from './offset-ranges.ts';
import { parkingOf } from './parking.ts';
import type { PendingEvent, ReadCheck, Result } from './pending-event.ts';
import { drop, purge } from './results.ts';
import { type CommitInFlight, type Effect, type Session, streamOf } from './session-state.ts';

/** Progress without results is committed within this time. */
const idleCommitMs = 1_000;

/**
 * Starts the next commit if there is something to commit and none is in flight: everything that is ready, within bounds. Progress alone waits up to
 * a second, unless it fills half of the window.
 */
export function commitNext(session: Session, nowMs: number, effects: Effect[]): void {
  if (session.ended !== undefined) return;
  verifyNext(session, effects);
  if (session.commit !== undefined) return;
  purge(session, nowMs);
  const group = takeGroup(session, nowMs);
  if (group.length === 0 && !isIdleCommitDue(session, nowMs)) return;
  session.idleCommitAtMs = undefined;
  session.commit = buildCommit(session, group, nowMs);
  effects.push({ kind: 'commit', request: session.commit.request, resend: 0 });
}

/** Besides the commits, which do not wait for the store's disk: what is verified is among what was acknowledged before. */
function verifyNext(session: Session, effects: Effect[]): void {
  if (!session.verifyWanted || session.verifying !== undefined) return;
  session.verifyWanted = false;
  session.verifying = { ordinal: session.ordinal, highSeqOffset: session.highSeqOffset };
  effects.push({ kind: 'verify', ordinal: session.ordinal });
}

function isIdleCommitDue(session: Session, nowMs: number): boolean {
  const hasProgress = !session.autoDone.isEmpty || session.known.length > 0 || highSeqOffsetOf(session) > session.highSeqOffset;
  if (!hasProgress) return false;
  const isPressing =
    session.position - session.frontier > session.limits.windowOffsetsMax / 2 && !session.autoDone.isEmpty && session.running === 0;
  session.idleCommitAtMs ??= nowMs + idleCommitMs;
  return isPressing || session.stopping || nowMs >= session.idleCommitAtMs;
}

/** The duplicate filter may be stored up to here: not above what is done, and not above what was read. */
function highSeqOffsetOf(session: Session): number {
  return Math.min(session.frontier, session.position);
}

/**
 * Removes a prefix of the ready results that can be committed together. A result that read from the store what an earlier one of the group
 * overwrites has seen too little: it runs again. An id that is there twice ends the group; the next commit finds the duplicate.
 */
function takeGroup(session: Session, nowMs: number): Result[] {
  while (true) {
    const { count, rerun } = planGroup(session);
    if (rerun === undefined) return session.ready.take(count);
    drop(session, rerun, nowMs);
    purge(session, nowMs);
  }
}

export function planGroup(session: Pick<Session, 'ready' | 'limits'>): { count: number; rerun: Result | undefined } {
  const { commitEventsMax, commitBytesMax } = session.limits;
  const ids = new Set<string>();
  const writers = new Map<string, Result>();
  let count = 0;
  let bytes = 0;
  for (let result = session.ready.at(0); result !== undefined; result = session.ready.at(count)) {
    bytes += result.bytes;
    if (count >= commitEventsMax || (count > 0 && bytes > commitBytesMax)) break;
    const { dedupeId } = result.event;
    if (dedupeId !== undefined && ids.has(dedupeId)) break;
    if (dedupeId !== undefined) ids.add(dedupeId);
    if (sawTooLittle(result.reads, writers)) return { count, rerun: result };
    for (const { key } of result.writes) writers.set(key, result);
    count += 1;
  }
  return { count, rerun: undefined };
}

/** It read a key from elsewhere than from who wrote it last in the group (`writers`). */
function sawTooLittle(reads: readonly ReadCheck[], writers: ReadonlyMap<string, Result>): boolean {
  for (const { key, from } of reads) {
    const writer = writers.get(key);
    if (writer !== undefined && writer !== from) return true;
  }
  return false;
}

function buildCommit(session: Session, group: readonly Result[], nowMs: number): CommitInFlight {
  session.commitsBuilt += 1;
  const id = `${session.ownerToken.slice(0, 16)}.${session.commitsBuilt}`;
  const { autoDone, known } = session;
  session.autoDone = new OffsetRanges();
  session.known = [];
  const done = new OffsetRanges();
  done.addAll(autoDone);
  const { offsets, clearAttempts, ids, emits } = gather(group, nowMs + session.limits.dedupeWindowMs, session.subscription.inbox);
  for (const offset of offsets) done.add(offset, offset + 1);
  for (const event of known) if (event.hasAttempts) clearAttempts.push(event.offset);
  const { writes, writers } = foldWrites(group);
  const highSeqOffset = highSeqOffsetOf(session);
  const parking = parkingOf(group, known);
  const request: CommitRequest = {
    ownerToken: session.ownerToken,
    ordinal: session.ordinal + 1,
    id,
    stream: streamOf(session.source),
    ...(session.subscription.order === 'partition' && group.length > 0 ? { expectedFrontier: session.frontier } : {}),
    highSeqOffset,
    highSeqs: highSeqOffset > session.highSeqOffset ? session.filter.changesBelow(highSeqOffset) : [],
    done: done.toArray(),
    clearAttempts,
    ids,
    knownIds: [...new Set(known.flatMap(({ dedupeId }) => (dedupeId === undefined ? [] : [dedupeId])))],
    reads: checkedReads(group),
    writes,
    emits,
    ...(parking && { parking }),
  };
  return { request, group, autoDone, known, writes: writers, sent: 1 };
}

type RememberedId = CommitRequest['ids'][number];

/** Once through the group, of which most results have an offset and nothing else. */
function gather(group: readonly Result[], expiresAtMs: number, isInbox: boolean) {
  const all = new Float64Array(group.length);
  let count = 0;
  const clearAttempts: number[] = [];
  const ids: RememberedId[] = [];
  const emits: Emit[] = [];
  for (const result of group) {
    const { event } = result;
    // The offset of what was parked is done already.
    if (event.parkedKey === undefined) {
      all[count] = event.offset;
      count += 1;
    }
    if (event.hasAttempts) clearAttempts.push(event.offset);
    if (isInbox) addId(ids, result, expiresAtMs);
    for (const emit of result.emits) emits.push(emit);
  }
  // Ascending, so that each is one comparison to add.
  return { offsets: all.subarray(0, count).sort(), clearAttempts, ids, emits };
}

/** What is held was not handled: its id is remembered with the commit that takes it out. */
function addId(ids: RememberedId[], { event, kind, answer }: Result, expiresAtMs: number): void {
  const id = event.dedupeId;
  if (id === undefined || kind === 'held' || kind === 'stuck') return;
  ids.push(answer === undefined ? { id, expiresAtMs } : { id, expiresAtMs, answer });
}

/** The last write of each key in the group; the ones before it nobody can see. */
function foldWrites(group: readonly Result[]): { writes: CommitRequest['writes']; writers: CommitInFlight['writes'] } {
  const writes: { key: string; value: Uint8Array | null }[] = [];
  const writers = new Map<string, { readonly index: number; by: number }>();
  for (const { event, writes: own } of group) {
    for (const { key, value } of own) {
      const last = writers.get(key);
      if (last === undefined) {
        writers.set(key, { index: writes.length, by: event.offset });
        writes.push({ key, value });
      } else {
        last.by = event.offset;
        writes[last.index] = { key, value };
      }
    }
  }
  return { writes, writers };
}

/** What the store is to check: reads of what it had, and reads of results that it has by now; each once. */
function checkedReads(group: readonly Result[]): CommitRequest['reads'] {
  const checked = new Map<string, { key: string; version: string | null }>();
  for (const result of group) {
    for (const read of result.reads) {
      const version = versionOf(read);
      if (version !== undefined) checked.set(`${read.key}\n${version}`, { key: read.key, version });
    }
  }
  return [...checked.values()];
}

/** The version that a read must still find; undefined: it read from a result of the same group. */
export function versionOf(read: Result['reads'][number]): string | null | undefined {
  const { from } = read;
  if (from === undefined) return read.version;
  if (from.committed === undefined) return undefined;
  const write = from.committed.writes.get(read.key);
  // Overwritten within its own commit: no version is like this one, and so the read is found to be stale.
  return write?.by === from.event.offset ? `${from.committed.commitId}:${write.index}` : `${from.committed.commitId}:overwritten`;
}

/** The event and everything about it may be forgotten. */
export function close(session: Session, event: PendingEvent): void {
  event.isClosed = true;
  if (session.blocked.size > 0) session.blocked.delete(event);
  if (session.loner === event) session.loner = undefined;
  session.openEvents -= 1;
  while (session.arrivals.peek()?.isClosed === true) session.arrivals.shift();
  session.heldBytes -= event.bytes;
  if (event.dedupeId !== undefined && session.openIds.get(event.dedupeId) === event) session.openIds.delete(event.dedupeId);
}
