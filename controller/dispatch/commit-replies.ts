import { assertNever } from '../../runtime/sdk/assert-never.ts';
import type { CommitResult } from '../ports/state.ts';
import { close, versionOf } from './commit-group.ts';
import { noteHolds, notePops } from './parking.ts';
import type { PendingEvent, Result } from './pending-event.ts';
import { queue } from './read-records.ts';
import { drop, leaveLane, markKnown, noReads, requeue } from './results.ts';
import type { CommitInFlight, Effect, EndReason, Session } from './session-state.ts';

/** A lost reply: how often the same arguments are sent in all before the session gives up. */
const sendsMax = 4;

/** What follows from the store's answer to the commit in flight. */
export function takeCommitResult(session: Session, result: CommitResult, nowMs: number, effects: Effect[]): void {
  const { commit } = session;
  if (commit === undefined) return;
  switch (result.kind) {
    case 'ok':
    case 'already':
      applied(session, commit, result, nowMs, effects);
      return;
    case 'duplicate':
      duplicate(session, commit, new Set(result.ids), nowMs, effects);
      return;
    case 'unknown':
      unknown(session, commit, new Set(result.ids), nowMs);
      return;
    case 'stale':
      stale(session, commit, new Set(result.keys), nowMs, effects);
      return;
    case 'fenced':
    case 'rollback':
    case 'conflict':
      end(session, result.kind, effects);
      return;
    default:
      assertNever(result);
      return;
  }
}

/** The reply did not come: only the same request may be sent again, or the session ends. Nothing else is sent before an answer. */
export function takeCommitUnknown(session: Session, effects: Effect[]): void {
  const { commit } = session;
  if (commit === undefined) return;
  if (commit.sent >= sendsMax) {
    end(session, 'unknown-reply', effects);
    return;
  }
  effects.push({ kind: 'commit', request: commit.request, resend: commit.sent });
  commit.sent += 1;
}

/** Everything in memory is void from here on; the store knows the rest. */
export function end(session: Session, reason: EndReason, effects: Effect[]): void {
  if (session.ended !== undefined) return;
  session.ended = reason;
  effects.push({ kind: 'ended', reason });
}

function applied(
  session: Session,
  commit: CommitInFlight,
  answer: { frontier: number; firstSeq: { counter: number } },
  nowMs: number,
  effects: Effect[],
): void {
  session.commit = undefined;
  session.ordinal = commit.request.ordinal;
  session.frontier = answer.frontier;
  session.doneBefore.dropBelow(answer.frontier);
  if (commit.request.highSeqOffset > session.highSeqOffset) {
    session.highSeqOffset = commit.request.highSeqOffset;
    session.filter.stored(session.highSeqOffset);
  }
  if (!session.limits.mayRollBack) {
    session.durableOffset = session.highSeqOffset;
    session.durableOrdinal = session.ordinal;
  }
  noteHolds(session, commit);
  const committed = { commitId: commit.request.id, writes: commit.writes };
  for (const result of commit.group) {
    result.status = 'committed';
    result.committed = committed;
    leaveLane(session, result, nowMs);
    result.reads = noReads;
    if (result.kind === 'held') held(session, result.event, nowMs);
    else finish(session, result.event, nowMs);
  }
  for (const event of commit.known) finish(session, event, nowMs);
  notePops(session, commit, nowMs);
  effects.push({ kind: 'applied', commit, firstCounter: answer.firstSeq.counter });
}

/** Its repetitions are handled with it: the store knows their id now. */
function finish(session: Session, event: PendingEvent, nowMs: number): void {
  close(session, event);
  for (const repeat of event.repeats ?? []) markKnown(session, repeat, nowMs);
}

/** Its repetitions are held behind it: nothing remembers the id of what was not handled. */
function held(session: Session, event: PendingEvent, nowMs: number): void {
  close(session, event);
  for (const repeat of event.repeats ?? []) queue(session, repeat, nowMs);
}

function duplicate(session: Session, commit: CommitInFlight, ids: ReadonlySet<string>, nowMs: number, effects: Effect[]): void {
  const isDuplicate = ({ event }: Result) => event.dedupeId !== undefined && ids.has(event.dedupeId);
  const repeated = commit.group.filter(isDuplicate);
  if (repeated.length === 0) {
    end(session, 'conflict', effects);
    return;
  }
  takeBack(session, commit, result => !isDuplicate(result));
  for (const result of repeated) {
    result.status = 'dropped';
    leaveLane(session, result, nowMs);
    markKnown(session, result.event, nowMs);
  }
}

function unknown(session: Session, commit: CommitInFlight, ids: ReadonlySet<string>, nowMs: number): void {
  takeBack(session, commit, () => true);
  const isGone = (event: PendingEvent) => event.dedupeId !== undefined && ids.has(event.dedupeId);
  const gone = session.known.filter(isGone);
  session.known = session.known.filter(event => !isGone(event));
  for (const event of gone) {
    session.autoDone.remove(event.offset);
    requeue(session, event, nowMs);
  }
}

function stale(session: Session, commit: CommitInFlight, keys: ReadonlySet<string>, nowMs: number, effects: Effect[]): void {
  const isStale = (result: Result) => result.reads.some(read => keys.has(read.key) && versionOf(read) !== undefined);
  const overtaken = commit.group.filter(isStale);
  if (overtaken.length === 0) {
    end(session, 'conflict', effects);
    return;
  }
  takeBack(session, commit, result => !isStale(result));
  for (const result of overtaken) {
    result.event.stales += 1;
    drop(session, result, nowMs);
  }
}

/** Nothing was written and the ordinal is not used up: what is to be kept goes again, before all that became ready since. */
function takeBack(session: Session, commit: CommitInFlight, keep: (result: Result) => boolean): void {
  session.commit = undefined;
  session.dirty = true;
  session.ready.unshift(commit.group.filter(keep));
  session.autoDone.addAll(commit.autoDone);
  session.known = [...commit.known, ...session.known];
}
