import { deadLetterTopicOf, groupOf, inboxTopicOf, type LiveFunction } from '../../controller/functions/live-function.ts';
import type { FunctionSpec, TriggerSpec } from '../../controller/manifest/spec.ts';
import { functionSpec } from '../support/function-spec.ts';

/** A live function with these triggers; what the gateway does not look at has any value. */
export function liveFunction(unit: string, on: readonly TriggerSpec[], more: Partial<FunctionSpec> = {}): LiveFunction {
  const [context = '', name = ''] = unit.split('.');
  const spec = functionSpec(name, {
    on,
    retry: { attempts: 3, backoffMs: { min: 10, max: 100 }, maxCrashes: 3, onExhausted: 'dlq' },
    ...more,
  });
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
