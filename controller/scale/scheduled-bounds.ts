import { type Calendar, lastDue, nextDue } from '../cron/due-times.ts';
import type { ScheduledBounds } from '../manifest/spec.ts';

type Schedule = readonly ScheduledBounds[];

interface Span {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly bounds: ScheduledBounds | undefined;
}

/** Asked once a second for each function, and changing a few times a day. */
const spans = new WeakMap<Schedule, Span>();

/** The bounds whose due time was the last one; of two that are due at once the later in the list. Undefined: none was due yet. */
export function boundsAt(schedule: Schedule, nowMs: number): ScheduledBounds | undefined {
  const known = spans.get(schedule);
  if (known !== undefined && nowMs >= known.fromMs && nowMs < known.untilMs) return known.bounds;
  const span = spanAt(schedule, nowMs);
  spans.set(schedule, span);
  return span.bounds;
}

function spanAt(schedule: Schedule, nowMs: number): Span {
  let span: Span = { fromMs: Number.NEGATIVE_INFINITY, untilMs: Number.POSITIVE_INFINITY, bounds: undefined };
  for (const bounds of schedule) {
    const calendar = calendarOf(bounds);
    const last = lastDue(calendar, nowMs);
    const untilMs = Math.min(span.untilMs, nextDue(calendar, nowMs) ?? Number.POSITIVE_INFINITY);
    span = last !== undefined && last >= span.fromMs ? { fromMs: last, untilMs, bounds } : { ...span, untilMs };
  }
  return span;
}

function calendarOf({ cron, timezone }: ScheduledBounds): Calendar {
  return { when: { cron }, timezone };
}
