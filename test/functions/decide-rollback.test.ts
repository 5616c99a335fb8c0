import { expect, test } from 'vitest';
import type { FailingReport } from '../../controller/dispatch/dispatcher.ts';
import { decideRollback } from '../../controller/functions/decide-rollback.ts';
import type { RevisionRecord } from '../../controller/ports/registry.ts';

const hour = 3_600_000;
const revision = (id: string, counter: number) => ({ id, counter }) as RevisionRecord;
const record = { live: revision('r2', 2), previousLive: 'r1', activatedAtMs: 1_000 };
const failing: FailingReport = { sinceMs: 2_000, failed: 20, of: 20, probesFailed: 3, last: undefined, revision: 'r2' };
const revisions = [revision('r1', 1), revision('r2', 2), revision('r3', 3)];

test.each([
  ['fresh, confirmed, with an older revision', {}, {}, 'r1'],
  ['two probes are not enough', {}, { probesFailed: 2 }, 'NotConfirmed'],
  ['the report is of the revision before', {}, { revision: 'r1' }, 'OtherRevision'],
  ['it failed before this revision came', {}, { sinceMs: 999 }, 'PredecessorFailing'],
  ['live for an hour', {}, { sinceMs: 1_000 + hour }, 'r1'],
  ['live for longer', {}, { sinceMs: 1_001 + hour }, 'NotFresh'],
  ['the first revision', { previousLive: undefined }, {}, 'NoOlderRevision'],
  ['the revision before is younger: it was rolled back itself', { previousLive: 'r3' }, {}, 'NoOlderRevision'],
  ['the revision before is gone', { previousLive: 'r0' }, {}, 'NoOlderRevision'],
] as const)('%s → %4$s', (_, changedRecord, changedFailing, expected) => {
  const decision = decideRollback({ ...record, ...changedRecord }, revisions, { ...failing, ...changedFailing });
  expect(decision.kind === 'roll-back' ? decision.to : decision.reason).toBe(expected);
});
