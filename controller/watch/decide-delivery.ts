import type { ResourceTrigger } from '../manifest/spec.ts';
import type { ClusterObject } from '../ports/objects.ts';
import { isOlder, objectMark } from './object-mark.ts';

/** What is remembered of an object: the state of it that the function knows last. */
export interface Delivered {
  /** States that were told so far; with the trigger and the uid it makes the id of an event. */
  readonly count: number;
  readonly object: ClusterObject;
}

export interface Delivery {
  readonly event: 'added' | 'modified' | 'deleted';
  readonly object: ClusterObject;
  /** The state that the function knows; undefined with `added`. */
  readonly old: ClusterObject | undefined;
  readonly count: number;
}

export interface DeliveryDecision {
  /** In this order. */
  readonly deliveries: readonly Delivery[];
  /** To be remembered with them, in one step; null: forgotten, undefined: as it was. */
  readonly delivered: Delivered | null | undefined;
}

type Wanted = Pick<ResourceTrigger, 'events' | 'fields'>;

const nothing: DeliveryDecision = { deliveries: [], delivered: undefined };

/**
 * What to tell of an object that is there in this state, given what was told of it before. Each state once, however often it comes; nothing of a state that is
 * older than what was told; of an object that took the name of another one, first the end of that. Not promised: states that nobody saw.
 */
export function decidePresent(before: Delivered | undefined, object: ClusterObject, trigger: Wanted): DeliveryDecision {
  if (before === undefined) return decided([{ event: 'added', object, old: undefined, count: 1 }], { count: 1, object }, trigger);
  if (before.object.metadata.uid !== object.metadata.uid) {
    const added: Delivery = { event: 'added', object, old: undefined, count: 1 };
    return decided([endOf(before, before.object), added], { count: 1, object }, trigger);
  }
  if (isOlder(object, before.object)) return nothing;
  if (objectMark(object, trigger.fields) === objectMark(before.object, trigger.fields)) return nothing;
  const count = before.count + 1;
  return decided([{ event: 'modified', object, old: before.object, count }], { count, object }, trigger);
}

/** What to tell of an object that is not there any more. `last`: its last state, where somebody saw it. */
export function decideGone(before: Delivered | undefined, last: ClusterObject | undefined, trigger: Wanted): DeliveryDecision {
  if (before === undefined) return nothing;
  const isOther = last !== undefined && last.metadata.uid !== before.object.metadata.uid;
  return isOther ? nothing : decided([endOf(before, last ?? before.object)], null, trigger);
}

function endOf(before: Delivered, object: ClusterObject): Delivery {
  return { event: 'deleted', object, old: before.object, count: before.count + 1 };
}

/** What the function does not want to hear is remembered all the same: the next thing that it hears has the state before. */
function decided(deliveries: readonly Delivery[], delivered: Delivered | null, { events }: Wanted): DeliveryDecision {
  return { deliveries: deliveries.filter(({ event }) => events.includes(event)), delivered };
}
