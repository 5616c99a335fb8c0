import type { FunctionSpec, Order, ScaleSpec } from '../manifest/spec.ts';
import type { ScalePolicy } from './policy.ts';
import { boundsAt } from './scheduled-bounds.ts';

/** Bounds that hold in place of the manifest's until their time is over. */
export interface ScaleOverride {
  readonly min: number;
  readonly max: number;
  readonly untilMs: number;
}

/** What of a function's specification, or of its JSON, scaling goes by. */
export interface ScaledSpec {
  readonly scale: Omit<ScaleSpec, 'lagThreshold'> & { readonly lagThreshold?: number | undefined };
  readonly warm: FunctionSpec['warm'];
  readonly limits: { readonly concurrency: number };
  readonly on: readonly { readonly kind: string; readonly order?: Order }[];
}

interface Moment {
  readonly nowMs: number;
  /** The server's own, for `keep: auto`. */
  readonly idleLimitMs: number;
  readonly override?: ScaleOverride | undefined;
}

/** What holds for a function at a moment: bounds by hand come before the schedule's, and these before the manifest's. */
export function policyOf(spec: ScaledSpec, moment: Moment): ScalePolicy {
  const { scale, warm, limits, on } = spec;
  const streams = on.filter(trigger => trigger.kind === 'stream');
  return {
    maxAgeMs: scale.maxAgeMs,
    ...boundsOf(spec, moment),
    prefer: scale.prefer ?? 'balanced',
    ...(scale.lagThreshold !== undefined && { lagThreshold: scale.lagThreshold }),
    concurrency: limits.concurrency,
    order: streams.length > 0 && streams.every(one => one.order === 'partition') ? 'partition' : 'key',
    keepMs: warm.keepMs === 'auto' ? moment.idleLimitMs : warm.keepMs,
  };
}

function boundsOf({ scale, warm }: ScaledSpec, { nowMs, override }: Moment): Pick<ScalePolicy, 'min' | 'max' | 'boundsFrom'> {
  if (override !== undefined) return { min: override.min, max: override.max, boundsFrom: 'override' };
  const scheduled = scale.schedule && boundsAt(scale.schedule, nowMs);
  const { min, max } = scheduled ?? scale;
  return { min: Math.min(Math.max(min, warm.min), max), max, boundsFrom: scheduled === undefined ? 'manifest' : 'schedule' };
}
