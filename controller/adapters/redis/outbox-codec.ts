import { PackedRecord, packedSizeOf, writeRecord } from '../../../runtime/protocol/record.ts';
import type { CommitRequest, Emit, OutboxEntry } from '../../ports/state.ts';

/**
 * Entries of an outbox as they are stored: `<generation>.<counter> NUL <stream> NUL <topic> NUL <partition> NUL <record>`, the record as
 * runtime/protocol/record.ts has it. The commit script puts the first part before the rest. Names hold no NUL.
 */
export function packEmits({ stream, emits }: CommitRequest): Buffer[] {
  const heads = new Map<string, Buffer[]>();
  const headOf = ({ topic, partition }: Emit): Buffer => {
    let ofTopic = heads.get(topic);
    if (ofTopic === undefined) {
      ofTopic = [];
      heads.set(topic, ofTopic);
    }
    ofTopic[partition] ??= Buffer.from(`${stream}\0${topic}\0${partition}\0`);
    return ofTopic[partition];
  };
  let bytes = 0;
  for (const emit of emits) bytes += headOf(emit).length + packedSizeOf(emit);
  const all = Buffer.allocUnsafe(bytes);
  let at = 0;
  return emits.map(emit => {
    const head = headOf(emit);
    const from = at;
    all.set(head, from);
    at = writeRecord(all, from + head.length, emit, packedSizeOf(emit));
    return all.subarray(from, at);
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
