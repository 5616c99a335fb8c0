import { setPart } from '../../../runtime/protocol/intrinsics.ts';
import { writeDigits } from '../../../runtime/protocol/numbers.ts';
import { PackedRecord, packedSizeOf, writeRecord, writeRecordWithout } from '../../../runtime/protocol/record.ts';
import type { CommitRequest, Emit, OutboxEntry, Seq } from '../../ports/state.ts';
import type { PackedArguments } from './packed-command.ts';

/**
 * Adds entries of an outbox as they are stored: `<generation>.<counter> NUL <stream> NUL <topic> NUL <partition> NUL <record>`, the record as
 * runtime/protocol/record.ts has it, without the headers that say stream and seq. Names hold no NUL. `first`: the seq of the first of them.
 */
export function addOutboxEntries(args: PackedArguments, { stream, emits }: Pick<CommitRequest, 'stream' | 'emits'>, first: Seq): void {
  const generation = Buffer.from(`${first.generation}.`);
  const places = new Map<string, Buffer[]>();
  const placeOf = ({ topic, partition }: Emit): Buffer => {
    let ofTopic = places.get(topic);
    if (ofTopic === undefined) {
      ofTopic = [];
      places.set(topic, ofTopic);
    }
    ofTopic[partition] ??= Buffer.from(`\0${stream}\0${topic}\0${partition}\0`);
    return ofTopic[partition];
  };
  let { counter } = first;
  for (const emit of emits) {
    const place = placeOf(emit);
    const { packed, upstreamPart } = emit;
    const size = packedSizeOf(emit) - (upstreamPart === undefined ? 0 : upstreamPart.to - upstreamPart.from);
    const seqBytes = generation.length + String(counter).length;
    args.addWritten(seqBytes + place.length + size, (bytes, at) => {
      setPart(bytes, at, generation, 0, generation.length);
      writeDigits(bytes, counter, at + generation.length);
      setPart(bytes, at + seqBytes, place, 0, place.length);
      const recordAt = at + seqBytes + place.length;
      if (packed === undefined || upstreamPart === undefined) writeRecord(bytes, recordAt, emit, size);
      else writeRecordWithout(bytes, recordAt, packed, upstreamPart);
    });
    counter += 1;
  }
}

export function unpackOutboxEntry(stored: Buffer): OutboxEntry {
  const parts: string[] = [];
  let at = 0;
  for (let end = stored.indexOf(0); parts.length < 4; end = stored.indexOf(0, at)) {
    parts.push(stored.toString('utf8', at, end));
    at = end + 1;
  }
  const [seq = '', stream = '', topic = '', partition = ''] = parts;
  const [generation = 0, counter = 0] = seq.split('.').map(Number);
  const { key, value, headers } = new PackedRecord(new Uint8Array(stored.buffer, stored.byteOffset, stored.length), at);
  return { seq: { generation, counter }, stream, emit: { topic, partition: Number(partition), key, value, headers } };
}
