import { headerNames } from '../runtime/protocol/headers.ts';
import { PackedBody, type PackedRecord, packRecord, RecordPacker } from '../runtime/protocol/record.ts';
import type { OutboxEntry } from './ports/state.ts';
import type { NewRecord } from './ports/streams.ts';

/** An entry of an outbox as consumers get it: stream and seq are what they tell a repetition by (docs/protocol.md). */
export function publishedRecord({ seq, stream, emit }: OutboxEntry): NewRecord {
  const sent = packRecord(emit);
  packer.begin(sent);
  packer.headersOf(sent);
  packer.header(headerNames.stream, stream);
  packer.header(headerNames.seq, `${seq.generation}.${seq.counter}`);
  return new PublishedRecord(emit.partition, packer.end());
}

const packer = new RecordPacker();

class PublishedRecord extends PackedBody implements NewRecord {
  readonly partition: number;

  constructor(partition: number, packed: PackedRecord) {
    super(packed);
    this.partition = partition;
  }
}
