import { changeValue } from '../change-value.ts';
import type { Clock } from '../clock.ts';
import { conditionOfError } from '../conditions/condition-of-error.ts';
import type { Conditions } from '../conditions/conditions.ts';
import type { LiveFunction } from '../functions/live-function.ts';
import { inboxRecord } from '../inbox/inbox-record.ts';
import type { LagTrigger } from '../manifest/spec.ts';
import type { StateStore } from '../ports/state.ts';
import type { Streams } from '../ports/streams.ts';
import type { Random } from '../random.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { childTraceparent } from '../telemetry/trace.ts';
import { type Crossing, crossingOf } from './decide-lag.ts';
import { type GroupLag, LagWatch } from './group-lag.ts';
import { inboxEventOf, lagEvent } from './lag-event.ts';
import { type LagRecord, lagKey, readRecord, writeRecord } from './lag-record.ts';
import { readGroup } from './read-group.ts';

export interface LagTriggersOptions {
  /** What is live now; undefined while that is not known yet, because a trigger that is missing from the answer loses its memory. */
  readonly live: () => readonly LiveFunction[] | undefined;
  readonly streams: Pick<Streams, 'append' | 'describeTopic' | 'bounds' | 'committed'>;
  readonly state: StateStore;
  readonly conditions: Pick<Conditions, 'raise' | 'clear'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
}

interface Watch {
  readonly key: string;
  readonly live: LiveFunction;
  readonly trigger: LagTrigger;
  readonly lag: LagWatch;
  record: LagRecord;
  dueMs: number;
}

/** A unit of its own in the state store; no `<context>.<function>` can have this name. */
const unit = '$lag';
const source = { unit, name: 'triggers' };
const recordsMax = 10_000;
const turnMs = 1_000;
/** A group of others: its offsets are asked of the broker. */
const foreignEveryMs = 10_000;
/** Questions under way at once, over all triggers. */
const looksAtOnce = 8;
const below: LagRecord = { isAbove: false, sinceMs: 0, pending: undefined };

/**
 * Looks at the groups of lag triggers, and appends an event to the inbox of the function when one falls behind and when it has caught up. A crossing is
 * remembered together with its event before that is appended: a crash in between appends the same id again, and the function's commit drops the second one.
 * For one server at a time; of two that both think they lead, one decides a crossing. Ends when the signal aborts.
 */
export async function runLagTriggers(options: LagTriggersOptions, signal: AbortSignal): Promise<void> {
  const { clock, log } = options;
  let seen: readonly LiveFunction[] | undefined;
  let watches: ReadonlyMap<string, Watch> = new Map();
  while (!signal.aborted) {
    try {
      const functions = options.live();
      if (functions !== undefined && functions !== seen) {
        watches = await takeIn(options, functions, watches);
        seen = functions;
      }
      await lookAtAll(options, seen ?? [], watches);
    } catch (error) {
      log.error('lag triggers failed', { error });
    }
    await clock.sleep(turnMs, signal);
  }
}

/** The triggers that are live, with what is remembered of them; those that are gone are forgotten. */
async function takeIn(
  options: LagTriggersOptions,
  functions: readonly LiveFunction[],
  before: ReadonlyMap<string, Watch>,
): Promise<ReadonlyMap<string, Watch>> {
  const { state, clock } = options;
  const stored = new Map((await state.list(unit, { limit: recordsMax })).map(({ key, value }) => [key, readRecord(value)]));
  const watches = new Map<string, Watch>();
  for (const live of functions) {
    for (const trigger of live.spec.on) {
      if (trigger.kind !== 'lag') continue;
      const key = lagKey(live.unit, trigger);
      const known = before.get(key);
      const lag = known?.lag ?? new LagWatch();
      watches.set(key, { key, live, trigger, lag, record: stored.get(key) ?? below, dueMs: known?.dueMs ?? clock.steady() });
    }
  }
  for (const [key, watch] of before) if (!watches.has(key)) forgetConditions(options, watch);
  for (const key of stored.keys()) if (!watches.has(key)) await changeValue(options, source, key, () => null);
  return watches;
}

async function lookAtAll(options: LagTriggersOptions, functions: readonly LiveFunction[], watches: ReadonlyMap<string, Watch>) {
  const steadyMs = options.clock.steady();
  const due = [...watches.values()].filter(watch => watch.dueMs <= steadyMs);
  for (let at = 0; at < due.length; at += looksAtOnce) {
    await Promise.all(due.slice(at, at + looksAtOnce).map(watch => lookAt(options, functions, watch)));
  }
}

/** What cannot be read or appended changes nothing, holds nobody else up, and is tried again at the next look. */
async function lookAt(options: LagTriggersOptions, functions: readonly LiveFunction[], watch: Watch): Promise<void> {
  const { clock, log, conditions } = options;
  const { trigger, live } = watch;
  const own = functions.find(one => one.group === trigger.group);
  watch.dueMs = clock.steady() + (own === undefined ? Math.max(trigger.everyMs, foreignEveryMs) : trigger.everyMs);
  const place = trigger.group;
  try {
    if (watch.record.pending !== undefined) await deliver(options, watch);
    const lag = watch.lag.look(await readGroup(options, trigger, own), clock.steady());
    conditions.clear({ unit: live.unit, type: 'TopicMissing', place });
    if (lag === undefined) return conditions.raise(unknownGroup(watch));
    conditions.clear({ unit: live.unit, type: 'LagUnknown', place });
    const crossed = crossingOf(watch.record.isAbove, lag, trigger);
    if (crossed === undefined || !(await remember(options, watch, crossed, lag))) return;
    await deliver(options, watch);
  } catch (error) {
    log.warn('lag of a group cannot be watched', { unit: live.unit, group: trigger.group, error });
    const found = conditionOfError(error);
    if (found?.type === 'TopicMissing') conditions.raise({ unit: live.unit, place, ...found });
  }
}

function unknownGroup({ live, trigger: { group, topics } }: Watch) {
  const message = `group ${group} has committed nothing on ${topics.join(', ')}. Check the name of the group and its topics in the lag trigger; if the group has not begun to read, it is found when it has.`;
  return { unit: live.unit, type: 'LagUnknown', place: group, reason: 'NothingCommitted', message } as const;
}

function forgetConditions({ conditions }: LagTriggersOptions, { live, trigger }: Watch): void {
  for (const type of ['LagUnknown', 'TopicMissing'] as const) conditions.clear({ unit: live.unit, type, place: trigger.group });
}

/** False: another server has decided meanwhile; what it left is taken over. */
async function remember(options: LagTriggersOptions, watch: Watch, crossed: Crossing, lag: GroupLag): Promise<boolean> {
  const { clock, log, metrics } = options;
  const { record, trigger, live } = watch;
  const atMs = clock.now();
  const event = lagEvent(trigger, crossed, lag, { atMs, aboveSinceMs: record.isAbove ? record.sinceMs : undefined });
  const isMine = await replace(options, watch, { isAbove: crossed === 'above', sinceMs: atMs, pending: event });
  if (!isMine) return false;
  const { lagEvents, oldestAgeMs } = event;
  log.info('lag crossed its bound', { unit: live.unit, group: trigger.group, crossed, lagEvents, oldestAgeMs });
  metrics.count('faas_lag_crossings_total', { unit: live.unit, crossed });
  return true;
}

async function deliver(options: LagTriggersOptions, watch: Watch): Promise<void> {
  const { streams, random } = options;
  const { record, live, key } = watch;
  if (record.pending === undefined) return;
  const inbox = await streams.describeTopic(live.inboxTopic);
  if (inbox === undefined) throw new Error(`there is no topic ${live.inboxTopic}`);
  const event = inboxEventOf(key, record.pending, childTraceparent(undefined, random));
  await streams.append(live.inboxTopic, [inboxRecord(event, inbox.partitions)]);
  await replace(options, watch, { ...record, pending: undefined });
}

/** Writes a record in the place of the one that this server knows, if it is still that one. */
async function replace(options: LagTriggersOptions, watch: Watch, next: LagRecord): Promise<boolean> {
  let isMine = true;
  await changeValue(options, source, watch.key, value => {
    const stored = readRecord(value) ?? below;
    isMine = Buffer.compare(writeRecord(stored), writeRecord(watch.record)) === 0;
    if (isMine) return writeRecord(next);
    watch.record = stored;
    return undefined;
  });
  if (isMine) watch.record = next;
  return isMine;
}
