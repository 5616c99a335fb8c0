import { expect, test } from 'vitest';
import type { ScheduledBounds } from '../../controller/manifest/spec.ts';
import { policyOf, type ScaledSpec } from '../../controller/scale/resolve-policy.ts';
import { boundsAt } from '../../controller/scale/scheduled-bounds.ts';
import { shopManifest, specOf } from '../api/start-admin.ts';

const day: ScheduledBounds = { cron: '0 8 * * 1-5', timezone: 'Europe/Kyiv', min: 3, max: 20 };
const night: ScheduledBounds = { cron: '0 20 * * *', timezone: 'Europe/Kyiv', min: 0, max: 5 };
const office = [day, night];

test.each([
  ['a second before the morning', '2026-06-01T04:59:59Z', night],
  ['the morning itself', '2026-06-01T05:00:00Z', day],
  ['noon', '2026-06-01T09:00:00Z', day],
  ['the evening itself', '2026-06-01T17:00:00Z', night],
  ['a Saturday has no morning', '2026-06-06T09:00:00Z', night],
  ['a morning of winter is an hour later', '2026-01-05T05:59:59Z', night],
  ['and then it comes', '2026-01-05T06:00:00Z', day],
])('%s', (_, at, bounds) => {
  expect(boundsAt(office, Date.parse(at))).toBe(bounds);
});

test('of two that are due at once the later one holds', () => {
  const same = [day, { ...day, min: 4 }];
  expect(boundsAt(same, Date.parse('2026-06-01T09:00:00Z'))?.min).toBe(4);
});

test('a clock that is set back gets what held then', () => {
  expect(boundsAt(office, Date.parse('2026-06-01T09:00:00Z'))).toBe(day);
  expect(boundsAt(office, Date.parse('2026-06-01T04:00:00Z'))).toBe(night);
});

test.each([
  ['the schedule', {}, undefined, { min: 3, max: 20, boundsFrom: 'schedule' }],
  ['pods that are kept warm', { min: 6 }, undefined, { min: 6, max: 20, boundsFrom: 'schedule' }],
  ['pods that are kept warm, above the most', { min: 60 }, undefined, { min: 20, max: 20, boundsFrom: 'schedule' }],
  ['bounds by hand', {}, { min: 1, max: 2, untilMs: 0 }, { min: 1, max: 2, boundsFrom: 'override' }],
])('the policy of a moment: %s', (_, warm, override, bounds) => {
  const [fn] = specOf(shopManifest).functions;
  if (fn === undefined) throw new Error('the manifest has a function');
  const spec: ScaledSpec = { ...fn, scale: { ...fn.scale, prefer: 'cost', schedule: office }, warm: { ...fn.warm, ...warm } };
  const policy = policyOf(spec, { nowMs: Date.parse('2026-06-01T09:00:00Z'), idleLimitMs: 1_000, override });
  expect(policy).toMatchObject({ ...bounds, prefer: 'cost', keepMs: 1_000 });
  expect(policyOf(fn, { nowMs: 0, idleLimitMs: 1 })).toMatchObject({ min: 0, max: 10, boundsFrom: 'manifest', prefer: 'balanced' });
});
