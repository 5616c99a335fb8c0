import { headerNames } from '../../runtime/protocol/headers.ts';
import { textSlice } from '../../runtime/protocol/intrinsics.ts';
import type { PackedRecord, RecordPacker } from '../../runtime/protocol/record.ts';
import type { TriggerKind } from '../../runtime/sdk/event.ts';
import type { Seq } from '../ports/state.ts';
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
  /** Writes into a record that this event causes the ids which that inherits, as they stand here; false: there is no id here, and nothing is written. */
  inheritIds(packer: RecordPacker): boolean;
  /** Writes the traceparent, if there is one. */
  inheritTrace(packer: RecordPacker): void;
}

const plain: EventAttributes = {
  id: undefined,
  hop: 0,
  correlationId: undefined,
  traceparent: undefined,
  trigger: undefined,
  upstream: undefined,
  replay: undefined,
  inheritIds: () => false,
  inheritTrace() {},
};

/** One pass over the headers; the last one of a name wins. A value that is not what it should be counts as missing. */
export function readAttributes(record: PackedRecord): EventAttributes {
  return record.headerCount === 0 ? plain : new RecordAttributes(record);
}

/** What decides about every event is read at once, the rest when somebody asks. */
class RecordAttributes implements EventAttributes {
  readonly hop: number;
  readonly trigger: TriggerKind | undefined;
  readonly upstream: EventAttributes['upstream'];
  readonly replay: EventAttributes['replay'];
  readonly #record: PackedRecord;
  /** Where in the record the values are that few ask for: from and to; 0: there is none. */
  #idFrom = 0;
  #idTo = 0;
  #correlationFrom = 0;
  #correlationTo = 0;
  #traceFrom = 0;
  #traceTo = 0;

  constructor(record: PackedRecord) {
    this.#record = record;
    const { bytes } = record;
    let hop = '0';
    let trigger: string | undefined;
    let stream: string | undefined;
    let seq: string | undefined;
    let replay: string | undefined;
    record.eachHeader((name, from, to) => {
      switch (name) {
        case headerNames.id:
          this.#idFrom = from;
          this.#idTo = to;
          break;
        case headerNames.correlationId:
          this.#correlationFrom = from;
          this.#correlationTo = to;
          break;
        case headerNames.traceparent:
          this.#traceFrom = from;
          this.#traceTo = to;
          break;
        case headerNames.hop:
          hop = textSlice(bytes, from, to);
          break;
        case headerNames.trigger:
          trigger = textSlice(bytes, from, to);
          break;
        case headerNames.stream:
          stream = textSlice(bytes, from, to);
          break;
        case headerNames.seq:
          seq = textSlice(bytes, from, to);
          break;
        case replayHeader:
          replay = textSlice(bytes, from, to);
          break;
        default:
      }
    });
    this.hop = hop === '0' ? 0 : (wholeNumber(hop) ?? 0);
    this.trigger = triggerOf(trigger);
    this.upstream = stream === undefined || seq === undefined ? undefined : upstreamOf(stream, seq);
    this.replay = replay === undefined ? undefined : { token: replay, origin: originOf(record) };
  }

  get id(): string | undefined {
    return this.#text(this.#idFrom, this.#idTo);
  }

  get correlationId(): string | undefined {
    return this.#text(this.#correlationFrom, this.#correlationTo);
  }

  get traceparent(): string | undefined {
    return this.#text(this.#traceFrom, this.#traceTo);
  }

  inheritIds(packer: RecordPacker): boolean {
    const { bytes } = this.#record;
    if (this.#idFrom === 0) return false;
    if (this.#correlationFrom === 0) packer.headerBytes(headerNames.correlationId, bytes, this.#idFrom, this.#idTo);
    else packer.headerBytes(headerNames.correlationId, bytes, this.#correlationFrom, this.#correlationTo);
    packer.headerBytes(headerNames.causationId, bytes, this.#idFrom, this.#idTo);
    return true;
  }

  inheritTrace(packer: RecordPacker): void {
    if (this.#traceFrom !== 0) packer.headerBytes(headerNames.traceparent, this.#record.bytes, this.#traceFrom, this.#traceTo);
  }

  #text(from: number, to: number): string | undefined {
    return from === 0 ? undefined : textSlice(this.#record.bytes, from, to);
  }
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}

function originOf(record: PackedRecord): Origin {
  const found = new Map<string, string>();
  record.eachHeader((name, from, to) => found.set(name, textSlice(record.bytes, from, to)));
  return {
    topic: found.get(originHeaders.topic) ?? '',
    partition: wholeNumber(found.get(originHeaders.partition)) ?? 0,
    offset: wholeNumber(found.get(originHeaders.offset)) ?? 0,
    stream: found.get(originHeaders.stream) ?? '',
  };
}

function upstreamOf(stream: string, text: string): EventAttributes['upstream'] {
  const [generation, counter, rest] = text.split('.').map(wholeNumber);
  if (generation === undefined || counter === undefined || rest !== undefined) return undefined;
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
