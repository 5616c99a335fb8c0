import { headerNames } from '../../runtime/protocol/headers.ts';
import type { OkOutcome, WireEmit, WireError } from '../../runtime/protocol/messages.ts';
import type { LiveFunction } from '../functions/live-function.ts';
import { inboxTopicOf } from '../functions/live-function.ts';
import { inboxRecord } from '../inbox/inbox-record.ts';
import { partitionOf } from '../ports/partition-of.ts';
import type { Emit } from '../ports/state.ts';
import type { RecordHeader } from '../ports/streams.ts';

/** The event whose handling is settled: what its emits inherit. */
export interface Cause {
  readonly live: LiveFunction;
  readonly eventId: string;
  /** Stable over all attempts; ids of emits derive from it. */
  readonly idempotencyKey: string;
  /** undefined: this event is the first of its chain. */
  readonly correlationId: string | undefined;
  readonly traceparent: string | undefined;
  readonly hop: number;
}

/** Partitions of a topic; undefined when there is no such topic. */
export type PartitionsOf = (topic: string) => number | undefined;

export type Settled =
  | { readonly kind: 'settled'; readonly emits: readonly Emit[] }
  /** A target that is not there: the handler's result cannot be kept whole, so none of it is. */
  | { readonly kind: 'refused'; readonly error: WireError };

/** What an outcome without emits comes to. */
export const noEmits: Settled = { kind: 'settled', emits: [] };

/** Resolves what a handler sent: emits to their topics, starts to inboxes, each with its partition and CloudEvents headers. */
export function settleOutcome(outcome: OkOutcome, cause: Cause, partitionsOf: PartitionsOf, nowMs: number): Settled {
  const emits: Emit[] = [];
  for (const [index, emit] of outcome.emits.entries()) {
    const topic = emit.kind === 'emit' ? cause.live.emitTopics.get(emit.target) : inboxTopicOf(emit.target);
    const partitions = topic === undefined ? undefined : partitionsOf(topic);
    if (topic === undefined || partitions === undefined) return { kind: 'refused', error: missingTarget(emit) };
    emits.push(
      emit.kind === 'emit'
        ? emitRecord(emit, index, cause, topic, partitions, nowMs)
        : startRecord(emit, index, cause, topic, partitions, nowMs),
    );
  }
  return { kind: 'settled', emits };
}

function emitRecord(emit: WireEmit, index: number, cause: Cause, topic: string, partitions: number, nowMs: number): Emit {
  const id = emit.id ?? `${cause.idempotencyKey}/${index}`;
  const causation = bytesOf(cause.eventId);
  const headers: RecordHeader[] = [
    repeated(headerNames.specVersion, '1.0'),
    [headerNames.id, bytesOf(id)],
    repeated(headerNames.source, sourceOf(cause)),
    repeated(headerNames.type, emit.type ?? typeOf(emit, cause)),
    timeHeader(nowMs),
    repeated(headerNames.contentType, emit.contentType),
    repeated(headerNames.hop, String(cause.hop + 1)),
    [headerNames.correlationId, cause.correlationId === undefined ? causation : bytesOf(cause.correlationId)],
    [headerNames.causationId, causation],
  ];
  if (cause.traceparent !== undefined && !emit.headers.some(([name]) => name === headerNames.traceparent)) {
    headers.push([headerNames.traceparent, bytesOf(cause.traceparent)]);
  }
  for (const header of emit.headers) if (!reserved.has(header[0])) headers.push(header);
  return { topic, partition: partitionOf(emit.key, id, partitions), key: emit.key, value: emit.value, headers };
}

function startRecord(emit: WireEmit, index: number, cause: Cause, topic: string, partitions: number, nowMs: number): Emit {
  const traceparent = emit.headers.find(([name]) => name === headerNames.traceparent)?.[1];
  const record = inboxRecord(
    {
      id: emit.id ?? `${cause.idempotencyKey}/${index}`,
      source: sourceOf(cause),
      type: emit.type ?? 'faas.start',
      timeMs: nowMs,
      trigger: 'start',
      triggerName: cause.live.unit,
      key: emit.key === null ? null : text.decode(emit.key),
      value: emit.value,
      contentType: emit.contentType,
      traceparent: traceparent === undefined ? (cause.traceparent ?? '') : text.decode(traceparent),
      hop: cause.hop + 1,
      causationId: cause.eventId,
      correlationId: cause.correlationId ?? cause.eventId,
      headers: emit.headers.filter(([name]) => !reserved.has(name) && name !== headerNames.traceparent),
    },
    partitions,
  );
  return { topic, ...record };
}

/** CloudEvents source of what a function sends. */
function sourceOf(cause: Cause): string {
  return `/${cause.live.context}/${cause.live.name}`;
}

/** The default type: `<context>.<stream>` of the stream's owner. */
function typeOf(emit: WireEmit, cause: Cause): string {
  const stream = cause.live.spec.emits.find(({ name }) => name === emit.target);
  return stream === undefined ? emit.target : `${stream.context}.${stream.stream}`;
}

function missingTarget(emit: WireEmit): WireError {
  const what = emit.kind === 'emit' ? `stream "${emit.target}" has no topic` : `function "${emit.target}" has no inbox`;
  return { code: 'FAAS_TARGET_UNKNOWN', name: 'FaasError', message: `${what}: deploy its context first`, stack: undefined };
}

/** Attributes that the runtime sets; an author's header of such a name is dropped. */
const reserved: ReadonlySet<string> = new Set([
  headerNames.id,
  headerNames.source,
  headerNames.type,
  headerNames.specVersion,
  headerNames.time,
  headerNames.contentType,
  headerNames.causationId,
  headerNames.correlationId,
  headerNames.hop,
  headerNames.stream,
  headerNames.seq,
  headerNames.trigger,
  headerNames.triggerName,
]);
const text = new TextDecoder();

/** Headers that are the same for many emits, encoded once; forgotten all together when there are too many of them. */
const repeatedHeaders = new Map<string, RecordHeader>();
const repeatedMax = 4_096;
const repeatedCharsMax = 256;

function repeated(name: string, value: string): RecordHeader {
  const key = `${name}\n${value}`;
  const known = repeatedHeaders.get(key);
  if (known !== undefined) return known;
  const header: RecordHeader = [name, bytesOf(value)];
  if (repeatedHeaders.size >= repeatedMax) repeatedHeaders.clear();
  if (value.length <= repeatedCharsMax) repeatedHeaders.set(key, header);
  return header;
}

let lastTime: { readonly atMs: number; readonly header: RecordHeader } | undefined;

function timeHeader(atMs: number): RecordHeader {
  if (lastTime?.atMs !== atMs) lastTime = { atMs, header: [headerNames.time, bytesOf(new Date(atMs).toISOString())] };
  return lastTime.header;
}

/** Several times faster than a TextEncoder for texts as short as these. */
function bytesOf(value: string): Uint8Array {
  return Buffer.from(value);
}
