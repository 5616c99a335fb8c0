import { assertNever } from '../../runtime/sdk/assert-never.ts';
import { commitNext } from './commit-group.ts';
import { end, takeCommitResult, takeCommitUnknown } from './commit-replies.ts';
import { askReplay, replayNext, takeLoaded } from './parking.ts';
import { readRecords } from './read-records.ts';
import type { Effect, Input, Session } from './session-state.ts';
import { sendDraft, settleDoomed } from './take-batch.ts';
import { endDraft, takeResults } from './take-results.ts';

/**
 * One step of a session: changes it in place and answers what is to be done, in this order. Nothing of it is done twice; what must be durable before
 * something else is sent is an effect whose acknowledgement is an input. After the end of a session its inputs change nothing.
 */
export function stepSession(session: Session, input: Input): readonly Effect[] {
  const effects: Effect[] = [];
  if (session.ended !== undefined) return effects;
  take(session, input, effects);
  if (!('nowMs' in input) || session.ended !== undefined) return effects;
  if (session.replaying.size > 0) replayNext(session, input.nowMs, effects);
  settleDoomed(session, input.nowMs, effects);
  commitNext(session, input.nowMs, effects);
  return effects;
}

/** When it wants to be woken; undefined: something else will happen first, or nothing. */
export function wakeAtMs(session: Session): number | undefined {
  if (session.ended !== undefined) return undefined;
  const times = [session.lanes.nextDueAtMs];
  if (session.commit === undefined) times.push(session.idleCommitAtMs);
  const known = times.filter(time => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** Nothing of it is on its way and nothing is left to commit; what the store's disk is asked for does not count, because nobody has to wait for it. */
export function isQuiet(session: Session): boolean {
  if (session.ended !== undefined) return true;
  const isBusy = session.running > 0 || session.ready.length > 0 || session.commit !== undefined;
  return !isBusy && session.autoDone.isEmpty && Math.min(session.frontier, session.position) <= session.highSeqOffset;
}

function take(session: Session, input: Input, effects: Effect[]): void {
  switch (input.kind) {
    case 'fetched':
      readRecords(session, input.result, input.nowMs);
      return;
    case 'prepared':
      sendDraft(session, input.draft, input, effects);
      return;
    case 'results':
      takeResults(session, input, effects);
      return;
    case 'draft-ended':
      endDraft(session, input.draft, input.end, input.fraction, input.nowMs, effects);
      return;
    case 'attempts-recorded':
      for (const event of input.events) session.lanes.recorded(event, input.nowMs);
      return;
    case 'committed':
      takeCommitResult(session, input.result, input.nowMs, effects);
      return;
    case 'commit-unknown':
      takeCommitUnknown(session, effects);
      return;
    case 'verified':
      takeVerified(session, input.result, effects);
      return;
    case 'offset-due':
      takeOffsetDue(session, input.verify, effects);
      return;
    case 'replay-asked':
      askReplay(session, input.keys);
      return;
    case 'parked-loaded':
      takeLoaded(session, input.key, input.events, input.nowMs);
      return;
    case 'woken':
      session.lanes.wake(input.nowMs);
      return;
    case 'revised':
      if (input.forgive) for (const event of session.arrivals) Object.assign(event, { failures: 0, exclusiveCrashes: 0 });
      return;
    case 'stop':
      session.stopping = true;
      return;
    case 'fenced':
    case 'store-failed':
      end(session, input.kind, effects);
      return;
    default:
      assertNever(input);
      return;
  }
}

function takeVerified(session: Session, result: 'ok' | 'fenced' | 'rollback', effects: Effect[]): void {
  const { verifying } = session;
  session.verifying = undefined;
  if (result !== 'ok') {
    end(session, result, effects);
    return;
  }
  if (verifying === undefined) return;
  session.durableOrdinal = verifying.ordinal;
  session.durableOffset = verifying.highSeqOffset;
  effects.push({ kind: 'durable', offset: verifying.highSeqOffset, ordinal: verifying.ordinal });
}

/** The broker is told what cannot be lost any more; a store that may lose its last second is asked first. */
function takeOffsetDue(session: Session, isVerifyOwed: boolean, effects: Effect[]): void {
  if (session.limits.mayRollBack && (isVerifyOwed || session.durableOrdinal < session.ordinal)) session.verifyWanted = true;
  else if (session.verifying === undefined)
    effects.push({ kind: 'durable', offset: session.durableOffset, ordinal: session.durableOrdinal });
}
