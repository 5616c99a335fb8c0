import { PackedRecord, packedSizeOf, writeRecord } from '../../../runtime/protocol/record.ts';
import type { CommitRequest, Emit, OutboxEntry } from '../../ports/state.ts';

/**
 * Entries of an outbox as they are stored: `<generation>.<counter> NUL <stream> NUL <topic> NUL <partition> NUL <record>`, the record as
 * runtime/protocol/record.ts has it. The commit script puts the first part before the rest. Names hold no NUL.
 */
export function packEmits({ stream, emits }: CommitRequest): Buffer[] {
  return emits.map(emit => {
    const head = Buffer.from(`${stream}\0${emit.topic}\0${emit.partition}\0`);
    return Buffer.concat([head, packedBytes(emit)]);
  });
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

function packedBytes(emit: Emit): Uint8Array {
  const { packed } = emit;
  if (packed !== undefined) return packed.bytes.subarray(packed.at, packed.at + packed.packedBytes);
  const size = packedSizeOf(emit);
  const bytes = new Uint8Array(size);
  writeRecord(bytes, 0, emit, size);
  return bytes;
}
