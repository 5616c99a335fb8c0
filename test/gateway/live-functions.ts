import { deadLetterTopicOf, groupOf, inboxTopicOf, type LiveFunction } from '../../controller/functions/live-function.ts';
import type { FunctionSpec, TriggerSpec } from '../../controller/manifest/spec.ts';

/** A live function with these triggers; what the gateway does not look at has any value. */
export function liveFunction(unit: string, on: readonly TriggerSpec[], more: Partial<FunctionSpec> = {}): LiveFunction {
  const [context = '', name = ''] = unit.split('.');
  const spec: FunctionSpec = {
    name,
    handler: 'src/handler.ts',
    on,
    retry: { attempts: 3, backoffMs: { min: 10, max: 100 }, maxCrashes: 3, onExhausted: 'dlq' },
    limits: { timeoutMs: 30_000, lifespanMs: 600_000, memoryBytes: 2 ** 28, cpuMillis: 500, concurrency: 4 },
    scale: { min: 0, max: 2, maxAgeMs: 30_000, lagThreshold: undefined },
    warm: { keepMs: 'auto', min: 0 },
    emits: [],
    calls: [],
    env: {},
    durability: 'default',
    ...more,
  };
  return {
    unit,
    context,
    name,
    revision: 'r1-00000000',
    bundleHash: '0'.repeat(64),
    spec,
    subscriptions: [],
    inboxTopic: inboxTopicOf(unit),
    deadLetterTopic: deadLetterTopicOf(unit),
    group: groupOf(unit),
    emitTopics: new Map(spec.emits.map(({ name: stream, context: owner }) => [stream, `${owner}.int.${stream}`])),
  };
}
