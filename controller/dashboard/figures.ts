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
  return ms < 2_000 ? 'just now' : ms >= 0 ? `${duration(ms)} ago` : `in ${duration(-ms)}`;
}

export type Zone = 'local' | 'utc';

/** The time of day, with the date where it is not today's; UTC says so. */
export function timeOfDay(atMs: number, zone: Zone, nowMs: number): string {
  const timeZone = zone === 'utc' ? { timeZone: 'UTC' } : {};
  const at = new Date(atMs);
  const day = at.toLocaleDateString('en-CA', timeZone);
  const time = at.toLocaleTimeString('en-GB', timeZone);
  const today = new Date(nowMs).toLocaleDateString('en-CA', timeZone);
  return `${day === today ? '' : `${day} `}${time}${zone === 'utc' ? ' UTC' : ''}`;
}

/** Both zones, for the tip over a time. */
export function bothZones(atMs: number): string {
  const at = new Date(atMs);
  return `${at.toLocaleString('en-GB', { timeZoneName: 'short' })} · ${at.toISOString()}`;
}
