import type { FunctionSpec } from '../../controller/manifest/spec.ts';

/** A function of which its manifest says nothing but what is given here; four events at once, so that a few are many. */
export function functionSpec(name: string, given: Partial<FunctionSpec> = {}): FunctionSpec {
  return {
    name,
    handler: `src/${name}.ts`,
    on: [],
    retry: { attempts: 5, backoffMs: { min: 200, max: 30_000 }, maxCrashes: 3, onExhausted: 'dlq' },
    limits: { timeoutMs: 30_000, lifespanMs: 600_000, memoryBytes: 2 ** 28, cpuMillis: 500, concurrency: 4 },
    scale: { min: 0, max: 10, maxAgeMs: 30_000, lagThreshold: undefined },
    warm: { keepMs: 'auto', min: 0 },
    emits: [],
    calls: [],
    env: {},
    durability: 'default',
    ...given,
  };
}
