import { duration } from '../api/figure-text.ts';

/** Not known is not zero. */
export const notKnown = '?';

/** At most three digits that mean something, thousands with a letter: `7`, `0.4`, `12.5`, `1.25k`, `38k`. */
export function count(value: number | undefined): string {
  if (value === undefined) return notKnown;
  if (value >= 1_000_000) return `${short(value / 1_000_000)}M`;
  return value >= 10_000 ? `${short(value / 1_000)}k` : short(value);
}

function short(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

export function whole(value: number | undefined): string {
  return value === undefined ? notKnown : value.toLocaleString('en-US');
}

export function perSecond(rate: number | undefined): string {
  return rate === undefined ? notKnown : `${count(rate)}/s`;
}

export function age(ms: number | undefined): string {
  return ms === undefined ? '–' : duration(ms);
}

export function ago(atMs: number, nowMs: number): string {
  const ms = nowMs - atMs;
  if (Math.abs(ms) < 2_000) return 'just now';
  return ms > 0 ? `${duration(ms)} ago` : `in ${duration(-ms)}`;
}

export type Zone = 'local' | 'utc';

/** Making one takes far longer than using it. */
const formats: Readonly<Record<Zone, { readonly day: Intl.DateTimeFormat; readonly time: Intl.DateTimeFormat }>> = {
  local: formatsOf({}),
  utc: formatsOf({ timeZone: 'UTC' }),
};

function formatsOf(zone: Intl.DateTimeFormatOptions) {
  return {
    day: new Intl.DateTimeFormat('en-CA', { ...zone, year: 'numeric', month: '2-digit', day: '2-digit' }),
    time: new Intl.DateTimeFormat('en-GB', { ...zone, hour: '2-digit', minute: '2-digit', second: '2-digit' }),
  };
}

/** `2026-11-28` */
export function dayOf(atMs: number, zone: Zone): string {
  return formats[zone].day.format(atMs);
}

/** `14:03:27` */
export function clockOf(atMs: number, zone: Zone): string {
  return formats[zone].time.format(atMs);
}

/** The time of day, with the date where it is not today's; UTC says so. */
export function timeOfDay(atMs: number, zone: Zone, today: string): string {
  const day = dayOf(atMs, zone);
  return `${day === today ? '' : `${day} `}${clockOf(atMs, zone)}${zone === 'utc' ? ' UTC' : ''}`;
}

/** Both zones, for the tip over a time. */
export function bothZones(atMs: number): string {
  return `${dayOf(atMs, 'local')} ${clockOf(atMs, 'local')} here · ${new Date(atMs).toISOString()}`;
}
