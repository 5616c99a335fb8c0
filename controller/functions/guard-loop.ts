import type { Clock } from '../clock.ts';
import type { ConditionBoard } from '../conditions/condition-board.ts';
import type { FailingReport, UnitReport } from '../dispatch/dispatcher.ts';
import type { History } from '../ports/history.ts';
import type { FunctionRecord, Registry } from '../ports/registry.ts';
import type { Log } from '../telemetry/log.ts';
import { decideRollback, type RollbackDecision } from './decide-rollback.ts';
import type { Deployments } from './deployments.ts';

export interface GuardOptions {
  readonly registry: Pick<Registry, 'functions' | 'revisions'>;
  readonly deployments: Pick<Deployments, 'rollBack'>;
  readonly conditions: Pick<ConditionBoard, 'raise' | 'clear' | 'of'>;
  readonly history: Pick<History, 'write'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly report: () => readonly UnitReport[];
  /** Sends back what a revision dead-lettered since then; answers how many. */
  readonly replay: (unit: string, revision: string, sinceMs: number) => Promise<number>;
}

const tickMs = 1_000;

/**
 * Watches over fresh revisions: one that fails nearly everything goes back to the one before, and what it gave up is handled again. `report` is
 * what is seen of the function: in a cluster by all dispatchers together, else by that of this server.
 */
export async function runGuard(options: GuardOptions, signal: AbortSignal): Promise<void> {
  const memory: Memory = { decided: new Map(), looked: new Map() };
  while (!signal.aborted) {
    try {
      const records = await options.registry.functions();
      const failing = new Map(options.report().map(report => [report.unit, report.failing]));
      forget(memory, new Set(records.map(({ unit }) => unit)));
      for (const record of records) {
        const found = failing.get(record.unit);
        if (found !== undefined || isNew(record, memory)) await look(options, record, found, memory);
      }
    } catch (error) {
      options.log.warn('watching over revisions failed', { error: String(error) });
    }
    await options.clock.sleep(tickMs, signal);
  }
}

/** By function. */
interface Memory {
  /** What was said of it last. */
  readonly decided: Map<string, string>;
  /** When what is live became so, as of the last look at its conditions. */
  readonly looked: Map<string, number>;
}

/** Nothing is to be done for hundreds of others. */
function isNew({ unit, activatedAtMs }: FunctionRecord, { decided, looked }: Memory): boolean {
  return decided.has(unit) || looked.get(unit) !== activatedAtMs;
}

/** What was known of functions that are removed. */
function forget({ decided, looked }: Memory, live: ReadonlySet<string>): void {
  for (const known of [decided, looked]) for (const unit of known.keys()) if (!live.has(unit)) known.delete(unit);
}

async function look(
  options: GuardOptions,
  record: FunctionRecord,
  failing: FailingReport | undefined,
  { decided, looked }: Memory,
): Promise<void> {
  const { conditions, registry } = options;
  const { unit, activatedAtMs } = record;
  if (looked.get(unit) !== activatedAtMs) {
    // Whoever has rolled it back may have been another server.
    const rolledBack = (await conditions.of(unit)).find(({ type, status }) => type === 'RolledBack' && status);
    if (rolledBack !== undefined && activatedAtMs > rolledBack.sinceMs) conditions.clear({ unit, type: 'RolledBack', place: '' });
    looked.set(unit, activatedAtMs);
  }
  if (failing === undefined) {
    decided.delete(unit);
    return;
  }
  const decision = decideRollback(record, await registry.revisions(unit), failing);
  if (decision.kind === 'roll-back') await rollBack(options, record, failing, decision.to);
  else tellOnce(options, record, failing, decision, decided);
}

async function rollBack(options: GuardOptions, { unit, live }: FunctionRecord, failing: FailingReport, to: string): Promise<void> {
  const { deployments, conditions, history, clock, log } = options;
  const result = await deployments.rollBack(unit, to, live.id);
  const facts = { from: live.id, to, failed: failing.failed, of: failing.of, error: failing.last?.error };
  if (result.kind === 'refused') {
    history.write({ kind: 'decision', atMs: clock.now(), unit, data: { kind: 'rollback', ...facts, refused: result.problems } });
    log.warn('rolling back was refused', { unit, from: live.id, to, problems: result.problems.map(one => one.message) });
    return;
  }
  log.warn('rolled back', { unit, from: live.id, to });
  const sent = await options.replay(unit, live.id, failing.sinceMs - replayMarginMs);
  history.write({ kind: 'decision', atMs: clock.now(), unit, data: { kind: 'rollback', ...facts, reason: 'MassFailure', replayed: sent } });
  const what = `${live.id} failed ${failing.failed} of ${failing.of} events (${failing.last?.error.message.slice(0, errorCharsMax) ?? ''})`;
  const message = `${what}; ${to} is live again, and ${sent} dead letters of it were sent back. Mend it and deploy again; faas logs ${unit} has the errors.`;
  conditions.raise({ unit, type: 'RolledBack', place: '', reason: 'MassFailure', message });
}

/** Dead letters that came before the failure was seen as one of nearly all. */
const replayMarginMs = 3_600_000;
const errorCharsMax = 300;

/** Why it stays as it is, once per reason and revision. */
function tellOnce(
  { history, clock }: GuardOptions,
  { unit, live }: FunctionRecord,
  failing: FailingReport,
  { reason }: Extract<RollbackDecision, { kind: 'stay' }>,
  decided: Map<string, string>,
): void {
  if (reason === 'NotConfirmed' || reason === 'OtherRevision' || decided.get(unit) === `${live.id} ${reason}`) return;
  decided.set(unit, `${live.id} ${reason}`);
  const data = { kind: 'rollback', action: 'stay', reason, revision: live.id, failed: failing.failed, of: failing.of };
  history.write({ kind: 'decision', atMs: clock.now(), unit, data });
}
