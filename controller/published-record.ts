import { headerNames } from '../runtime/protocol/headers.ts';
import { writeDigits } from '../runtime/protocol/numbers.ts';
import {
  type HeaderBlock,
  type HeadersPart,
  headerName,
  type PackedRecord,
  packHeaders,
  packRecord,
  RecordPacker,
} from '../runtime/protocol/record.ts';
import { PackedNewRecord } from './packed-new-record.ts';
import type { Emit, OutboxEntry, Seq } from './ports/state.ts';
import type { NewRecord } from './ports/streams.ts';

/** Digits of a counter in a record that has room for it. */
const counterDigits = 10;

/** What one owner of a source publishes under: the stream is the same in all of its records, and so is the generation of their seq. */
export class Upstream {
  readonly stream: string;
  readonly generation: number;
  /** The header of the seq, with room for the counter at its end. */
  readonly seq: HeaderBlock;
  /** Of both headers, which stand one behind the other. */
  readonly partBytes: number;

  constructor(stream: string, generation: number) {
    this.stream = stream;
    this.generation = generation;
    this.seq = packHeaders([[headerNames.seq, `${generation}.${'0'.repeat(counterDigits)}`]]);
    this.partBytes = packHeaders([[headerNames.stream, stream]]).bytes.length + this.seq.bytes.length;
  }
}

/** An emit in the form in which it will be published: its headers are `common`, of which the stream is the last, the seq, and its own. Before it has a counter, that is 0. */
export class PackedEmit extends PackedNewRecord implements Emit {
  readonly topic: string;
  readonly #upstream: Upstream | undefined;

  /** `upstream`: where emits go through an outbox. */
  constructor(topic: string, partition: number, packed: PackedRecord, common: HeaderBlock, upstream: Upstream | undefined) {
    super(partition, packed, common);
    this.topic = topic;
    this.#upstream = upstream;
  }

  /** Where in the bytes of its record the headers are that an outbox says by itself; undefined: there are none. */
  get upstreamPart(): HeadersPart | undefined {
    const upstream = this.#upstream;
    if (upstream === undefined) return undefined;
    const end = this.#seqEnd(upstream);
    return { from: end - upstream.partBytes, to: end, count: 2 };
  }

  /** Writes its seq where there is room for it; false: there is none. */
  writeSeq(stream: string, { generation, counter }: Seq): boolean {
    const upstream = this.#upstream;
    if (upstream === undefined || upstream.stream !== stream || upstream.generation !== generation) return false;
    const digits = String(counter).length;
    if (digits > counterDigits) return false;
    const { bytes } = this.packed;
    const end = this.#seqEnd(upstream);
    bytes.fill(0x30, end - counterDigits, end - digits);
    writeDigits(bytes, counter, end - digits);
    return true;
  }

  #seqEnd({ seq }: Upstream): number {
    return this.packed.headersAt + (this.common?.bytes.length ?? 0) + seq.bytes.length;
  }
}

/** An entry of an outbox as consumers get it: stream and seq are what they tell a repetition by (docs/protocol.md). */
export function publishedRecord({ seq, stream, emit }: OutboxEntry): NewRecord {
  if (emit instanceof PackedEmit && emit.writeSeq(stream, seq)) return emit;
  const packed = packRecord(emit);
  packer.begin(packed);
  packed.eachHeader(copyOther, packed.bytes);
  packer.header(headerNames.stream, stream);
  packer.header(headerNames.seq, `${seq.generation}.${seq.counter}`);
  return new PackedNewRecord(emit.partition, packer.end());
}

const packer = new RecordPacker();

/** An emit that was stored with room for its seq has both headers already. */
function copyOther(nameAt: number, from: number, to: number, bytes: Uint8Array, place: number): void {
  const name = headerName(bytes, nameAt, from, place);
  if (name !== headerNames.stream && name !== headerNames.seq) packer.headerBytes(name, bytes, from, to);
}
