import { headerNames } from '../../runtime/protocol/headers.ts';
import { FaasError } from '../errors.ts';
import { partitionOf } from '../ports/partition-of.ts';
import type { NewRecord, RecordHeader } from '../ports/streams.ts';
import type { EmitRequest } from './contract.ts';

export type GivenEvent = EmitRequest['events'][number];

/** What an event gets that was not given with it. */
export interface EventSetting {
  readonly id: string;
  /** `<context>.<stream>` */
  readonly type: string;
  readonly nowMs: number;
  readonly traceparent: string;
  readonly partitions: number;
}

const utf8 = new TextEncoder();

/** As webhooks: larger payloads belong into a store of their own, with their address in the event. */
const valueBytesMax = 2 ** 20;

/** CloudEvents source of what comes in through the API. */
const source = '/api';

/** A record in CloudEvents' binary mode, for a stream. FAAS_EVENT_TOO_LARGE, or FAAS_API_REQUEST for a header that is the runtime's own. */
export function eventRecord(event: GivenEvent, setting: EventSetting): NewRecord {
  const key = event.key === undefined || event.key === null ? null : utf8.encode(event.key);
  const value = utf8.encode(JSON.stringify(event.data));
  if (value.length > valueBytesMax) {
    throw new FaasError(
      'FAAS_EVENT_TOO_LARGE',
      `an event has ${value.length} bytes, ${valueBytesMax} are allowed`,
      'Keep large data elsewhere and send its address.',
    );
  }
  const attributes: readonly (readonly [string, string])[] = [
    [headerNames.specVersion, '1.0'],
    [headerNames.id, setting.id],
    [headerNames.source, source],
    [headerNames.type, event.type ?? setting.type],
    [headerNames.time, new Date(setting.nowMs).toISOString()],
    [headerNames.contentType, 'application/json'],
    [headerNames.traceparent, setting.traceparent],
    [headerNames.correlationId, setting.id],
    [headerNames.hop, '0'],
  ];
  const headers = [...attributes, ...Object.entries(event.headers ?? {}).map(ownHeader)];
  return {
    partition: partitionOf(key, setting.id, setting.partitions),
    key,
    value,
    headers: headers.map(([name, text]): RecordHeader => [name, utf8.encode(text)]),
  };
}

const reserved: ReadonlySet<string> = new Set(Object.values(headerNames));

function ownHeader([name, text]: readonly [string, string]): readonly [string, string] {
  const lower = name.toLowerCase();
  if (!reserved.has(lower) && !lower.startsWith('ce_') && !lower.startsWith('faas-')) return [lower, text];
  throw new FaasError(
    'FAAS_API_REQUEST',
    `the header "${name}" belongs to the runtime`,
    'Use a name of your own; `id` and `type` are members of the event.',
  );
}
