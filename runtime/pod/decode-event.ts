import { headerNames } from '../protocol/headers.ts';
import { decodeStrictUtf8, parseJson, textSlice } from '../protocol/intrinsics.ts';
import { type BatchEvent, wireLimits } from '../protocol/messages.ts';
import { headerName, type PackedRecord, packRecord } from '../protocol/record.ts';
import { FaasError } from '../sdk/errors.ts';
import type { FaasEvent } from '../sdk/event.ts';
import { nestsDeeper } from './json-depth.ts';
import { isStructured, type OpenedEnvelope, openEnvelope } from './structured-event.ts';

/** CloudEvents attributes and what else of the headers is not the author's. */
interface Attributes {
  id?: string;
  source?: string;
  type?: string;
  subject?: string;
  time?: string;
  contentType?: string;
  traceparent?: string;
  causationId?: string;
  correlationId?: string;
  hop?: string;
  headers: Readonly<Record<string, string>>;
}

const noHeaders = Object.freeze({});

/** The author's view of a record, frozen. Throws FAAS_DECODE when the payload is not what its content type says. */
export function decodeEvent(event: BatchEvent): { readonly event: FaasEvent; readonly traceparent: string | undefined } {
  const packed = packRecord(event);
  const read = readAttributes(packed);
  const opened = isStructured(read.contentType) ? openEnvelope(decodeData(packed, undefined)) : undefined;
  const of = opened === undefined ? read : attributesOf(opened, read.headers);
  const id = of.id ?? `${event.topic}/${event.partition}/${event.offset}`;
  const isRecord = event.offset >= 0;
  return {
    traceparent: of.traceparent,
    event: Object.freeze({
      id,
      source: of.source ?? event.topic,
      type: of.type ?? 'faas.record',
      subject: of.subject,
      time: of.time ?? timeOf(event.appendedAtMs),
      key: packed.keyText,
      data: decodeData(opened === undefined ? packed : payloadOf(opened.value), of.contentType),
      contentType: of.contentType,
      stream: event.stream === '' ? undefined : event.stream,
      trigger: event.trigger,
      topic: isRecord ? event.topic : undefined,
      partition: isRecord ? event.partition : undefined,
      offset: isRecord ? event.offset : undefined,
      headers: of.headers,
      causationId: of.causationId,
      correlationId: of.correlationId ?? id,
      hop: hopOf(of.hop),
    }),
  };
}

let lastSecond = { atMs: Number.NaN, text: '' };
let lastTime = { atMs: Number.NaN, text: '' };

/** Records of a batch are often of one second, if not of one millisecond; a date is costly to print. */
function timeOf(atMs: number): string {
  if (lastTime.atMs === atMs) return lastTime.text;
  const ms = atMs % 1_000;
  // Times before 1970, and what is no time, are left to the date.
  if (!(ms >= 0)) return new Date(atMs).toISOString();
  if (lastSecond.atMs !== atMs - ms) lastSecond = { atMs: atMs - ms, text: new Date(atMs - ms).toISOString().slice(0, -'000Z'.length) };
  lastTime = { atMs, text: `${lastSecond.text}${ms < 10 ? '00' : ms < 100 ? '0' : ''}${ms}Z` };
  return lastTime.text;
}

function readAttributes(packed: PackedRecord): Attributes {
  const read: Attributes = { headers: noHeaders };
  if (packed.headerCount === 0) return read;
  const reading: Reading = { read, bytes: packed.bytes, others: undefined };
  packed.eachHeader(takeHeader, reading);
  if (reading.others !== undefined) read.headers = Object.freeze(Object.fromEntries(reading.others));
  return read;
}

interface Reading {
  readonly read: Attributes;
  readonly bytes: Uint8Array;
  others: [string, string][] | undefined;
}

function takeHeader(nameAt: number, from: number, to: number, reading: Reading, place: number): void {
  const name = headerName(reading.bytes, nameAt, from, place);
  if (runtimeHeaders.has(name)) return;
  const value = differing.has(name) ? textSlice(reading.bytes, from, to) : repeatedText(name, reading.bytes, from, to);
  if (takeAttribute(reading.read, name, value)) return;
  const lower = name.toLowerCase();
  if (lower !== name && takeAttribute(reading.read, lower, value)) return;
  reading.others ??= [];
  reading.others.push([lower, value]);
}

/** What the headers of the envelope would have been; the author's are those of the record. */
function attributesOf(opened: OpenedEnvelope, headers: Attributes['headers']): Attributes {
  const read: Attributes = { headers };
  for (const [name, value] of opened.attribute) takeAttribute(read, name, value);
  return read;
}

/** False: the header is the author's. */
function takeAttribute(read: Attributes, name: string, value: string): boolean {
  switch (name) {
    case headerNames.id:
      read.id = value;
      return true;
    case headerNames.source:
      read.source = value;
      return true;
    case headerNames.type:
      read.type = value;
      return true;
    case headerNames.subject:
      read.subject = value;
      return true;
    case headerNames.time:
      read.time = value;
      return true;
    case headerNames.contentType:
      read.contentType = value;
      return true;
    case headerNames.traceparent:
      read.traceparent = value;
      return true;
    case headerNames.causationId:
      read.causationId = value;
      return true;
    case headerNames.correlationId:
      read.correlationId = value;
      return true;
    case headerNames.hop:
      read.hop = value;
      return true;
    default:
      return runtimeHeaders.has(name);
  }
}

/** Set by the runtime, and of no use to a handler. */
const runtimeHeaders: ReadonlySet<string> = new Set([
  headerNames.specVersion,
  headerNames.dataSchema,
  headerNames.tracestate,
  headerNames.stream,
  headerNames.seq,
  headerNames.trigger,
  headerNames.triggerName,
]);

/** No two events have the same. */
const differing: ReadonlySet<string> = new Set([
  headerNames.id,
  headerNames.causationId,
  headerNames.correlationId,
  headerNames.traceparent,
]);

/** The last value of each header: sources, types and times are those of the event before, most of the time. */
const lastValues = new Map<string, { text: string; readonly bytes: Uint8Array; length: number }>();
const lastValuesMax = 64;
const lastBytesMax = 64;

function repeatedText(name: string, bytes: Uint8Array, from: number, to: number): string {
  const length = to - from;
  if (length > lastBytesMax) return textSlice(bytes, from, to);
  const last = lastValues.get(name);
  if (last !== undefined && last.length === length) {
    let i = 0;
    // From the end, where ids and times differ.
    for (i = length - 1; i >= 0 && last.bytes[i] === bytes[from + i]; i -= 1);
    if (i < 0) return last.text;
  }
  const text = textSlice(bytes, from, to);
  if (last !== undefined) {
    for (let i = 0; i < length; i += 1) last.bytes[i] = bytes[from + i] ?? 0;
    last.length = length;
    last.text = text;
  } else if (lastValues.size < lastValuesMax) {
    const kept = new Uint8Array(lastBytesMax);
    for (let i = 0; i < length; i += 1) kept[i] = bytes[from + i] ?? 0;
    lastValues.set(name, { text, bytes: kept, length });
  }
  return text;
}

function hopOf(text: string | undefined): number {
  const hop = Number(text ?? 0);
  return Number.isSafeInteger(hop) && hop >= 0 ? hop : 0;
}

/** Where a payload lies; a length of −1 is none. */
type Payload = Pick<PackedRecord, 'bytes' | 'valueAt' | 'valueLength'>;

function payloadOf(value: Uint8Array | null): Payload {
  return value === null
    ? { bytes: new Uint8Array(0), valueAt: 0, valueLength: -1 }
    : { bytes: value, valueAt: 0, valueLength: value.length };
}

/** No value is `null`; an empty one is no JSON. */
function decodeData({ bytes, valueAt, valueLength }: Payload, contentType: string | undefined): unknown {
  if (valueLength < 0) return null;
  const media = mediaTypeOf(contentType);
  const end = valueAt + valueLength;
  if (media === 'json') return decodeJson(bytes, valueAt, end);
  return media === 'text' ? decodeText(bytes, valueAt, end) : bytes.slice(valueAt, end);
}

function decodeText(bytes: Uint8Array, from: number, to: number): string {
  const text = textSlice(bytes, from, to);
  // Only where something was replaced, or a replacement character was sent, is the strict way needed to tell.
  if (!text.includes('\ufffd')) return text;
  try {
    return decodeStrictUtf8(bytes.subarray(from, to));
  } catch {
    throw new FaasError('FAAS_DECODE', `the payload of ${to - from} bytes is not UTF-8`);
  }
}

function decodeJson(bytes: Uint8Array, from: number, to: number): unknown {
  const text = decodeText(bytes, from, to);
  if (nestsDeeper(text, wireLimits.jsonDepthMax)) {
    throw new FaasError('FAAS_DECODE', `the payload nests deeper than ${wireLimits.jsonDepthMax} levels`);
  }
  try {
    return parseJson(text);
  } catch {
    // The parser's message quotes the payload, which has no place in an error.
    throw new FaasError(
      'FAAS_DECODE',
      from === to ? 'the payload is empty, and that is no JSON' : `the payload of ${to - from} bytes is no JSON`,
    );
  }
}

function mediaTypeOf(contentType: string | undefined): 'json' | 'text' | 'bytes' {
  if (contentType === undefined || contentType === 'application/json') return 'json';
  const media = (contentType.split(';')[0] ?? '').trim().toLowerCase();
  if (media === '' || media === 'application/json' || media.endsWith('+json') || media === 'text/json') return 'json';
  return media.startsWith('text/') ? 'text' : 'bytes';
}
