import { PackedRecord, packedSizeOf, writeRecord } from '../../../runtime/protocol/record.ts';
import type { CommitRequest, OutboxEntry } from '../../ports/state.ts';

/**
 * Entries of an outbox as they are stored: `<generation>.<counter> NUL <stream> NUL <topic> NUL <partition> NUL <record>`, the record as
 * runtime/protocol/record.ts has it. The commit script puts the first part before the rest. Names hold no NUL.
 */
export function packEmits({ stream, emits }: CommitRequest): Buffer[] {
  return emits.map(emit => {
    const head = Buffer.from(`${stream}\0${emit.topic}\0${emit.partition}\0`);
    const size = packedSizeOf(emit);
    const entry = Buffer.allocUnsafe(head.length + size);
    entry.set(head);
    writeRecord(entry, head.length, emit, size);
    return entry;
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
