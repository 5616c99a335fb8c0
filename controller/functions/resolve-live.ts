import type { ContextSpec, StreamTrigger } from '../manifest/spec.ts';
import type { RevisionRecord } from '../ports/registry.ts';
import { deadLetterTopicOf, groupOf, inboxTopicOf, type LiveFunction, type Subscription } from './live-function.ts';
import { topicsOf } from './revision.ts';

/** Order and batching of an inbox, which no manifest names: per key, up to 100 at a time, nobody waits. */
const inboxReading = { order: 'key', batch: { size: 100, windowMs: 0 }, filter: undefined, from: 'earliest' } as const;

/** A revision with every name resolved. Streams that nobody declares (a foreign context that is gone) are left out: nothing can come from them. */
export function resolveLive(record: RevisionRecord, contexts: ReadonlyMap<string, ContextSpec>): LiveFunction {
  const { unit, spec } = record;
  const topics = topicsOf(spec, contexts);
  const inboxTopic = inboxTopicOf(unit);
  const streams = spec.on.flatMap(trigger => (trigger.kind === 'stream' ? subscriptionsOf(trigger, topics) : []));
  const emitTopics = new Map<string, string>();
  for (const ref of spec.emits) {
    const topic = topics.get(ref.name);
    if (topic !== undefined) emitTopics.set(ref.name, topic);
  }
  return {
    unit,
    context: unit.slice(0, unit.indexOf('.')),
    name: spec.name,
    revision: record.id,
    bundleHash: record.bundleHash,
    spec,
    subscriptions: [...streams, { topic: inboxTopic, stream: '', inbox: true, ...inboxReading }],
    inboxTopic,
    deadLetterTopic: deadLetterTopicOf(unit),
    group: groupOf(unit),
    emitTopics,
  };
}

function subscriptionsOf(trigger: StreamTrigger, topics: ReadonlyMap<string, string | undefined>): readonly Subscription[] {
  return trigger.streams.flatMap(ref => {
    const topic = topics.get(ref.name);
    return topic === undefined
      ? []
      : [{ topic, stream: ref.name, order: trigger.order, batch: trigger.batch, filter: trigger.filter, from: trigger.from, inbox: false }];
  });
}
