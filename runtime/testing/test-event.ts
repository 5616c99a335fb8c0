import { headerNames } from '../protocol/headers.ts';
import { encodeUtf8 } from '../protocol/intrinsics.ts';
import type { BatchEvent, WireHeader } from '../protocol/messages.ts';
import type { TriggerKind } from '../sdk/event.ts';

/** An event as a test writes it down; what is left out gets a plain default. */
export interface TestEvent<Data = unknown> {
  /** What the payload decodes to: it travels as JSON, so that what JSON drops is dropped here too. A Uint8Array travels as bytes; undefined: no payload. */
  readonly data?: Data;
  /** Default null: an event without a key, and so without state. */
  readonly key?: string | null;
  readonly id?: string;
  /** The manifest's name of the stream. */
  readonly stream?: string;
  /** Default `stream`, or `call` where there is no stream. */
  readonly trigger?: TriggerKind;
  readonly type?: string;
  readonly source?: string;
  readonly subject?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default 1. */
  readonly attempt?: number;
  readonly idempotencyKey?: string;
}

/** The record that would carry it, at offset `offset` of its stream. */
export function wireEvent(event: TestEvent, index: number, offset: number, nowMs: number): BatchEvent {
  const bytes = event.data instanceof Uint8Array;
  const stream = event.stream ?? '';
  return {
    index,
    attempt: event.attempt ?? 1,
    trigger: event.trigger ?? (stream === '' ? 'call' : 'stream'),
    stream,
    topic: stream,
    partition: 0,
    offset,
    appendedAtMs: nowMs,
    key: event.key === undefined || event.key === null ? null : encodeUtf8(event.key),
    value: bytes ? event.data : payloadOf(event.data),
    headers: headersOf(event, offset, bytes ? 'application/octet-stream' : 'application/json'),
    remainingMs: undefined,
    idempotencyKey: event.idempotencyKey ?? `test/${offset}`,
  };
}

function payloadOf(data: unknown): Uint8Array | null {
  return data === undefined ? null : encodeUtf8(JSON.stringify(data));
}

function headersOf(event: TestEvent, offset: number, contentType: string): readonly WireHeader[] {
  const attributes: readonly (readonly [string, string | undefined])[] = [
    [headerNames.id, event.id ?? `test-${offset}`],
    [headerNames.type, event.type],
    [headerNames.source, event.source],
    [headerNames.subject, event.subject],
    [headerNames.contentType, contentType],
    ...Object.entries(event.headers ?? {}),
  ];
  return attributes.flatMap(([name, value]) => (value === undefined ? [] : [[name, encodeUtf8(value)] as const]));
}
