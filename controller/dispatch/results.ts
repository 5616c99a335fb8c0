import { packedSizeOf } from '../../runtime/protocol/record.ts';
import { deadLetterEmit } from './dead-letter.ts';
import type { Doom, PendingEvent, ReadCheck, Result } from './pending-event.ts';
import type { Session } from './session-state.ts';

/** What a result costs in a commit besides its bytes, about. */
const resultOverheadBytes = 64;

export const noReads: readonly ReadCheck[] = [];

/** The result with its size. */
export function sized(result: Result): Result {
  let bytes = resultOverheadBytes;
  for (const { key, value } of result.writes) bytes += key.length + (value?.length ?? 0);
  for (const emit of result.emits) bytes += packedSizeOf(emit);
  result.bytes = bytes;
  return result;
}

/** No writes, one emit that keeps the event: committed like any other result. */
export function deadLetterResult(session: Session, event: PendingEvent, doom: Doom, nowMs: number): Result {
  const { live } = session;
  const origin = event.attributes.replay?.origin ?? {
    topic: session.topic,
    partition: session.partition,
    offset: event.offset,
    stream: session.subscription.stream,
  };
  const letter = {
    unit: live.unit,
    revision: live.revision,
    reason: doom.reason,
    error: doom.error,
    attempts: event.failures + event.exclusiveCrashes,
    crashes: event.exclusiveCrashes,
    failedAtMs: nowMs,
    origin,
    key: event.record.key,
    value: event.record.value,
    headers: event.record.headers,
  };
  const emit = deadLetterEmit(letter, live.deadLetterTopic, session.partitionsOf(live.deadLetterTopic) ?? 1);
  return sized({
    ...{ event, kind: 'dead-letter', reads: [], writes: [], emits: [emit], answer: undefined, doom },
    ...{ bytes: 0, status: 'ready', committed: undefined },
  });
}

/** A result waits for its commit. Its lane goes on at once unless it read or wrote state. */
export function addReady(session: Session, result: Result, nowMs: number): void {
  const { event } = result;
  session.ready.push(result);
  if (event.lane === undefined) return;
  event.lane.uncommitted += 1;
  if (result.kind === 'held') event.lane.holds += 1;
  if (bars(result)) event.lane.barring += 1;
  else session.lanes.refresh(event.lane, nowMs);
}

/** The result is committed, or is not to be. */
export function leaveLane(session: Session, result: Result, nowMs: number): void {
  const { lane } = result.event;
  if (lane === undefined) return;
  lane.uncommitted -= 1;
  if (result.kind === 'held') lane.holds -= 1;
  if (bars(result)) lane.barring -= 1;
  session.lanes.refresh(lane, nowMs);
}

/** The event runs again; results of later events of its lane do not stand any more. */
export function requeue(session: Session, event: PendingEvent, nowMs: number): void {
  if (session.loner === event) session.loner = undefined;
  session.lanes.requeue(event, nowMs);
  if (event.lane !== undefined && event.lane.uncommitted > 0) session.dirty = true;
}

/** The result is not committed, and its event runs again. What read from it falls at the next `purge`. */
export function drop(session: Session, result: Result, nowMs: number): void {
  result.status = 'dropped';
  session.dirty = true;
  uncount(result);
  requeue(session, result.event, nowMs);
  leaveLane(session, result, nowMs);
}

/** The failure that was its last one came of state that does not stand: it runs again as the same attempt, not as one more than it has. */
function uncount({ event, doom }: Result): void {
  if (doom !== undefined && event.doom === undefined && event.failures > 0) event.failures -= 1;
}

/**
 * Drops what must not be committed any more: results that read from a dropped one, and results with an earlier event of their lane waiting to run
 * again. Both rules follow the order of `ready`, so that one pass finds all.
 */
export function purge(session: Session, nowMs: number): void {
  if (!session.dirty) return;
  session.ready.keep(result => {
    if (result.status === 'dropped') return false;
    if (!session.lanes.isOvertaking(result.event) && !result.reads.some(read => read.from?.status === 'dropped')) return true;
    drop(session, result, nowMs);
    return false;
  });
  session.dirty = false;
}

/** The id of the event was found committed: done without running, if the commit finds the id as well. */
export function markKnown(session: Session, event: PendingEvent, nowMs: number): void {
  if (event.parkedKey === undefined) session.autoDone.add(event.offset, event.offset + 1);
  session.known.push(event);
  if (session.loner === event) session.loner = undefined;
  if (event.lane !== undefined) session.lanes.refresh(event.lane, nowMs);
}

function bars(result: Result): boolean {
  return result.reads.length > 0 || result.writes.length > 0;
}
