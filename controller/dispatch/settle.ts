import { headerNames } from '../../runtime/protocol/headers.ts';
import type { OkOutcome, WireEmit, WireError } from '../../runtime/protocol/messages.ts';
import { type HeaderBlock, headerName, packedSizeOf, packHeaders, packRecord, RecordPacker } from '../../runtime/protocol/record.ts';
import type { LiveFunction } from '../functions/live-function.ts';
import { inboxTopicOf } from '../functions/live-function.ts';
import { inboxRecord } from '../inbox/inbox-record.ts';
import { partitionOfPacked } from '../ports/partition-of.ts';
import type { Emit } from '../ports/state.ts';
import { PackedEmit, type Upstream } from '../published-record.ts';
import type { EventAttributes } from './event-attributes.ts';

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
  /** What emits are published under; undefined: they are in their log with the commit, or nobody knows yet. */
  readonly upstream?: Upstream | undefined;
  /** Where ids and traceparent are written already, to be copied as they are; undefined: nowhere. */
  readonly record?: Pick<EventAttributes, 'inheritIds' | 'inheritTrace'>;
  /** With `offset`: the idempotency key is `<place>/<offset>`. undefined: it is some other text. */
  readonly place?: string | undefined;
  /** The same of `eventId`. */
  readonly eventPlace?: string | undefined;
  readonly offset?: number;
}

/** Partitions of a topic; undefined when there is no such topic. */
export type PartitionsOf = (topic: string) => number | undefined;

/** How large a record of a topic may be, with its headers. */
export type RecordBytesMaxOf = (topic: string) => number;

export type Settled =
  | { readonly kind: 'settled'; readonly emits: readonly Emit[] }
  /** A target that is not there: the handler's result cannot be kept whole, so none of it is. */
  | { readonly kind: 'refused'; readonly error: WireError };

/** What an outcome without emits comes to. */
export const noEmits: Settled = { kind: 'settled', emits: [] };

/** Resolves what a handler sent: emits to their topics, starts to inboxes, each with its partition and CloudEvents headers. */
export function settleOutcome(outcome: OkOutcome, cause: Cause, partitionsOf: PartitionsOf, nowMs: number): Settled {
  let emits: Emit[] | undefined;
  for (let index = 0; index < outcome.emits.length; index += 1) {
    const emit = outcome.emits[index];
    if (emit === undefined) continue;
    const topic = emit.kind === 'emit' ? cause.live.emitTopics.get(emit.target) : inboxTopicOf(emit.target);
    const partitions = topic === undefined ? undefined : partitionsOf(topic);
    if (topic === undefined || partitions === undefined) return { kind: 'refused', error: missingTarget(emit) };
    const record = emit.kind === 'emit' ? emitRecord : startRecord;
    const settled = record(emit, index, cause, topic, partitions, nowMs);
    // An empty array that is pushed to takes room for seventeen.
    if (emits === undefined) emits = [settled];
    else emits.push(settled);
  }
  return emits === undefined ? noEmits : { kind: 'settled', emits };
}

/** Why these emits must not be committed: one of them would wait for the broker for ever, and all behind it. */
export function tooLarge(emits: readonly Emit[], recordBytesMaxOf: RecordBytesMaxOf): WireError | undefined {
  for (const emit of emits) {
    const bytes = packedSizeOf(emit);
    const bytesMax = recordBytesMaxOf(emit.topic);
    if (bytes <= bytesMax) continue;
    const message = `an emit to ${emit.topic} has ${bytes} bytes with its headers; the broker takes ${bytesMax}`;
    return { code: 'FAAS_EMIT_TOO_LARGE', name: 'FaasError', message, stack: undefined };
  }
  return undefined;
}

function emitRecord(emit: WireEmit, index: number, cause: Cause, topic: string, partitions: number, nowMs: number): Emit {
  const sent = packRecord(emit);
  // Nobody needs it as text but the partition of what has no key.
  const id = emit.id === undefined && sent.keyLength >= 0 && cause.place !== undefined ? undefined : idOf(emit, index, cause);
  packer.begin(sent);
  const common = commonHeaders(emit, cause, nowMs);
  packer.headerBlock(common);
  if (cause.upstream !== undefined) packer.headerBlock(cause.upstream.seq);
  if (id === undefined) packer.headerPath(headerNames.id, cause.place ?? '', cause.offset ?? 0, index);
  else packer.header(headerNames.id, id);
  if (cause.record?.inheritIds(packer) !== true) inheritEventId(cause);
  const own = { bytes: sent.bytes, isTraced: false };
  sent.eachHeader(copyOwn, own);
  if (!own.isTraced) inheritTrace(cause);
  return new PackedEmit(topic, partitionOfPacked(sent, id ?? '', partitions), packer.end(), common, cause.upstream);
}

/** Of an emit or a start: the same in each attempt. */
function idOf({ id }: WireEmit, index: number, cause: Cause): string {
  return id ?? `${cause.idempotencyKey}/${index}`;
}

const packer = new RecordPacker();

/** A header of the author's, or the traceparent. */
function copyOwn(nameAt: number, from: number, to: number, own: { readonly bytes: Uint8Array; isTraced: boolean }, place: number): void {
  const name = headerName(own.bytes, nameAt, from, place);
  if (name === headerNames.traceparent) own.isTraced = true;
  if (!reserved.has(name)) packer.headerBytes(name, own.bytes, from, to);
}

/** Of an event that has no id but its place. */
function inheritEventId(cause: Cause): void {
  const { correlationId, eventPlace, offset = 0 } = cause;
  if (eventPlace === undefined || correlationId !== undefined) {
    packer.header(headerNames.correlationId, correlationId ?? cause.eventId);
    packer.header(headerNames.causationId, cause.eventId);
    return;
  }
  packer.headerPath(headerNames.correlationId, eventPlace, offset);
  packer.headerPath(headerNames.causationId, eventPlace, offset);
}

function inheritTrace({ record, traceparent }: Cause): void {
  if (record !== undefined) record.inheritTrace(packer);
  else if (traceparent !== undefined) packer.header(headerNames.traceparent, traceparent);
}

/**
 * What emits of one kind have in common that are settled at one time, as those of many results are. A function has few kinds, and its emits come in the order of its
 * handler: the last ones are at hand.
 */
interface CommonHeaders {
  readonly live: LiveFunction;
  readonly upstream: Upstream | undefined;
  readonly atMs: number;
  readonly hop: number;
  readonly target: string;
  readonly type: string | undefined;
  readonly contentType: string;
  readonly block: HeaderBlock;
}

const commonMax = 16;
let common: readonly CommonHeaders[] = [];

function commonHeaders({ target, type, contentType }: WireEmit, { live, hop, upstream }: Cause, atMs: number): HeaderBlock {
  for (const one of common) {
    if (one.atMs !== atMs || one.hop !== hop || one.live !== live || one.upstream !== upstream) continue;
    if (one.target === target && one.type === type && one.contentType === contentType) return one.block;
  }
  const block = packHeaders([
    [headerNames.specVersion, '1.0'],
    [headerNames.source, sourceOf(live)],
    [headerNames.type, type ?? typeOf(target, live)],
    [headerNames.contentType, contentType],
    [headerNames.time, new Date(atMs).toISOString()],
    [headerNames.hop, String(hop + 1)],
    ...(upstream === undefined ? [] : [[headerNames.stream, upstream.stream] as const]),
  ]);
  common = [{ live, upstream, atMs, hop, target, type, contentType, block }, ...common.slice(0, commonMax - 1)];
  return block;
}

function startRecord(emit: WireEmit, index: number, cause: Cause, topic: string, partitions: number, nowMs: number): Emit {
  const traceparent = emit.headers.find(([name]) => name === headerNames.traceparent)?.[1];
  const record = inboxRecord(
    {
      id: idOf(emit, index, cause),
      source: sourceOf(cause.live),
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
function sourceOf({ context, name }: LiveFunction): string {
  return `/${context}/${name}`;
}

/** The default type: `<context>.<stream>` of the stream's owner. */
function typeOf(target: string, live: LiveFunction): string {
  const stream = live.spec.emits.find(({ name }) => name === target);
  return stream === undefined ? target : `${stream.context}.${stream.stream}`;
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
