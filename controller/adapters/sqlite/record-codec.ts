import { PackedRecord, packedSizeOf, type RecordBody, writeRecord } from '../../../runtime/protocol/record.ts';
import type { StreamRecord } from '../../ports/streams.ts';
import { StoredRecord } from '../stored-record.ts';

/** Consecutive records of one partition, packed. */
export interface Chunk {
  readonly slot: number;
  readonly records: number;
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** The chunks of one call and the buffer they lie in. */
export interface PackedRecords {
  readonly chunks: readonly Chunk[];
  /** Into which chunk each record went, behind those before it that went there. */
  readonly chunkOf: Int32Array;
  readonly data: ArrayBuffer;
}

/** Bounds what a read of one record loads, and what a record that is held keeps in memory. */
const chunkBytesMax = 64 * 1024;

interface Draft {
  readonly slot: number;
  readonly number: number;
  records: number;
  byteLength: number;
  /** Where in the buffer its next record goes. */
  at: number;
}

/** Groups records by slot (`slots`: of each record), in order within each, and cuts them into chunks of about 64 KiB. */
export function packRecords(records: readonly RecordBody[], slots: readonly number[]): PackedRecords {
  const open = new Map<number, Draft>();
  const drafts: Draft[] = [];
  const chunkOf = new Int32Array(records.length);
  const sizes = new Int32Array(records.length);
  records.forEach((record, index) => {
    const slot = slots[index] ?? 0;
    const size = packedSizeOf(record);
    let draft = open.get(slot);
    if (draft === undefined || draft.byteLength + size > chunkBytesMax) {
      draft = { slot, number: drafts.length, records: 0, byteLength: 0, at: 0 };
      drafts.push(draft);
      open.set(slot, draft);
    }
    draft.records += 1;
    draft.byteLength += size;
    chunkOf[index] = draft.number;
    sizes[index] = size;
  });
  let bytes = 0;
  const chunks = drafts.map(draft => {
    const byteOffset = bytes;
    draft.at = byteOffset;
    bytes += draft.byteLength;
    return { slot: draft.slot, records: draft.records, byteOffset, byteLength: draft.byteLength };
  });
  const data = new ArrayBuffer(bytes);
  const target = new Uint8Array(data);
  records.forEach((record, index) => {
    const draft = drafts[chunkOf[index] ?? 0];
    if (draft !== undefined) draft.at = writeRecord(target, draft.at, record, sizes[index] ?? 0);
  });
  return { chunks, chunkOf, data };
}

/** One chunk per record, in order; the slot means nothing. */
export function packEach(records: readonly RecordBody[]): { readonly chunks: readonly Chunk[]; readonly data: ArrayBuffer } {
  const slots = records.map((_, index) => index);
  const { chunks, data } = packRecords(records, slots);
  return { chunks, data };
}

/** The records of a chunk, read in place. */
export function unpackRecords(data: Uint8Array, firstOffset: number, appendedAtMs: number): StreamRecord[] {
  const records: StreamRecord[] = [];
  for (let at = 0; at < data.length; ) {
    const packed = new PackedRecord(data, at);
    records.push(new StoredRecord(firstOffset + records.length, appendedAtMs, packed));
    at = packed.end;
  }
  return records;
}
