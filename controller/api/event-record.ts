import { headerNames } from '../../runtime/protocol/headers.ts';
import { packedTextCharsMax, RecordPacker } from '../../runtime/protocol/record.ts';
import { FaasError } from '../errors.ts';
import { PackedNewRecord } from '../packed-new-record.ts';
import { partitionOfPacked } from '../ports/partition-of.ts';
import type { NewRecord } from '../ports/streams.ts';
import type { EmitRequest } from './contract.ts';

export type GivenEvent = EmitRequest['events'][number];

/** What an event gets that was not given with it. */
export interface EventSetting {
  readonly id: string;
  /** `<context>.<stream>` */
  readonly type: string;
  /** ISO 8601. */
  readonly time: string;
  readonly traceparent: string;
  readonly partitions: number;
}

/** As webhooks: larger payloads belong into a store of their own, with their address in the event. */
const valueBytesMax = 2 ** 20;

/** CloudEvents source of what comes in through the API. */
const source = '/api';

/** A record in CloudEvents' binary mode, for a stream. FAAS_EVENT_TOO_LARGE, or FAAS_API_REQUEST for a header that is the runtime's own. */
export function eventRecord(event: GivenEvent, setting: EventSetting): NewRecord {
  packer.beginText(event.key ?? null, payloadOf(event.data));
  packer.header(headerNames.specVersion, '1.0');
  packer.header(headerNames.id, setting.id);
  packer.header(headerNames.source, source);
  packer.header(headerNames.type, event.type ?? setting.type);
  packer.header(headerNames.time, setting.time);
  packer.header(headerNames.contentType, 'application/json');
  packer.header(headerNames.traceparent, setting.traceparent);
  packer.header(headerNames.correlationId, setting.id);
  packer.header(headerNames.hop, '0');
  for (const [name, text] of Object.entries(event.headers ?? {})) packer.header(ownName(name), text);
  const packed = packer.end();
  return new PackedNewRecord(partitionOfPacked(packed, setting.id, setting.partitions), packed);
}

const packer = new RecordPacker();

function payloadOf(data: unknown): string | Uint8Array {
  const text = JSON.stringify(data);
  if (text.length <= packedTextCharsMax) return text;
  const value = Buffer.from(text);
  if (value.length <= valueBytesMax) return value;
  throw new FaasError(
    'FAAS_EVENT_TOO_LARGE',
    `an event has ${value.length} bytes, ${valueBytesMax} are allowed`,
    'Keep large data elsewhere and send its address.',
  );
}

const reserved: ReadonlySet<string> = new Set(Object.values(headerNames));

function ownName(name: string): string {
  const lower = name.toLowerCase();
  if (!reserved.has(lower) && !lower.startsWith('ce_') && !lower.startsWith('faas-')) return lower;
  throw new FaasError(
    'FAAS_API_REQUEST',
    `the header "${name}" belongs to the runtime`,
    'Use a name of your own; `id` and `type` are members of the event.',
  );
}
