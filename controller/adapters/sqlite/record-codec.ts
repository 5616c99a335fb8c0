import type { NewRecord, RecordHeader, StreamRecord } from '../../ports/streams.ts';

/**
 * Records as they are stored and as they cross to the worker thread: one after the other, little-endian, each
 *
 *     u32 bytes that follow · u32 key length · u32 value length · u16 headers
 *     key · value · per header: u16 name length · u32 value length · name (UTF-8) · value
 *
 * A length of 0xffffffff means null. Stored data depends on it: a change needs a new schema version.
 */
const none = 0xffffffff;
const fixedBytes = 14;
const headerFixedBytes = 6;

export type PackableRecord = Pick<NewRecord, 'key' | 'value' | 'headers'>;

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
export function packRecords(records: readonly { readonly slot: number; readonly record: PackableRecord }[]): PackedRecords {
  const open = new Map<number, { slot: number; sizes: number[]; records: PackableRecord[]; byteLength: number; number: number }>();
  const drafts: { slot: number; records: PackableRecord[]; sizes: number[]; byteLength: number; number: number }[] = [];
  const places = records.map(({ slot, record }) => {
    const size = sizeOf(record);
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
  const target = Buffer.from(data);
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
export function packEach(records: readonly PackableRecord[]): { readonly chunks: readonly Chunk[]; readonly data: ArrayBuffer } {
  const { chunks, data } = packRecords(records.map((record, slot) => ({ slot, record })));
  return { chunks, data };
}

/** Views of the records in a chunk; nothing is copied. */
export function unpackRecords(data: Uint8Array, firstOffset: number, appendedAtMs: number): StreamRecord[] {
  const source = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const records: StreamRecord[] = [];
  for (let at = 0; at < source.length; at = nextRecord(source, at)) {
    records.push(readRecord(source, at, firstOffset + records.length, appendedAtMs));
  }
  return records;
}

/** Where the record after the one at `at` begins. */
export function nextRecord(source: Buffer, at: number): number {
  return at + 4 + source.readUInt32LE(at);
}

function readRecord(source: Buffer, start: number, offset: number, appendedAtMs: number): StreamRecord {
  const keyLength = source.readUInt32LE(start + 4);
  const valueLength = source.readUInt32LE(start + 8);
  const count = source.readUInt16LE(start + 12);
  const valueAt = start + fixedBytes + lengthOf(keyLength);
  let at = valueAt + lengthOf(valueLength);
  const headers: RecordHeader[] = [];
  for (let i = 0; i < count; i += 1) {
    const headerValueAt = at + headerFixedBytes + source.readUInt16LE(at);
    const headerLength = source.readUInt32LE(at + 2);
    headers.push([source.toString('utf8', at + headerFixedBytes, headerValueAt), view(source, headerValueAt, headerLength)]);
    at = headerValueAt + headerLength;
  }
  const key = keyLength === none ? null : view(source, start + fixedBytes, keyLength);
  const value = valueLength === none ? null : view(source, valueAt, valueLength);
  return { offset, appendedAtMs, key, value, headers };
}

function sizeOf({ key, value, headers }: PackableRecord): number {
  let size = fixedBytes + (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, headerValue] of headers) size += headerFixedBytes + Buffer.byteLength(name) + headerValue.length;
  return size;
}

function writeRecord(target: Buffer, start: number, { key, value, headers }: PackableRecord, size: number): number {
  target.writeUInt32LE(size - 4, start);
  target.writeUInt32LE(key?.length ?? none, start + 4);
  target.writeUInt32LE(value?.length ?? none, start + 8);
  target.writeUInt16LE(headers.length, start + 12);
  let at = start + fixedBytes;
  for (const part of [key, value]) {
    if (part === null) continue;
    target.set(part, at);
    at += part.length;
  }
  for (const [name, headerValue] of headers) {
    const nameLength = target.write(name, at + headerFixedBytes, 'utf8');
    target.writeUInt16LE(nameLength, at);
    target.writeUInt32LE(headerValue.length, at + 2);
    target.set(headerValue, at + headerFixedBytes + nameLength);
    at += headerFixedBytes + nameLength + headerValue.length;
  }
  return at;
}

function lengthOf(stored: number): number {
  return stored === none ? 0 : stored;
}

function view(source: Buffer, at: number, length: number): Uint8Array {
  return new Uint8Array(source.buffer, source.byteOffset + at, length);
}
