import type { FailingReport } from '../dispatch/dispatcher.ts';
import type { FunctionRecord, RevisionRecord } from '../ports/registry.ts';

/** A revision that has been live for longer has shown that it works: what fails now is something else. */
const freshMs = 3_600_000;
/** So many single events, more and more seldom, have to fail as well: nobody is rolled back for an outage of a second. */
const probesConfirming = 3;

/** `stay`: the function stays paused and is tried with single events; why the revision before is not brought back. */
export type RollbackDecision =
  | { readonly kind: 'roll-back'; readonly to: string }
  | { readonly kind: 'stay'; readonly reason: 'NotConfirmed' | 'OtherRevision' | 'NotFresh' | 'NoOlderRevision' | 'PredecessorFailing' };

/** Whether a failing function goes back to the revision before: only a fresh one does, and only to an older one that did not fail itself. */
export function decideRollback(
  { live, previousLive, activatedAtMs }: Pick<FunctionRecord, 'live' | 'previousLive' | 'activatedAtMs'>,
  revisions: readonly Pick<RevisionRecord, 'id' | 'counter'>[],
  failing: FailingReport,
): RollbackDecision {
  if (failing.revision !== live.id) return { kind: 'stay', reason: 'OtherRevision' };
  if (failing.probesFailed < probesConfirming) return { kind: 'stay', reason: 'NotConfirmed' };
  if (failing.sinceMs < activatedAtMs) return { kind: 'stay', reason: 'PredecessorFailing' };
  if (failing.sinceMs - activatedAtMs > freshMs) return { kind: 'stay', reason: 'NotFresh' };
  const before = revisions.find(one => one.id === previousLive);
  // A younger one before this one was itself rolled back from.
  if (before === undefined || before.counter >= live.counter) return { kind: 'stay', reason: 'NoOlderRevision' };
  return { kind: 'roll-back', to: before.id };
}
