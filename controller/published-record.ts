import { headerNames } from '../runtime/protocol/headers.ts';
import { packRecord, RecordPacker } from '../runtime/protocol/record.ts';
import { PackedNewRecord } from './packed-new-record.ts';
import type { OutboxEntry } from './ports/state.ts';
import type { NewRecord } from './ports/streams.ts';

/** An entry of an outbox as consumers get it: stream and seq are what they tell a repetition by (docs/protocol.md). */
export function publishedRecord({ seq, stream, emit }: OutboxEntry): NewRecord {
  packer.beginCopy(packRecord(emit));
  packer.header(headerNames.stream, stream);
  packer.header(headerNames.seq, `${seq.generation}.${seq.counter}`);
  return new PackedNewRecord(emit.partition, packer.end());
}

const packer = new RecordPacker();
