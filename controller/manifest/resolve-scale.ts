import type { Cursor } from './cursor.ts';
import { most } from './most.ts';
import { resolveCron, resolveTimezone } from './resolve-schedule.ts';
import type { ScaleSpec, ScheduledBounds } from './spec.ts';
import { parseDuration } from './units.ts';

export function resolveScale(at: Cursor): ScaleSpec {
  const min = at.at('min').whole() ?? 0;
  const max = at.at('max').whole() ?? Math.max(10, min);
  checkBounds(at, min, max);
  const schedule = at.at('schedule').items().map(resolveBounds);
  return {
    min,
    max,
    maxAgeMs: at.at('maxAge').amount(parseDuration, 30_000, '100ms', most['scale.maxAge']),
    lagThreshold: at.at('lagThreshold').whole(),
    prefer: at.at('prefer').choice(['cost', 'balanced', 'latency'], undefined),
    weight: at.at('weight').whole(),
    schedule: schedule.length === 0 ? undefined : schedule,
  };
}

function resolveBounds(at: Cursor): ScheduledBounds {
  const timezone = resolveTimezone(at.at('timezone'));
  const min = at.at('min').whole() ?? 0;
  const max = at.at('max').whole() ?? min;
  checkBounds(at, min, max);
  const cron = at.at('cron');
  return { cron: cron.text() === undefined ? '' : resolveCron(cron, timezone), timezone, min, max };
}

function checkBounds(at: Cursor, min: number, max: number): void {
  if (min > max) at.at('min').problem('FAAS_MANIFEST_OUT_OF_BOUNDS', `min ${min} is above max ${max}`, 'Raise max, or lower min.');
}
