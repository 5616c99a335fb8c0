import { headerNames } from '../../runtime/protocol/headers.ts';
import type { TriggerKind } from '../../runtime/sdk/event.ts';
import type { Seq } from '../ports/state.ts';
import type { RecordHeader } from '../ports/streams.ts';
import { type Origin, originHeaders, replayHeader } from './dead-letter.ts';

/** What the dispatcher needs to know of an event, read from its headers alone: payloads are bytes to it. */
export interface EventAttributes {
  /** CloudEvents id; undefined for a plain record. */
  readonly id: string | undefined;
  /** 0 where the header is missing or no whole number. */
  readonly hop: number;
  readonly correlationId: string | undefined;
  readonly traceparent: string | undefined;
  readonly trigger: TriggerKind | undefined;
  /** Present when the record was published from an outbox. */
  readonly upstream: { readonly stream: string; readonly seq: Seq } | undefined;
  /** Set by a replay: tells the copies of one dead letter apart. */
  readonly replay: { readonly token: string; readonly origin: Origin } | undefined;
}

const plain: EventAttributes = {
  id: undefined,
  hop: 0,
  correlationId: undefined,
  traceparent: undefined,
  trigger: undefined,
  upstream: undefined,
  replay: undefined,
};

const wanted: ReadonlySet<string> = new Set([
  headerNames.id,
  headerNames.hop,
  headerNames.correlationId,
  headerNames.traceparent,
  headerNames.trigger,
  headerNames.stream,
  headerNames.seq,
  replayHeader,
  ...Object.values(originHeaders),
]);

/** One pass over the headers; the last one of a name wins. A value that is not what it should be counts as missing. */
export function readAttributes(headers: readonly RecordHeader[]): EventAttributes {
  if (headers.length === 0) return plain;
  const found = new Map<string, Uint8Array>();
  for (const [name, value] of headers) if (wanted.has(name)) found.set(name, value);
  if (found.size === 0) return plain;
  const text = (name: string): string | undefined => {
    const value = found.get(name);
    return value === undefined ? undefined : textOf(value);
  };
  const token = text(replayHeader);
  return {
    id: text(headerNames.id),
    hop: wholeNumber(text(headerNames.hop)) ?? 0,
    correlationId: text(headerNames.correlationId),
    traceparent: text(headerNames.traceparent),
    trigger: triggerOf(text(headerNames.trigger)),
    upstream: upstreamOf(text(headerNames.stream), text(headerNames.seq)),
    replay: token === undefined ? undefined : { token, origin: originOf(text) },
  };
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}

function originOf(text: (name: string) => string | undefined): Origin {
  return {
    topic: text(originHeaders.topic) ?? '',
    partition: wholeNumber(text(originHeaders.partition)) ?? 0,
    offset: wholeNumber(text(originHeaders.offset)) ?? 0,
    stream: text(originHeaders.stream) ?? '',
  };
}

function upstreamOf(stream: string | undefined, text: string | undefined): EventAttributes['upstream'] {
  const [generation, counter, rest] = (text ?? '').split('.').map(wholeNumber);
  if (stream === undefined || generation === undefined || counter === undefined || rest !== undefined) return undefined;
  return { stream, seq: { generation, counter } };
}

function triggerOf(text: string | undefined): TriggerKind | undefined {
  switch (text) {
    case 'stream':
    case 'webhook':
    case 'schedule':
    case 'resource':
    case 'lag':
    case 'start':
    case 'call':
      return text;
    default:
      return undefined;
  }
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
