import type { ScheduleTrigger } from '../manifest/spec.ts';
import { dueTimes } from './due-times.ts';

/** A due time that is older than this was missed: nobody looked, or the clock jumped. */
export const onTimeMs = 5_000;
/** `missed: all` catches up with the latest so many. */
export const missedMax = 1_000;

export interface TickInput {
  readonly trigger: Pick<ScheduleTrigger, 'when' | 'timezone' | 'missed' | 'overlap'>;
  /** Everything due until then was decided. */
  readonly decidedUntilMs: number;
  readonly nowMs: number;
  /** Whether the event of the last tick is done; true when there was none. */
  readonly previousDone: boolean;
}

export interface TickDecision {
  /** Append one event for each, ascending. */
  readonly fire: readonly number[];
  readonly skipped: readonly { readonly dueMs: number; readonly why: 'missed' | 'overlap' }[];
  /** To be remembered once the events are appended. Never goes back, even when the clock does. */
  readonly decidedUntilMs: number;
}

/**
 * What to do about the due times since the last look. `latest`: of those that were missed only the last one, and that only if none is due right now.
 * `all`: every one of them, whether or not the one before is done. `overlap: forbid` lets at most one event be under way: those of `all` have one key
 * and wait for each other in the inbox.
 * Not promised: a record of every missed time; only the latest thousand are named.
 */
export function decideTick({ trigger, decidedUntilMs, nowMs, previousDone }: TickInput): TickDecision {
  const due = dueTimes(trigger, decidedUntilMs, nowMs, missedMax);
  const missed = due.filter(dueMs => nowMs - dueMs > onTimeMs);
  const onTime = due.filter(dueMs => nowMs - dueMs <= onTimeMs);
  const caughtUp = catchUp(trigger.missed, missed, onTime.length > 0);
  const wanted = [...caughtUp, ...onTime];
  const isSeries = trigger.missed === 'all' && missed.length > 0;
  const fire = trigger.overlap === 'allow' || isSeries ? wanted : previousDone ? wanted.slice(0, 1) : [];
  const fired = new Set(fire);
  const isWanted = new Set(wanted);
  return {
    fire,
    skipped: due.filter(dueMs => !fired.has(dueMs)).map(dueMs => ({ dueMs, why: isWanted.has(dueMs) ? 'overlap' : 'missed' })),
    decidedUntilMs: due.at(-1) ?? decidedUntilMs,
  };
}

function catchUp(policy: ScheduleTrigger['missed'], missed: readonly number[], dueNow: boolean): readonly number[] {
  if (policy === 'all') return missed;
  return policy === 'latest' && !dueNow ? missed.slice(-1) : [];
}
