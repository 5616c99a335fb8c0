import { firstOfChain, type InboxEvent } from '../inbox/inbox-record.ts';
import type { LagTrigger } from '../manifest/spec.ts';
import type { Crossing } from './decide-lag.ts';
import type { GroupLag } from './group-lag.ts';

/** What a handler gets as `event.data`; rates and ages as they were when the bound was crossed. */
export interface LagEvent {
  /** `above`: the group has fallen behind. `below`: it has caught up. */
  readonly crossed: Crossing;
  readonly group: string;
  readonly topics: readonly string[];
  readonly lagEvents: number;
  /** Since the log passed the oldest event that waits; 0 when none does. */
  readonly oldestAgeMs: number;
  /** It may be older: the server has not watched for so long. */
  readonly oldestAgeIsAtLeast: boolean;
  /** The bound that was crossed. */
  readonly bound: LagTrigger['above'];
  readonly atMs: number;
  /** `below`: when it had crossed `above`. */
  readonly aboveSinceMs?: number;
  /** Where most waits. */
  readonly partitions: GroupLag['partitions'];
}

/** An event stays small, whatever the number of partitions. */
const partitionsMax = 20;

export function lagEvent(
  { group, topics, above, below }: LagTrigger,
  crossed: Crossing,
  lag: GroupLag,
  at: { readonly atMs: number; readonly aboveSinceMs: number | undefined },
): LagEvent {
  return {
    crossed,
    group,
    topics,
    lagEvents: lag.lagEvents,
    oldestAgeMs: Math.round(lag.oldestAgeMs),
    oldestAgeIsAtLeast: lag.atLeast,
    bound: crossed === 'above' ? above : below,
    atMs: at.atMs,
    ...(at.aboveSinceMs !== undefined && { aboveSinceMs: at.aboveSinceMs }),
    partitions: lag.partitions.slice(0, partitionsMax),
  };
}

/** Its id is made of what was remembered before it was appended: whoever appends it again, after a crash, appends the same one. */
export function inboxEventOf(key: string, event: LagEvent, traceparent: string): InboxEvent {
  const id = `${key}@${new Date(event.atMs).toISOString()}/${event.crossed}`;
  return firstOfChain({
    id,
    source: `/groups/${encodeURIComponent(event.group)}`,
    type: 'faas.lag',
    timeMs: event.atMs,
    trigger: 'lag',
    triggerName: event.group,
    key: event.group,
    value: new TextEncoder().encode(JSON.stringify(event)),
    contentType: 'application/json',
    traceparent,
    headers: [],
  });
}
