import type { ScalePolicy } from '../../controller/scale/policy.ts';

/** What a manifest that says nothing of scaling resolves to, but for the number of pods. */
export const policyForTest: ScalePolicy = {
  maxAgeMs: 30_000,
  min: 0,
  max: 50,
  boundsFrom: 'manifest',
  prefer: 'balanced',
  concurrency: 10,
  order: 'key',
  keepMs: 300_000,
};
