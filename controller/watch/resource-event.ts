import type { LiveFunction } from '../functions/live-function.ts';
import { firstOfChain, type InboxEvent } from '../inbox/inbox-record.ts';
import type { ResourceTrigger } from '../manifest/spec.ts';
import { type ClusterObject, objectKey } from '../ports/objects.ts';
import type { Delivery } from './decide-delivery.ts';
import { objectMark } from './object-mark.ts';

/** Brokers take records of 1 MiB as they come; headers and a margin are left. */
const bodyBytesMax = 960 * 2 ** 10;

export interface EventFacts {
  readonly live: LiveFunction;
  readonly trigger: ResourceTrigger;
  /** When this trigger began: an id of an earlier life of it is another one. */
  readonly sinceMs: number;
  readonly nowMs: number;
  readonly traceparent: string;
}

/** The same id for the same state of the same object, whoever finds it. */
export function resourceEvent(delivery: Delivery, { live, trigger, sinceMs, nowMs, traceparent }: EventFacts): InboxEvent {
  const { event, object, count } = delivery;
  const { uid } = object.metadata;
  const state = event === 'deleted' ? 'deleted' : objectMark(object, trigger.fields);
  const id = `${live.unit}/${trigger.name}/${uid}@${sinceMs.toString(36)}.${count}-${state}`;
  return firstOfChain({
    id,
    source: `/resources/${live.context}/${live.name}/${trigger.name}`,
    type: `faas.resource.${event}`,
    timeMs: nowMs,
    trigger: 'resource',
    triggerName: trigger.name,
    key: objectKey(object).replace(/^\//, ''),
    value: bodyOf(delivery, trigger),
    contentType: 'application/json',
    traceparent,
    headers: [],
  });
}

/**
 * `{ event, object, old }`. What would be too large for a record is left out, and named in `omitted`: first the old state, then all of the object but its
 * metadata without annotations. The function then reads the object itself.
 */
function bodyOf({ event, object, old }: Delivery, trigger: ResourceTrigger): Uint8Array {
  const shown = (one: ClusterObject | undefined) =>
    one === undefined ? null : { ...one, apiVersion: trigger.apiVersion, kind: trigger.resourceKind };
  const whole = encode({ event, object: shown(object), old: shown(old) });
  if (whole.length <= bodyBytesMax) return whole;
  const alone = encode({ event, object: shown(object), old: null, omitted: ['old'] });
  if (alone.length <= bodyBytesMax) return alone;
  const { annotations, ...metadata } = object.metadata;
  return encode({ event, object: shown({ metadata }), old: null, omitted: ['old', 'object'] });
}

function encode(body: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(body));
}
