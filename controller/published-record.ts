import { headerNames } from '../runtime/protocol/headers.ts';
import { type PackedRecord, packRecord, RecordPacker } from '../runtime/protocol/record.ts';
import type { OutboxEntry } from './ports/state.ts';
import type { NewRecord } from './ports/streams.ts';

/** An entry of an outbox as consumers get it: stream and seq are what they tell a repetition by (docs/protocol.md). */
export function publishedRecord({ seq, stream, emit }: OutboxEntry): NewRecord {
  const sent = emit.packed ?? packRecord(emit);
  packer.begin(sent);
  packer.headersOf(sent);
  packer.header(headerNames.stream, stream);
  packer.header(headerNames.seq, `${seq.generation}.${seq.counter}`);
  return new PublishedRecord(emit.partition, packer.end());
}

const packer = new RecordPacker();

class PublishedRecord implements NewRecord {
  readonly partition: number;
  readonly packed: PackedRecord;

  constructor(partition: number, packed: PackedRecord) {
    this.partition = partition;
    this.packed = packed;
  }

  get key(): Uint8Array | null {
    return this.packed.key;
  }

  get value(): Uint8Array | null {
    return this.packed.value;
  }

  get headers(): NewRecord['headers'] {
    return this.packed.headers;
  }
}
