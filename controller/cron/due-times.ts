import { Cron } from 'croner';
import type { ScheduleTrigger } from '../manifest/spec.ts';

/** What of a trigger decides when it is due. */
export type Calendar = Pick<ScheduleTrigger, 'when' | 'timezone'>;

/** The first due time after `afterMs`; undefined: never again. `every` counts from the epoch, so that a restart or a second server agrees. */
export function nextDue({ when, timezone }: Calendar, afterMs: number): number | undefined {
  if ('everyMs' in when) return (Math.floor(afterMs / when.everyMs) + 1) * when.everyMs;
  if ('atMs' in when) return when.atMs > afterMs ? when.atMs : undefined;
  return cronOf(when.cron, timezone).nextRun(new Date(afterMs))?.getTime();
}

/** The last due time at or before `untilMs`. */
export function lastDue({ when, timezone }: Calendar, untilMs: number): number | undefined {
  if ('everyMs' in when) return Math.floor(untilMs / when.everyMs) * when.everyMs;
  if ('atMs' in when) return when.atMs <= untilMs ? when.atMs : undefined;
  // The calendar looks strictly before its reference, and knows whole seconds only.
  const reference = (Math.floor(untilMs / 1000) + 1) * 1000;
  return cronOf(when.cron, timezone).previousRuns(1, new Date(reference))[0]?.getTime();
}

/** The due times in (afterMs, untilMs], the latest `max` of them, ascending. Looked for backwards: after a long pause the early ones do not matter. */
export function dueTimes(calendar: Calendar, afterMs: number, untilMs: number, max: number): readonly number[] {
  const times: number[] = [];
  for (let until = untilMs; times.length < max; ) {
    const due = lastDue(calendar, until);
    if (due === undefined || due <= afterMs) break;
    times.push(due);
    until = due - 1;
  }
  return times.reverse();
}

/** Bounded by the schedules that are live; patterns of gone ones are few and small, and go together. */
const cronsMax = 10_000;
const crons = new Map<string, Cron>();

function cronOf(pattern: string, timezone: string): Cron {
  const name = `${timezone} ${pattern}`;
  const known = crons.get(name);
  if (known !== undefined) return known;
  if (crons.size >= cronsMax) crons.clear();
  const cron = new Cron(pattern, { paused: true, timezone, mode: '5-or-6-parts' });
  crons.set(name, cron);
  return cron;
}
