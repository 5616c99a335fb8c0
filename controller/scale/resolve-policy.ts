import type { LiveFunction } from '../functions/live-function.ts';
import type { ScalePolicy } from './policy.ts';

/** Bounds that hold in place of the manifest's until their time is over. */
export interface ScaleOverride {
  readonly min: number;
  readonly max: number;
  readonly untilMs: number;
}

/** What holds for a function at this moment. */
export function policyOf({ spec, subscriptions }: LiveFunction, idleLimitMs: number, override: ScaleOverride | undefined): ScalePolicy {
  const { scale, warm, limits } = spec;
  const streams = subscriptions.filter(one => !one.inbox);
  const bounds = override ?? { min: Math.min(Math.max(scale.min, warm.min), scale.max), max: scale.max };
  return {
    maxAgeMs: scale.maxAgeMs,
    min: bounds.min,
    max: bounds.max,
    boundsFrom: override === undefined ? 'manifest' : 'override',
    prefer: scale.prefer ?? 'balanced',
    ...(scale.lagThreshold !== undefined && { lagThreshold: scale.lagThreshold }),
    concurrency: limits.concurrency,
    order: streams.length > 0 && streams.every(one => one.order === 'partition') ? 'partition' : 'key',
    keepMs: warm.keepMs === 'auto' ? idleLimitMs : warm.keepMs,
  };
}
