import { nextDue } from '../cron/due-times.ts';
import { type ScheduleRecord, scheduleKey } from '../cron/schedule-record.ts';
import { readScheduleRecords } from '../cron/schedule-store.ts';
import { inboxTopicOf } from '../functions/live-function.ts';
import type { ScheduleTrigger } from '../manifest/spec.ts';
import type { SourceProgress } from '../ports/state.ts';
import type { ApiPorts } from './api-ports.ts';
import type { SchedulesAnswer } from './live-schema.ts';
import { triggerSentence } from './trigger-sentence.ts';

type Schedule = SchedulesAnswer['schedules'][number];

/** The next due time is computed, as the scheduler does; the last one is what it remembers. */
export async function readSchedules({ registry, state, clock }: Pick<ApiPorts, 'registry' | 'state' | 'clock'>): Promise<Schedule[]> {
  const records = await readScheduleRecords(state);
  const schedules: Schedule[] = [];
  for (const { unit, live } of await registry.functions()) {
    const triggers = live.spec.on.filter(trigger => trigger.kind === 'schedule');
    if (triggers.length === 0) continue;
    const lastIds = triggers.flatMap(({ name }) => records.get(scheduleKey(unit, name))?.last?.id ?? []);
    const known = await state.known(unit, lastIds);
    const done = { progress: await state.progress(unit), ids: new Set(known.map(({ id }) => id)) };
    for (const trigger of triggers) {
      schedules.push(scheduleOf(unit, trigger, records.get(scheduleKey(unit, trigger.name)), done, clock.now()));
    }
  }
  return schedules;
}

/** What the function is through with: an event that overtook others is known by its id, and one of long ago by its place. */
interface Done {
  readonly progress: readonly SourceProgress[];
  readonly ids: ReadonlySet<string>;
}

function scheduleOf(unit: string, trigger: ScheduleTrigger, record: ScheduleRecord | undefined, done: Done, nowMs: number): Schedule {
  const nextMs = nextDue(trigger, nowMs);
  const lastMs = dueTimeOf(record?.last?.id);
  return {
    unit,
    name: trigger.name,
    when: triggerSentence(trigger).slice('schedule '.length),
    timezone: trigger.timezone,
    missed: trigger.missed,
    overlap: trigger.overlap,
    ...(nextMs !== undefined && { nextMs }),
    ...(lastMs !== undefined && { lastMs }),
    ...lastDoneOf(unit, record?.last, done),
  };
}

/** Left out while nobody knows. */
function lastDoneOf(unit: string, last: ScheduleRecord['last'], { progress, ids }: Done): Pick<Schedule, 'lastDone'> {
  if (last === undefined) return {};
  if (ids.has(last.id)) return { lastDone: true };
  const source = progress.find(one => one.source === `${inboxTopicOf(unit)}.${last.partition}`);
  return source === undefined ? {} : { lastDone: source.frontier > last.offset };
}

/** The id of a tick is `<function>@<due time>`. */
function dueTimeOf(id: string | undefined): number | undefined {
  const time = Date.parse(id?.slice(id.lastIndexOf('@') + 1) ?? '');
  return Number.isNaN(time) ? undefined : time;
}
