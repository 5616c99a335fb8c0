import { afterAll, beforeAll, expect, test } from 'vitest';
import { known, unknown } from '../../controller/scale/figure.ts';
import { type Admin, see, startShop, unit } from '../dashboard/world.ts';

const path = '/v1/functions/shop/customer-totals/scale';
const dayMs = 86_400_000;
let admin: Admin;

beforeAll(async () => {
  admin = await startShop();
});
afterAll(() => admin.close());

const ask = async (query = '') => Object((await admin.json('GET', `${path}${query}`)).answer);

/** What the scaler records every ten seconds. */
function record(atMs: number, arrivalRate: number): void {
  const inputs = admin.world.scales.get(unit);
  if (inputs === undefined) throw new Error('nothing is seen yet');
  const observation = { ...inputs.observation, atMs, arrivalRate: known(arrivalRate) };
  admin.history.write({
    kind: 'observation',
    atMs,
    unit,
    data: { what: 'scale', replicas: 2, from: 2, reason: 'steady', inputs: { ...inputs, observation } },
  });
}

test('a decision of now: summary, arithmetic, what it rests on, partitions', async () => {
  const answer = await ask();
  expect(answer.summary).toMatchObject({
    unit,
    replicas: 2,
    reason: 'steady',
    maxAgeMs: 30_000,
    capacityRate: { state: 'known', value: 160 },
  });
  expect(answer.summary.drainMs).toBeCloseTo((20 / 60) * 1_000);
  expect(answer.arithmetic.at(-1)).toBe('2 -> 2 pods (steady)');
  expect(answer.stored.policy).toMatchObject({ min: 0, max: 20, boundsFrom: 'manifest' });
  expect(answer).toMatchObject({ warnings: [], partitions: { length: 8 } });
});

test('one pod is one pod', async () => {
  see(admin, unit, { pods: { ready: 1, starting: 0, draining: 0 }, arrivalRate: known(40), arrivalRateSlow: known(40), openCalls: 1 });
  const { inputs, arithmetic, summary } = await ask();
  expect([...inputs, ...arithmetic, summary.because].filter(text => /\b1 (pods|direct calls)\b/.test(text))).toEqual([]);
  expect(arithmetic.at(-1)).toBe('1 -> 1 pod (steady)');
  see(admin, unit, {});
});

test('a figure that is not known is said to be so, and nothing is computed from it', async () => {
  see(admin, unit, { backlogEvents: unknown, oldestAgeMs: { state: 'stale', value: 5, ageMs: 20_000 } });
  const { summary, arithmetic } = await ask();
  expect(summary).toMatchObject({
    backlogEvents: { state: 'unknown' },
    oldestAgeMs: { state: 'stale', ageMs: 20_000 },
    replicas: 2,
    reason: 'held',
  });
  expect(summary).not.toHaveProperty('drainMs');
  expect(arithmetic).toEqual([expect.stringContaining('missing data takes no pod away')]);
  see(admin, unit, {});
});

test('a maxAge below the measured start: what is reachable', async () => {
  see(admin, unit, { startMs: known(40_000) });
  expect((await ask()).warnings).toEqual([expect.stringMatching(/^maxAge 30s is below the 42s .*write maxAge 42s or more/)]);
  see(admin, unit, {});
});

test('a time in the past: recomputed from what was stored; a time before everything is a 404', async () => {
  const nowMs = Date.now();
  record(nowMs - 60_000, 40);
  record(nowMs - 30_000, 55);
  expect((await ask(`?atMs=${nowMs - 40_000}`)).inputs[0]).toMatch(/^arrivals 40\/s now/);
  expect((await ask(`?atMs=${nowMs - 20_000}`)).inputs[0]).toMatch(/^arrivals 55\/s now/);
  expect(await admin.json('GET', `${path}?atMs=${nowMs - 30 * dayMs}`)).toMatchObject({
    status: 404,
    answer: { code: 'FAAS_SCALE_NO_DECISION' },
  });
  const observed = Object((await admin.json('GET', '/v1/functions/shop/customer-totals/observations')).answer).observations;
  expect(observed).toMatchObject([{ arrivalRate: 40, podRate: 80 }, { arrivalRate: 55 }]);
});

test('bounds by hand: set, seen, recorded, ended', async () => {
  const before = Date.now();
  const set = await admin.json('PUT', `${path}/override`, { min: 3, max: 5, forMs: 60_000 });
  expect(set).toMatchObject({ status: 200, answer: { min: 3, max: 5 } });
  expect(Object(set.answer).untilMs).toBeGreaterThanOrEqual(before + 60_000);
  expect((await ask()).override).toEqual(set.answer);
  expect(await admin.json('DELETE', `${path}/override`)).toMatchObject({ status: 200, answer: { min: 0, max: 10 } });
  expect(await ask()).not.toHaveProperty('override');
  const entries = await admin.history.read({ kind: 'decision', unit, limit: 10 });
  expect(entries.map(one => one.data)).toMatchObject([
    { what: 'scale-override', min: 3 },
    { what: 'scale-override', cleared: true },
  ]);
});

test.each([
  ['min above max', { min: 3, max: 2, forMs: 60_000 }, 400, 'FAAS_API_REQUEST'],
  ['no end', { min: 1, max: 2 }, 400, 'FAAS_API_REQUEST'],
  ['for ever', { min: 1, max: 2, forMs: 40 * dayMs }, 400, 'FAAS_API_REQUEST'],
  ['below zero', { min: -1, max: 2, forMs: 60_000 }, 400, 'FAAS_API_REQUEST'],
])('bounds by hand are refused: %s', async (_, body, status, code) => {
  expect(await admin.json('PUT', `${path}/override`, body)).toMatchObject({ status, answer: { code } });
});

test('an unknown function is a 404 everywhere', async () => {
  const wrong = '/v1/functions/shop/nobody/scale';
  const unknownFunction = { status: 404, answer: { code: 'FAAS_FUNCTION_UNKNOWN' } };
  expect(await admin.json('GET', wrong)).toMatchObject(unknownFunction);
  expect(await admin.json('PUT', `${wrong}/override`, { min: 1, max: 2, forMs: 60_000 })).toMatchObject(unknownFunction);
  expect(await admin.json('DELETE', `${wrong}/override`)).toMatchObject(unknownFunction);
});
