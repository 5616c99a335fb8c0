import { packRecord } from '../../runtime/protocol/record.ts';
import { replayRecord } from '../dispatch/dead-letter.ts';
import { readAttributes } from '../dispatch/event-attributes.ts';
import { passesFilter } from '../dispatch/event-filter.ts';
import type { Subscription } from '../functions/live-function.ts';
import type { NewRecord, StreamRecord } from '../ports/streams.ts';

export interface Copying {
  readonly replayId: string;
  readonly subscription: Pick<Subscription, 'topic' | 'stream' | 'inbox' | 'filter'>;
  readonly partition: number;
  readonly inboxPartitions: number;
}

/**
 * A past record on its way into the inbox, or undefined for one that is not handled again: filtered, or a replay itself. Its token is that of the event
 * within this replay, whatever how often it is appended: two records of one event (a repeated publish, a repeated webhook, a page that is made again
 * after a crash) are one replay of it, and the same event in another replay is another one.
 */
export function copyOf(record: StreamRecord, { replayId, subscription, partition, inboxPartitions }: Copying): NewRecord | undefined {
  const attributes = readAttributes(packRecord(record));
  if (attributes.replay !== undefined) return undefined;
  const { filter, topic, stream } = subscription;
  if (filter !== undefined && !passesFilter(filter, record.key, record.headers)) return undefined;
  const { upstream, id } = attributes;
  const event =
    upstream !== undefined
      ? `${upstream.stream}/${upstream.seq.generation}.${upstream.seq.counter}`
      : subscription.inbox && id !== undefined
        ? id
        : `${topic}/${partition}/${record.offset}`;
  const { key, value, headers, offset } = record;
  return replayRecord({ key, value, headers, origin: { topic, partition, offset, stream } }, `${replayId}/${event}`, inboxPartitions);
}
