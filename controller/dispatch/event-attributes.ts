import { headerNames } from '../../runtime/protocol/headers.ts';
import { textSlice } from '../../runtime/protocol/intrinsics.ts';
import { headerName, headerValueAt, headerValueLength, type PackedRecord, type RecordPacker } from '../../runtime/protocol/record.ts';
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
  /** As its inbox record says: the path of a webhook, the name of a schedule. */
  readonly triggerName: string | undefined;
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
  triggerName: undefined,
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
  /** Where in the record the names of the headers are that few ask for; 0: there is none. */
  #idAt = 0;
  #correlationAt = 0;
  #traceAt = 0;
  #triggerNameAt = 0;

  constructor(record: PackedRecord) {
    this.#record = record;
    texts.hop = texts.trigger = texts.stream = texts.seq = texts.replay = undefined;
    record.eachHeader(RecordAttributes.#take, this);
    const { hop, trigger, stream, seq, replay } = texts;
    this.hop = hop === undefined || hop === '0' ? 0 : (wholeNumber(hop) ?? 0);
    this.trigger = triggerOf(trigger);
    this.upstream = stream === undefined || seq === undefined ? undefined : upstreamOf(stream, seq);
    this.replay = replay === undefined ? undefined : { token: replay, origin: originOf(record) };
  }

  static #take(nameAt: number, from: number, to: number, self: RecordAttributes, place: number): void {
    const { bytes } = self.#record;
    switch (headerName(bytes, nameAt, from, place)) {
      case headerNames.id:
        self.#idAt = nameAt;
        break;
      case headerNames.correlationId:
        self.#correlationAt = nameAt;
        break;
      case headerNames.traceparent:
        self.#traceAt = nameAt;
        break;
      case headerNames.triggerName:
        self.#triggerNameAt = nameAt;
        break;
      case headerNames.hop:
        texts.hop = textSlice(bytes, from, to);
        break;
      case headerNames.trigger:
        texts.trigger = textSlice(bytes, from, to);
        break;
      case headerNames.stream:
        texts.stream = textSlice(bytes, from, to);
        break;
      case headerNames.seq:
        texts.seq = textSlice(bytes, from, to);
        break;
      case replayHeader:
        texts.replay = textSlice(bytes, from, to);
        break;
      default:
    }
  }

  get id(): string | undefined {
    return this.#text(this.#idAt);
  }

  get correlationId(): string | undefined {
    return this.#text(this.#correlationAt);
  }

  get traceparent(): string | undefined {
    return this.#text(this.#traceAt);
  }

  get triggerName(): string | undefined {
    return this.#text(this.#triggerNameAt);
  }

  inheritIds(packer: RecordPacker): boolean {
    if (this.#idAt === 0) return false;
    this.#inherit(packer, headerNames.correlationId, this.#correlationAt === 0 ? this.#idAt : this.#correlationAt);
    this.#inherit(packer, headerNames.causationId, this.#idAt);
    return true;
  }

  inheritTrace(packer: RecordPacker): void {
    if (this.#traceAt !== 0) this.#inherit(packer, headerNames.traceparent, this.#traceAt);
  }

  /** The value of the header with a name at `nameAt`, under this name. */
  #inherit(packer: RecordPacker, name: string, nameAt: number): void {
    const { bytes } = this.#record;
    const from = headerValueAt(bytes, nameAt);
    packer.headerBytes(name, bytes, from, from + headerValueLength(bytes, nameAt));
  }

  #text(nameAt: number): string | undefined {
    if (nameAt === 0) return undefined;
    const { bytes } = this.#record;
    const from = headerValueAt(bytes, nameAt);
    return textSlice(bytes, from, from + headerValueLength(bytes, nameAt));
  }
}

/** Of the record that is being read. */
const texts: Record<'hop' | 'trigger' | 'stream' | 'seq' | 'replay', string | undefined> = {
  hop: undefined,
  trigger: undefined,
  stream: undefined,
  seq: undefined,
  replay: undefined,
};

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}

function originOf(record: PackedRecord): Origin {
  const found = new Map<string, string>();
  record.eachHeader((nameAt, from, to, bytes, place) => {
    found.set(headerName(bytes, nameAt, from, place), textSlice(bytes, from, to));
  }, record.bytes);
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
