import { Cron } from 'croner';
import type { Cursor } from './cursor.ts';
import { parseInstant } from './instant.ts';
import { didYouMean } from './nearest.ts';
import type { Resolving } from './resolving.ts';
import type { ScheduleTrigger } from './spec.ts';
import { parseDuration } from './units.ts';

/** `names`: of the schedules of this function so far. */
export function resolveSchedule(at: Cursor, names: Set<string>, resolving: Resolving): ScheduleTrigger {
  const timezone = resolveTimezone(at.at('timezone'));
  if (at.at('timezone').isThere && !at.at('cron').isThere) {
    resolving.warnings.add(
      'FAAS_MANIFEST_NO_EFFECT',
      at.at('timezone').place('key'),
      'the time zone has no effect without a cron pattern',
      'Remove it.',
    );
  }
  return {
    kind: 'schedule',
    name: resolveName(at, names),
    when: resolveWhen(at, timezone),
    timezone,
    missed: at.at('missed').choice(['latest', 'all', 'skip'], 'latest'),
    overlap: at.at('overlap').choice(['forbid', 'allow'], 'forbid'),
  };
}

function resolveName(at: Cursor, names: Set<string>): string {
  const name = at.at('name').text() ?? `schedule-${names.size + 1}`;
  if (names.has(name))
    at.at('name').problem('FAAS_MANIFEST_DUPLICATE', `the name "${name}" is that of another schedule of this function`, 'Name both.');
  names.add(name);
  return name;
}

function resolveWhen(at: Cursor, timezone: string): ScheduleTrigger['when'] {
  const given = ['cron', 'every', 'at'].filter(key => at.at(key).isThere);
  if (given.length !== 1) {
    const what = given.length === 0 ? 'no time is given' : `${given.join(' and ')} are given`;
    at.problem('FAAS_MANIFEST_CONFLICT', `${what}, expected one of cron, every and at`, undefined, 'key');
  }
  if (at.at('cron').isThere) return { cron: resolveCron(at.at('cron'), timezone) };
  if (at.at('every').isThere) return { everyMs: at.at('every').amount(parseDuration, 0, '100ms', '366d') };
  const atMs = parseInstant(at.at('at').text() ?? '');
  if (atMs === undefined && at.at('at').text() !== undefined) {
    at.at('at').problem(
      'FAAS_MANIFEST_SCHEDULE',
      `"${at.at('at').text()}" is not a time with its zone`,
      'Write it as 2026-01-31T06:00:00Z.',
    );
  }
  return { atMs: atMs ?? 0 };
}

export function resolveCron(at: Cursor, timezone: string): string {
  const cron = (at.text() ?? '').trim().replaceAll(/\s+/g, ' ');
  const fault = cronFault(cron, timezone);
  if (fault !== undefined)
    at.problem(
      'FAAS_MANIFEST_SCHEDULE',
      `"${cron}" ${fault}`,
      'Fields: minute, hour, day of month, month, day of week, such as "0 6 * * 1-5".',
    );
  return cron;
}

/** What is wrong with a pattern; undefined when it is good. */
function cronFault(cron: string, timezone: string): string | undefined {
  const fields = cron.split(' ').length;
  if (fields !== 5 && fields !== 6 && !cron.startsWith('@')) return `has ${fields} fields, expected five, or six with seconds first`;
  try {
    const pattern = new Cron(cron, { paused: true, timezone, mode: '5-or-6-parts' });
    return pattern.nextRun(someDay) === null ? 'never comes due' : undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^CronPattern: /, '').replace(/\.$/, '') : String(error);
    return `is not a cron pattern: ${reason.charAt(0).toLowerCase()}${reason.slice(1)}`;
  }
}

/** Whether a pattern ever comes due does not depend on when it is asked. */
const someDay = '2000-01-01T00:00:00';

export function resolveTimezone(at: Cursor): string {
  const zone = at.text() ?? 'UTC';
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    if (!/^[+-]/.test(zone)) return zone;
  } catch {
    // Said below: the reason is always the same.
  }
  at.problem(
    'FAAS_MANIFEST_SCHEDULE',
    `"${zone}" is not a time zone`,
    didYouMean(zone, [...newerZones, ...Intl.supportedValuesOf('timeZone')]) ?? 'Write it as Europe/Kyiv or UTC.',
  );
  return 'UTC';
}

/** Names that are good, but missing from the list of zones of older ICU data. */
const newerZones: readonly string[] = ['UTC', 'Europe/Kyiv', 'Asia/Kolkata', 'Asia/Ho_Chi_Minh', 'America/Nuuk'];
