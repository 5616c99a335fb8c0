import type { ScheduleTrigger } from '../manifest/spec.ts';

/** What is remembered of a schedule across restarts, as JSON under the key `<unit>/<trigger>`. */
export interface ScheduleRecord {
  /** Of the calendar that `decidedUntilMs` belongs to: a changed schedule starts from now. */
  readonly calendar: string;
  readonly decidedUntilMs: number;
  /** The event of the last tick, and where its function finds it. */
  readonly last: { readonly id: string; readonly partition: number; readonly offset: number } | undefined;
}

const version = 1;

export function scheduleKey(unit: string, triggerName: string): string {
  return `${unit}/${triggerName}`;
}

export function calendarOf({ when, timezone }: ScheduleTrigger): string {
  return 'cron' in when ? `cron ${when.cron} ${timezone}` : 'everyMs' in when ? `every ${when.everyMs}` : `at ${when.atMs}`;
}

export function writeRecord(record: ScheduleRecord): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ version, ...record }));
}

/** Undefined for what this version did not write: the schedule then starts from now. */
export function readRecord(bytes: Uint8Array | undefined): ScheduleRecord | undefined {
  if (bytes === undefined) return undefined;
  const parsed = JSON.parse(new TextDecoder().decode(bytes)) as Partial<ScheduleRecord> & { readonly version?: number };
  if (parsed.version !== version || typeof parsed.calendar !== 'string' || typeof parsed.decidedUntilMs !== 'number') return undefined;
  return { calendar: parsed.calendar, decidedUntilMs: parsed.decidedUntilMs, last: parsed.last };
}
