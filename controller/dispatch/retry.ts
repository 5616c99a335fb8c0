import type { FailureReason } from '../../runtime/protocol/messages.ts';
import type { RetrySpec } from '../manifest/spec.ts';

/** Reasons that no further attempt can mend. */
const hopeless: ReadonlySet<FailureReason> = new Set(['decode', 'schema', 'undeclared']);

export type RetryDecision = { readonly kind: 'retry'; readonly delayMs: number } | { readonly kind: 'dead-letter' };

/** What follows a failed attempt; `failures` counts this one too. `fraction` is chance in [0, 1). */
export function decideRetry(
  failure: { readonly reason: FailureReason; readonly retryable: boolean; readonly failures: number },
  spec: RetrySpec,
  fraction: number,
): RetryDecision {
  if (!failure.retryable || hopeless.has(failure.reason)) return { kind: 'dead-letter' };
  if (spec.onExhausted !== 'block' && failure.failures >= spec.attempts) return { kind: 'dead-letter' };
  return { kind: 'retry', delayMs: backoffMs(failure.failures, spec.backoffMs, fraction) };
}

/** Failures that took the worker with them. */
export function isCrash(failure: { readonly reason: FailureReason }): boolean {
  return failure.reason === 'crash' || failure.reason === 'memory';
}

/** What follows a crash of a pod that ran this event alone. */
export function isCrashedOut(exclusiveCrashes: number, spec: RetrySpec): boolean {
  return spec.onExhausted !== 'block' && exclusiveCrashes >= spec.maxCrashes;
}

/**
 * Doubles from `min` with each failure up to `max`, less up to a half by chance, so that events which failed together do not come back together.
 */
export function backoffMs(failures: number, bounds: RetrySpec['backoffMs'], fraction: number): number {
  const full = Math.min(bounds.max, bounds.min * 2 ** Math.min(30, Math.max(0, failures - 1)));
  return Math.round(full * (1 - fraction / 2));
}
