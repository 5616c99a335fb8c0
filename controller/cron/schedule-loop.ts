import type { Clock } from '../clock.ts';
import type { FaultPoints } from '../fault-points.ts';
import type { LiveFunction } from '../functions/live-function.ts';
import { firstOfChain, inboxRecord } from '../inbox/inbox-record.ts';
import type { ScheduleTrigger } from '../manifest/spec.ts';
import type { History } from '../ports/history.ts';
import type { StateStore } from '../ports/state.ts';
import type { Streams } from '../ports/streams.ts';
import type { Random } from '../random.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { childTraceparent } from '../telemetry/trace.ts';
import { decideTick, type TickDecision } from './decide-tick.ts';
import { nextDue } from './due-times.ts';
import { calendarOf, type ScheduleRecord, scheduleKey } from './schedule-record.ts';
import { ScheduleStore } from './schedule-store.ts';

export interface SchedulesOptions {
  /** What is live now; undefined while that is not known yet, because a function that is missing from the answer loses its memory. */
  readonly live: () => readonly LiveFunction[] | undefined;
  readonly streams: Pick<Streams, 'append' | 'describeTopic'>;
  readonly state: StateStore;
  readonly history: Pick<History, 'write'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly faults: FaultPoints;
  readonly log: Log;
  readonly metrics: Metrics;
  /** How often to look at least: for new functions, and for clocks that jump. */
  readonly lookEveryMs?: number;
}

interface Schedule {
  readonly live: LiveFunction;
  readonly trigger: ScheduleTrigger;
  record: ScheduleRecord;
  nextDueMs: number | undefined;
}

type Schedules = Map<string, Schedule>;

const lookEveryMs = 1_000;
const retryMs = 1_000;

/**
 * Appends each due time of each schedule to the inbox of its function, and remembers that. Append first: a crash in between appends the same id again,
 * and the function's commit drops the second one; so nothing is lost and nothing doubled. Ends when the signal aborts.
 */
export async function runSchedules(options: SchedulesOptions, signal: AbortSignal): Promise<void> {
  const { clock, log } = options;
  while (!signal.aborted) {
    try {
      await runSession(options, signal);
    } catch (error) {
      log.error('schedules failed', { error });
    }
    await clock.sleep(retryMs, signal);
  }
}

/** Until the signal, or until somebody else is the scheduler. */
async function runSession(options: SchedulesOptions, signal: AbortSignal): Promise<void> {
  const { clock, random, state } = options;
  const store = await ScheduleStore.claim(state, random, clock);
  let seen: readonly LiveFunction[] | undefined;
  let schedules: Schedules = new Map();
  while (!signal.aborted) {
    const functions = options.live();
    if (functions !== undefined && functions !== seen) {
      const taken = await takeIn(store, functions, clock.now());
      if (taken === undefined) return;
      schedules = taken;
      seen = functions;
    }
    if (!(await fireDue(options, store, schedules))) return;
    await clock.sleep(pauseMs(schedules, clock.now(), options.lookEveryMs ?? lookEveryMs), signal);
  }
}

/** The schedules that are live, with what is remembered of them. New and changed ones start from now, gone ones are forgotten. */
async function takeIn(store: ScheduleStore, functions: readonly LiveFunction[], nowMs: number): Promise<Schedules | undefined> {
  const remembered = await store.all();
  const changes = new Map<string, ScheduleRecord | undefined>();
  const schedules: Schedules = new Map();
  for (const live of functions) {
    for (const trigger of live.spec.on) {
      if (trigger.kind !== 'schedule') continue;
      const key = scheduleKey(live.unit, trigger.name);
      const calendar = calendarOf(trigger);
      const known = remembered.get(key);
      const record = known?.calendar === calendar ? known : { calendar, decidedUntilMs: nowMs, last: known?.last };
      if (record !== known) changes.set(key, record);
      schedules.set(key, { live, trigger, record, nextDueMs: nextDue(trigger, record.decidedUntilMs) });
    }
  }
  for (const key of remembered.keys()) if (!schedules.has(key)) changes.set(key, undefined);
  return (await store.write(changes)) ? schedules : undefined;
}

/** Decides all that is due; false when the store says that somebody else does. */
async function fireDue(options: SchedulesOptions, store: ScheduleStore, schedules: Schedules): Promise<boolean> {
  const nowMs = options.clock.now();
  const due = [...schedules].filter(([, { nextDueMs }]) => nextDueMs !== undefined && nextDueMs <= nowMs);
  const decided = await Promise.all(
    due.map(async ([key, schedule]) => {
      try {
        return [key, await fire(options, schedule, nowMs)] as const;
      } catch (error) {
        // One that cannot be appended holds nobody else up, and is decided again at the next look.
        schedule.nextDueMs = nowMs + retryMs;
        options.log.error('schedule could not be appended', { unit: schedule.live.unit, schedule: schedule.trigger.name, error });
        return undefined;
      }
    }),
  );
  const changes = new Map(decided.filter(entry => entry !== undefined));
  if (!(await store.write(changes))) return false;
  for (const [key, record] of changes) {
    const schedule = schedules.get(key);
    if (schedule === undefined) continue;
    schedule.record = record;
    schedule.nextDueMs = nextDue(schedule.trigger, record.decidedUntilMs);
  }
  return true;
}

async function fire(options: SchedulesOptions, schedule: Schedule, nowMs: number): Promise<ScheduleRecord> {
  const { record, trigger } = schedule;
  const previousDone = trigger.overlap === 'allow' || (await isDone(options.state, schedule));
  const decision = decideTick({ trigger, decidedUntilMs: record.decidedUntilMs, nowMs, previousDone });
  const last = await append(options, schedule, decision.fire);
  account(options, schedule, decision, nowMs);
  return { ...record, decidedUntilMs: decision.decidedUntilMs, last: last ?? record.last };
}

/** By its id while that is remembered, by its place in the inbox for ever. */
async function isDone(state: StateStore, { live, record: { last } }: Schedule): Promise<boolean> {
  if (last === undefined) return true;
  if ((await state.known(live.unit, [last.id])).length > 0) return true;
  const progress = await state.progress(live.unit);
  return progress.some(({ source, frontier }) => source === `${live.inboxTopic}.${last.partition}` && frontier > last.offset);
}

async function append(options: SchedulesOptions, { live, trigger }: Schedule, dueMs: readonly number[]): Promise<ScheduleRecord['last']> {
  const lastDueMs = dueMs.at(-1);
  if (lastDueMs === undefined) return undefined;
  const topic = await options.streams.describeTopic(live.inboxTopic);
  if (topic === undefined) throw new Error(`there is no topic ${live.inboxTopic}`);
  const records = dueMs.map(at => inboxRecord(eventOf(live, trigger, at, options.random), topic.partitions));
  options.faults('tick.before-append');
  const offsets = await options.streams.append(live.inboxTopic, records);
  options.faults('tick.after-append');
  const partition = records.at(-1)?.partition ?? 0;
  return { id: tickId(live, trigger, lastDueMs), partition, offset: offsets.at(-1) ?? 0 };
}

/** The same for the same due time, whoever appends it and however often. */
function tickId({ unit }: LiveFunction, { name }: ScheduleTrigger, dueMs: number): string {
  return `${unit}/${name}@${new Date(dueMs).toISOString()}`;
}

function eventOf(live: LiveFunction, trigger: ScheduleTrigger, dueMs: number, random: Random) {
  const id = tickId(live, trigger, dueMs);
  const scheduledTime = new Date(dueMs).toISOString();
  return firstOfChain({
    id,
    source: `/schedules/${live.context}/${live.name}/${trigger.name}`,
    type: 'faas.schedule',
    timeMs: dueMs,
    trigger: 'schedule',
    triggerName: trigger.name,
    key: keyOf(trigger),
    value: new TextEncoder().encode(JSON.stringify({ schedule: trigger.name, scheduledTime })),
    contentType: 'application/json',
    traceparent: childTraceparent(undefined, random),
    headers: [],
  });
}

/**
 * Events of one key wait for each other. Where they may overlap there is none, and not one of its own for each: state under a key that never comes
 * again would be written for nobody, and stay for ever.
 */
function keyOf({ name, overlap }: ScheduleTrigger): string | null {
  return overlap === 'forbid' ? name : null;
}

function account(options: SchedulesOptions, { live, trigger }: Schedule, { fire, skipped }: TickDecision, nowMs: number): void {
  const { metrics, history } = options;
  const { unit } = live;
  const of = (why: 'missed' | 'overlap') => skipped.filter(skip => skip.why === why).map(({ dueMs }) => dueMs);
  const [missed, overlapped] = [of('missed'), of('overlap')];
  if (fire.length > 0) metrics.count('faas_schedule_ticks_total', { unit, result: 'appended' }, fire.length);
  for (const [why, times] of [['missed', missed] as const, ['overlapped', overlapped] as const]) {
    if (times.length === 0) continue;
    metrics.count('faas_schedule_ticks_total', { unit, result: why }, times.length);
    history.write({
      kind: 'decision',
      atMs: nowMs,
      unit,
      data: {
        decision: 'schedule-skipped',
        reason: why,
        schedule: trigger.name,
        times: times.length,
        firstMs: times[0],
        lastMs: times.at(-1),
      },
    });
  }
}

function pauseMs(schedules: Schedules, nowMs: number, mostMs: number): number {
  let nextMs = nowMs + mostMs;
  for (const { nextDueMs } of schedules.values()) if (nextDueMs !== undefined && nextDueMs < nextMs) nextMs = nextDueMs;
  return Math.max(0, nextMs - nowMs);
}
