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

/** The chunks of one call and the buffer they lie in; `places[i]` says where record i went. */
export interface PackedRecords {
  readonly chunks: readonly Chunk[];
  readonly places: readonly { readonly chunk: number; readonly index: number }[];
  readonly data: ArrayBuffer;
}

/** Bounds what a read of one record loads, and what a record that is held keeps in memory. */
const chunkBytesMax = 64 * 1024;

/** Groups records by slot, in order within each, and cuts them into chunks of about 64 KiB. */
export function packRecords(records: readonly { readonly slot: number; readonly record: RecordBody }[]): PackedRecords {
  const open = new Map<number, { slot: number; sizes: number[]; records: RecordBody[]; byteLength: number; number: number }>();
  const drafts: { slot: number; records: RecordBody[]; sizes: number[]; byteLength: number; number: number }[] = [];
  const places = records.map(({ slot, record }) => {
    const size = packedSizeOf(record);
    let draft = open.get(slot);
    if (draft === undefined || draft.byteLength + size > chunkBytesMax) {
      draft = { slot, records: [], sizes: [], byteLength: 0, number: drafts.length };
      drafts.push(draft);
      open.set(slot, draft);
    }
    draft.records.push(record);
    draft.sizes.push(size);
    draft.byteLength += size;
    return { chunk: draft.number, index: draft.records.length - 1 };
  });
  const data = new ArrayBuffer(drafts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  const target = new Uint8Array(data);
  let at = 0;
  const chunks = drafts.map(({ slot, records, sizes, byteLength }) => {
    const byteOffset = at;
    records.forEach((record, index) => {
      at = writeRecord(target, at, record, sizes[index] ?? 0);
    });
    return { slot, records: records.length, byteOffset, byteLength };
  });
  return { chunks, places, data };
}

/** One chunk per record, in order; the slot means nothing. */
export function packEach(records: readonly RecordBody[]): { readonly chunks: readonly Chunk[]; readonly data: ArrayBuffer } {
  const { chunks, data } = packRecords(records.map((record, slot) => ({ slot, record })));
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
