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
    const progress = await state.progress(unit);
    for (const trigger of triggers) {
      schedules.push(scheduleOf(unit, trigger, records.get(scheduleKey(unit, trigger.name)), progress, clock.now()));
    }
  }
  return schedules;
}

function scheduleOf(
  unit: string,
  trigger: ScheduleTrigger,
  record: ScheduleRecord | undefined,
  progress: readonly SourceProgress[],
  nowMs: number,
): Schedule {
  const nextMs = nextDue(trigger, nowMs);
  const lastMs = dueTimeOf(record?.last?.id);
  const done = record?.last && progress.find(one => one.source === `${inboxTopicOf(unit)}.${record.last?.partition}`);
  return {
    unit,
    name: trigger.name,
    when: triggerSentence(trigger).slice('schedule '.length),
    timezone: trigger.timezone,
    missed: trigger.missed,
    overlap: trigger.overlap,
    ...(nextMs !== undefined && { nextMs }),
    ...(lastMs !== undefined && { lastMs }),
    ...(done && record?.last && { lastDone: done.frontier > record.last.offset }),
  };
}

/** The id of a tick is `<function>@<due time>`. */
function dueTimeOf(id: string | undefined): number | undefined {
  const time = Date.parse(id?.slice(id.lastIndexOf('@') + 1) ?? '');
  return Number.isNaN(time) ? undefined : time;
}
