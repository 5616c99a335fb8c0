import { isArray } from '../protocol/intrinsics.ts';
import type { Outcome } from '../protocol/messages.ts';
import type { FaasEvent } from '../sdk/event.ts';
import { type CallParts, endOfCalls, passesFilter } from './call-event.ts';
import { createBatchContext } from './context.ts';
import { bounded, failureOf } from './describe-error.ts';
import { checkSchema } from './emission.ts';
import { EventRun, timeoutError } from './event-run.ts';
import type { PositionOutcome, RunningCall } from './running-call.ts';

interface Member {
  readonly position: number;
  readonly run: EventRun;
}

/**
 * Handles all events of a batch in one call. Those that cannot be decoded or do not match their schema fail by themselves, and the handler
 * gets the others. Throws what the handler throws, unless it names the events that failed (`FAAS_BATCH_FAILURE`).
 */
export async function callBatchHandler(call: RunningCall, parts: CallParts): Promise<readonly PositionOutcome[]> {
  const { fn, host } = parts;
  const { batch, id, view } = call.queued;
  if (host.now() >= call.scope.deadlineMs) throw timeoutError();
  const { members, outcomes } = admit(call, parts);
  if (members.length === 0) return outcomes;
  const runs = new Map<FaasEvent, EventRun>(members.map(({ run }) => [run.event, run]));
  const context = createBatchContext(runs, {
    fn,
    host,
    batchId: id,
    batch,
    view,
    scope: call.scope,
    cold: parts.cold,
  });
  const startedAt = host.monotonic();
  let failed: ReadonlyMap<number, Outcome> = new Map();
  try {
    await parts.enter(call, undefined, () => fn.handler([...runs.keys()], context));
    await endOfCalls(call.scope);
  } catch (thrown) {
    const named = namedFailures(thrown, members);
    if (named === undefined || call.scope.aborted !== undefined) throw thrown;
    failed = named;
  }
  const busyMs = (host.monotonic() - startedAt) / members.length;
  return [...outcomes, ...settle(members, failed, { enteredAtMs: call.enteredAtMs, busyMs })];
}

function admit(call: RunningCall, { fn, host }: CallParts): { members: Member[]; outcomes: PositionOutcome[] } {
  const members: Member[] = [];
  const outcomes: PositionOutcome[] = [];
  for (const position of call.positions) {
    const wire = call.queued.batch.events[position];
    if (wire === undefined) continue;
    try {
      const run = new EventRun(call.queued.id, wire, host);
      if (!passesFilter(fn, run)) {
        outcomes.push([position, { ...run.effects.outcome({ enteredAtMs: call.enteredAtMs, busyMs: 0 }, undefined), filtered: true }]);
        continue;
      }
      checkSchema(fn, wire.stream, run.event.data, 'the payload');
      call.effects.push(run.effects);
      members.push({ position, run });
    } catch (thrown) {
      outcomes.push([position, { kind: 'failed', ...failureOf(thrown) }]);
    }
  }
  return { members, outcomes };
}

/** The failures that a `BatchFailure` names, by position in the batch; undefined when something else was thrown. */
function namedFailures(thrown: unknown, members: readonly Member[]): ReadonlyMap<number, Outcome> | undefined {
  const error = failureOf(thrown).error;
  if (error.code !== 'FAAS_BATCH_FAILURE' || typeof thrown !== 'object' || thrown === null) return undefined;
  const failed: unknown = Reflect.get(thrown, 'failed');
  if (!isArray(failed)) return undefined;
  const named = new Map<number, Outcome>();
  for (const item of failed) {
    if (typeof item !== 'object' || item === null) return undefined;
    const member = members[Number(Reflect.get(item, 'index'))];
    if (member === undefined) return undefined;
    const message = bounded(String(Reflect.get(item, 'reason')), 4096);
    named.set(member.position, { kind: 'failed', reason: 'error', retryable: true, error: { ...error, message } });
  }
  return named;
}

/**
 * What read from a failed event's writes is returned, and so on; of several writes of one key the last one counts, whichever event it
 * names: the others are taken out, so that the order in which the events are committed does not matter.
 */
function settle(
  members: readonly Member[],
  failed: ReadonlyMap<number, Outcome>,
  times: { readonly enteredAtMs: number; readonly busyMs: number },
): readonly PositionOutcome[] {
  const lost = new Set(members.filter(({ position }) => failed.has(position)).map(({ run }) => `@${run.wire.index}`));
  for (let size = -1; size !== lost.size; ) {
    size = lost.size;
    for (const { run } of members)
      if (run.effects.reads.some(({ version }) => version !== null && lost.has(version))) lost.add(`@${run.wire.index}`);
  }
  const kept = members.filter(({ run }) => !lost.has(`@${run.wire.index}`));
  keepLastWrites(kept);
  return members.map(({ position, run }) => {
    const failure = failed.get(position);
    if (failure !== undefined) return [position, failure];
    if (lost.has(`@${run.wire.index}`)) return [position, { kind: 'returned', why: 'after-failure' }];
    return [position, run.effects.outcome(times, undefined)];
  });
}

function keepLastWrites(members: readonly Member[]): void {
  const lastWriter = new Map<string, { readonly run: EventRun; readonly order: number }>();
  for (const { run } of members) {
    run.effects.eachWrite((key, { order }) => {
      const last = lastWriter.get(key);
      if (last === undefined || order > last.order) lastWriter.set(key, { run, order });
    });
  }
  for (const { run } of members) {
    const replaced: string[] = [];
    run.effects.eachWrite(key => {
      if (lastWriter.get(key)?.run !== run) replaced.push(key);
    });
    for (const key of replaced) run.effects.dropWrite(key);
  }
}
