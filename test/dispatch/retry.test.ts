import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffMs, decideRetry, isCrashedOut } from '../../controller/dispatch/retry.ts';
import type { RetrySpec } from '../../controller/manifest/spec.ts';
import type { FailureReason } from '../../runtime/protocol/messages.ts';

const spec: RetrySpec = { attempts: 3, backoffMs: { min: 200, max: 30_000 }, maxCrashes: 3, onExhausted: 'dlq' };
const block: RetrySpec = { ...spec, onExhausted: 'block' };

test.each<[FailureReason, boolean, number, RetrySpec, number | 'dead-letter']>([
  // reason        retryable failures spec   follows
  ['error', true, 1, spec, 200],
  ['error', true, 2, spec, 400],
  ['error', true, 3, spec, 'dead-letter'],
  ['timeout', true, 1, spec, 200],
  ['error', false, 1, spec, 'dead-letter'],
  ['decode', true, 1, spec, 'dead-letter'],
  ['schema', true, 1, spec, 'dead-letter'],
  ['undeclared', true, 1, spec, 'dead-letter'],
  ['floating-call', true, 1, spec, 200],
  ['error', true, 3, block, 800],
  ['error', true, 1_000, block, 30_000],
  ['error', false, 1, block, 'dead-letter'],
])('%s, retryable %s, failure %i', (reason, retryable, failures, of, follows) => {
  const decision = decideRetry({ reason, retryable, failures }, of, 0);
  expect(decision).toEqual(follows === 'dead-letter' ? { kind: 'dead-letter' } : { kind: 'retry', delayMs: follows });
});

test.each<[number, RetrySpec, boolean]>([
  [0, spec, false],
  [2, spec, false],
  [3, spec, true],
  [4, spec, true],
  [9, block, false],
])('%i crashes alone', (crashes, of, isOut) => {
  expect(isCrashedOut(crashes, of)).toBe(isOut);
});

test('a backoff never shrinks with the failures, stays within its bounds, and chance takes at most half of it', () => {
  fc.assert(
    fc.property(
      fc.nat(60),
      fc.integer({ min: 1, max: 1_000 }),
      fc.integer({ min: 1_000, max: 100_000 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (failures, min, max, fraction) => {
        const full = backoffMs(failures, { min, max }, 0);
        expect(full).toBeGreaterThanOrEqual(min);
        expect(full).toBeLessThanOrEqual(max);
        expect(backoffMs(failures + 1, { min, max }, 0)).toBeGreaterThanOrEqual(full);
        const delay = backoffMs(failures, { min, max }, fraction);
        expect(delay).toBeLessThanOrEqual(full);
        expect(delay).toBeGreaterThanOrEqual(Math.floor(full / 2));
      },
    ),
  );
});
