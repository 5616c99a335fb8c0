import { headerNames } from '../protocol/headers.ts';
import { decodeStrictUtf8, decodeUtf8, parseJson } from '../protocol/intrinsics.ts';
import { type BatchEvent, wireLimits } from '../protocol/messages.ts';
import { FaasError } from '../sdk/errors.ts';
import type { FaasEvent } from '../sdk/event.ts';
import { nestsDeeper } from './json-depth.ts';
import { isStructured, openEnvelope } from './structured-event.ts';

/** Attributes of the event that are not the author's `headers`. */
const attributes = new Set<string>(Object.values(headerNames));

interface ReadHeaders {
  readonly attribute: ReadonlyMap<string, string>;
  readonly headers: Readonly<Record<string, string>>;
}

const noHeaders: ReadHeaders = { attribute: new Map(), headers: Object.freeze({}) };

/** The author's view of a record, frozen. Throws FAAS_DECODE when the payload is not what its content type says. */
export function decodeEvent(event: BatchEvent): { readonly event: FaasEvent; readonly traceparent: string | undefined } {
  const read = event.headers.length === 0 ? noHeaders : readHeaders(event);
  const { headers } = read;
  const opened = isStructured(read.attribute.get(headerNames.contentType)) ? openEnvelope(decodeData(event.value, undefined)) : undefined;
  const attribute = opened?.attribute ?? read.attribute;
  const id = attribute.get(headerNames.id) ?? `${event.topic}/${event.partition}/${event.offset}`;
  const contentType = attribute.get(headerNames.contentType);
  return {
    traceparent: attribute.get(headerNames.traceparent),
    event: Object.freeze({
      id,
      source: attribute.get(headerNames.source) ?? event.topic,
      type: attribute.get(headerNames.type) ?? 'faas.record',
      subject: attribute.get(headerNames.subject),
      time: attribute.get(headerNames.time) ?? new Date(event.appendedAtMs).toISOString(),
      key: event.key === null ? null : decodeUtf8(event.key),
      data: decodeData(opened === undefined ? event.value : opened.value, contentType),
      contentType,
      stream: event.stream === '' ? undefined : event.stream,
      trigger: event.trigger,
      topic: event.offset < 0 ? undefined : event.topic,
      partition: event.offset < 0 ? undefined : event.partition,
      offset: event.offset < 0 ? undefined : event.offset,
      headers,
      causationId: attribute.get(headerNames.causationId),
      correlationId: attribute.get(headerNames.correlationId) ?? id,
      hop: hopOf(attribute.get(headerNames.hop)),
    }),
  };
}

function readHeaders(event: BatchEvent): ReadHeaders {
  const attribute = new Map<string, string>();
  const others: [string, string][] = [];
  for (const [name, value] of event.headers) {
    const lower = name.toLowerCase();
    if (attributes.has(lower)) attribute.set(lower, decodeUtf8(value));
    else others.push([lower, decodeUtf8(value)]);
  }
  return { attribute, headers: others.length === 0 ? noHeaders.headers : Object.freeze(Object.fromEntries(others)) };
}

function hopOf(text: string | undefined): number {
  const hop = Number(text ?? 0);
  return Number.isSafeInteger(hop) && hop >= 0 ? hop : 0;
}

/** No value is `null`; an empty one is no JSON. */
function decodeData(value: Uint8Array | null, contentType: string | undefined): unknown {
  if (value === null) return null;
  const media = mediaTypeOf(contentType);
  if (media !== 'json' && media !== 'text') return new Uint8Array(value);
  const text = decodeText(value);
  return media === 'json' ? decodeJson(text, value) : text;
}

function decodeText(value: Uint8Array): string {
  try {
    return decodeStrictUtf8(value);
  } catch {
    throw new FaasError('FAAS_DECODE', `the payload of ${value.length} bytes is not UTF-8`);
  }
}

function decodeJson(text: string, value: Uint8Array): unknown {
  if (nestsDeeper(value, wireLimits.jsonDepthMax)) {
    throw new FaasError('FAAS_DECODE', `the payload nests deeper than ${wireLimits.jsonDepthMax} levels`);
  }
  try {
    return parseJson(text);
  } catch {
    // The parser's message quotes the payload, which has no place in an error.
    throw new FaasError(
      'FAAS_DECODE',
      value.length === 0 ? 'the payload is empty, and that is no JSON' : `the payload of ${value.length} bytes is no JSON`,
    );
  }
}

function mediaTypeOf(contentType: string | undefined): 'json' | 'text' | 'bytes' {
  if (contentType === undefined || contentType === 'application/json') return 'json';
  const media = (contentType.split(';')[0] ?? '').trim().toLowerCase();
  if (media === '' || media === 'application/json' || media.endsWith('+json') || media === 'text/json') return 'json';
  return media.startsWith('text/') ? 'text' : 'bytes';
}
