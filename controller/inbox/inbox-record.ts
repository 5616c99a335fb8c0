import { headerNames } from '../../runtime/protocol/headers.ts';
import type { TriggerKind } from '../../runtime/sdk/event.ts';
import { partitionOf } from '../ports/partition-of.ts';
import type { NewRecord, RecordHeader } from '../ports/streams.ts';

const utf8 = new TextEncoder();

/** An event for a function's inbox, whatever its trigger. */
export interface InboxEvent {
  /** De-duplicated by the commit of the function: the same id is handled once within the window. */
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly timeMs: number;
  readonly trigger: TriggerKind;
  readonly triggerName: string;
  readonly key: string | null;
  readonly value: Uint8Array;
  readonly contentType: string;
  readonly traceparent: string;
  readonly hop: number;
  readonly causationId: string | undefined;
  readonly correlationId: string;
  readonly headers: readonly RecordHeader[];
}

/** An event that no other one caused: its chain begins with it. */
export function firstOfChain(event: Omit<InboxEvent, 'hop' | 'causationId' | 'correlationId'>): InboxEvent {
  return { ...event, hop: 0, causationId: undefined, correlationId: event.id };
}

/** CloudEvents 1.0, Kafka binding, binary mode. Without a key the partition comes from the id. */
export function inboxRecord(event: InboxEvent, partitions: number): NewRecord {
  const key = event.key === null ? null : utf8.encode(event.key);
  const attributes: [string, string | undefined][] = [
    [headerNames.specVersion, '1.0'],
    [headerNames.id, event.id],
    [headerNames.source, event.source],
    [headerNames.type, event.type],
    [headerNames.time, new Date(event.timeMs).toISOString()],
    [headerNames.contentType, event.contentType],
    [headerNames.traceparent, event.traceparent],
    [headerNames.trigger, event.trigger],
    [headerNames.triggerName, event.triggerName],
    [headerNames.hop, String(event.hop)],
    [headerNames.correlationId, event.correlationId],
    [headerNames.causationId, event.causationId],
  ];
  const headers: RecordHeader[] = [];
  for (const [name, value] of attributes) if (value !== undefined) headers.push([name, utf8.encode(value)]);
  headers.push(...event.headers);
  return { partition: partitionOf(key, event.id, partitions), key, value: event.value, headers };
}
