import { number } from '../api/figure-text.ts';
import { amountOf, type Figure } from './figure.ts';

/** Figures as people read them, the same in the terminal, in conditions and on pages. */
export function timeText(ms: number): string {
  if (!Number.isFinite(ms)) return 'for ever';
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  if (ms < 120_000) return `${number(ms / 1_000)}s`;
  if (ms < 7_200_000) return `${number(ms / 60_000)}m`;
  return `${number(ms / 3_600_000)}h`;
}

export function perSecond(rate: number): string {
  return `${number(rate)}/s`;
}

export function eventsText(events: number): string {
  return `${number(events)} ${events === 1 ? 'event' : 'events'}`;
}

export function figureText(figure: Figure, print: (value: number) => string): string {
  const value = amountOf(figure);
  if (value === undefined) return 'unknown';
  return figure.state === 'stale' ? `${print(value)} (${timeText(figure.ageMs)} old)` : print(value);
}
