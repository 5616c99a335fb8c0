import crc32C from 'kafkajs/src/protocol/recordBatch/crc32C/index.js';
import { type PackedRecord, packedSizeOf, packRecord, RecordPacker } from '../../../runtime/protocol/record.ts';
import { FaasError } from '../../errors.ts';
import type { NewRecord } from '../../ports/streams.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter, varintBytes } from './byte-writer.ts';
import { type Compression, compress, compressions, decompress } from './codecs.ts';
import { FetchedRecords } from './waiting-records.ts';

/**
 * Record batches of format 2 (https://kafka.apache.org/documentation/#recordbatch), straight to and from the records of the port: headers keep their
 * order and their bytes, and no text is made of them.
 */

const codecMask = 0x07;
const appendTimeFlag = 0x08;
const transactionalFlag = 0x10;
const controlFlag = 0x20;
/** Offset and length, which the length does not count. */
const prefixBytes = 12;
/** From the offset to the number of records. */
const overheadBytes = 61;
const crcAt = 17;
const attributesAt = 21;

/** What `bytesOf` counts for a record besides its bytes is at least what the format adds. */
const recordOverheadBytes = 24;
/** Lengths of up to five bytes, beside those of a packed record. */
const headerOverheadBytes = 4;

export function bytesOf(record: NewRecord): number {
  const headers = record.packed?.headerCount ?? record.headers.length;
  return packedSizeOf(record) + recordOverheadBytes + headers * headerOverheadBytes;
}

/** One batch of all records, at one time. */
export async function encodeBatch(records: readonly NewRecord[], timeMs: number, compression: Compression): Promise<Buffer> {
  const body = encodeRecords(records);
  const packed = await compress(compression, body);
  const writer = new ByteWriter(overheadBytes + packed.length);
  writer.int64(0).int32(overheadBytes - prefixBytes + packed.length);
  writer.int32(-1).int8(2).int32(0);
  writer.int16(compressions.indexOf(compression)).int32(records.length - 1);
  writer.int64(timeMs).int64(timeMs);
  writer.int64(-1).int16(-1).int32(-1).int32(records.length).bytes(packed);
  writer.setUInt32(crcAt, crc32C(writer.result().subarray(attributesAt)));
  return writer.result();
}

function encodeRecords(records: readonly NewRecord[]): Buffer {
  let bytes = 0;
  for (const record of records) bytes += bytesOf(record);
  const writer = new ByteWriter(bytes);
  records.forEach((record, index) => {
    writePacked(writer, packRecord(record), index);
  });
  return writer.result();
}

/** Its length first: what is written elsewhere to be measured has to be copied. */
function writePacked(writer: ByteWriter, record: PackedRecord, index: number): void {
  const { bytes, keyAt, keyLength, valueAt, valueLength, headerCount } = record;
  const size = { bytes: 2 + varintBytes(index) + varintBytes(keyLength) + varintBytes(valueLength) + varintBytes(headerCount) };
  size.bytes += Math.max(0, keyLength) + Math.max(0, valueLength);
  record.eachHeader(measureHeader, size);
  writer.varint(size.bytes).int8(0).varint(0).varint(index);
  writer.varint(keyLength).part(bytes, keyAt, keyAt + Math.max(0, keyLength));
  writer.varint(valueLength).part(bytes, valueAt, valueAt + Math.max(0, valueLength));
  writer.varint(headerCount);
  record.eachHeader(writeHeader, { writer, bytes });
}

function measureHeader(nameAt: number, valueAt: number, end: number, size: { bytes: number }): void {
  size.bytes += varintBytes(valueAt - nameAt) + varintBytes(end - valueAt) + end - nameAt;
}

function writeHeader(
  nameAt: number,
  valueAt: number,
  end: number,
  { writer, bytes }: { readonly writer: ByteWriter; readonly bytes: Uint8Array },
): void {
  writer.varint(valueAt - nameAt).part(bytes, nameAt, valueAt);
  writer.varint(end - valueAt).part(bytes, valueAt, end);
}

/** A transaction that was rolled back: its records from `firstOffset` on are not there, up to its control record. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

export interface Decoded {
  readonly records: FetchedRecords;
  /** After the last batch that was whole; undefined when there was none. */
  readonly nextOffset: number | undefined;
}

const none: ReadonlySet<bigint> = new Set();

/** The records from `fromOffset` on. A batch that was cut off at the end is left out. */
export async function decodeBatches(bytes: Buffer, fromOffset: number, aborted: readonly AbortedTransaction[]): Promise<Decoded> {
  const records = new FetchedRecords();
  const transactions = new Transactions(aborted);
  let nextOffset: number | undefined;
  for (let at = 0; bytes.length - at >= overheadBytes; ) {
    const reader = new ByteReader(bytes, at);
    const baseOffset = reader.int64();
    const end = reader.at + 4 + bytes.readInt32BE(reader.at);
    if (end > bytes.length) break;
    reader.at += 8;
    if (reader.int8() !== 2) throw oldFormat();
    reader.at += 4;
    const attributes = reader.int16();
    nextOffset = baseOffset + reader.int32() + 1;
    const firstTimeMs = reader.int64();
    const lastTimeMs = reader.int64();
    const producerId = reader.bigint64();
    reader.at += 6;
    const count = reader.int32();
    at = end;
    const isSkipped = transactions.skips(attributes, producerId, nextOffset, reader);
    if (isSkipped || count === 0 || nextOffset <= fromOffset) continue;
    const codec = compressions[attributes & codecMask];
    if (codec === undefined) throw unknownCodec(attributes & codecMask);
    const plain = codec === 'none' ? reader : new ByteReader(await decompress(codec, bytes.subarray(reader.at, end)));
    const appendedAtMs = (attributes & appendTimeFlag) === 0 ? undefined : lastTimeMs;
    readRecords(plain, { count, baseOffset, firstTimeMs, appendedAtMs, fromOffset }, records);
  }
  return { records, nextOffset };
}

function readRecords(
  reader: ByteReader,
  batch: { count: number; baseOffset: number; firstTimeMs: number; appendedAtMs: number | undefined; fromOffset: number },
  into: FetchedRecords,
): void {
  const packer = new RecordPacker();
  // Views of a Buffer cost several times as much as those of plain bytes.
  const { buffer, byteOffset, length: byteLength } = reader.bytes;
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  for (let i = 0; i < batch.count; i += 1) {
    const length = reader.varint();
    const end = reader.at + length;
    reader.at += 1;
    const timeMs = batch.firstTimeMs + reader.varlong();
    const offset = batch.baseOffset + reader.varint();
    if (offset >= batch.fromOffset) {
      const at = readRecord(reader, bytes, packer);
      into.add(offset, batch.appendedAtMs ?? timeMs, packer.bytes, at);
    }
    reader.at = end;
  }
}

/** `reader` stands at the key; `bytes` are its own. A header without a value has an empty one. Answers where in the packer's bytes the record is. */
function readRecord(reader: ByteReader, bytes: Uint8Array, packer: RecordPacker): number {
  const keyLength = reader.varint();
  const keyAt = reader.skip(keyLength);
  const valueLength = reader.varint();
  const valueAt = reader.skip(valueLength);
  packer.beginParts(bytes, keyAt, keyLength, valueAt, valueLength);
  for (let left = reader.varint(); left > 0; left -= 1) {
    const nameLength = reader.varint();
    const nameAt = reader.skip(nameLength);
    const headerLength = Math.max(0, reader.varint());
    if (!packer.headerParts(bytes, nameAt, nameLength, reader.skip(headerLength), headerLength)) break;
  }
  return packer.endInPlace();
}

/** Which batches belong to transactions that were rolled back; control records are nobody's. */
class Transactions {
  readonly #waiting: AbortedTransaction[];
  #open: Set<bigint> | undefined;

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#waiting = aborted.toSorted((a, b) => a.firstOffset - b.firstOffset);
  }

  skips(attributes: number, producerId: bigint, nextOffset: number, reader: ByteReader): boolean {
    if ((attributes & transactionalFlag) === 0) return (attributes & controlFlag) !== 0;
    for (let next = this.#waiting[0]; next !== undefined && next.firstOffset < nextOffset; next = this.#waiting[0]) {
      this.#open ??= new Set();
      this.#open.add(next.producerId);
      this.#waiting.shift();
    }
    if ((attributes & controlFlag) === 0) return (this.#open ?? none).has(producerId);
    if (isAbortMarker(reader)) this.#open?.delete(producerId);
    return true;
  }
}

/** The key of a control record: a version, and 0 for an abort. */
function isAbortMarker({ bytes, at }: ByteReader): boolean {
  const record = new ByteReader(bytes, at);
  record.varint();
  record.at += 1;
  record.varlong();
  record.varint();
  record.varint();
  record.int16();
  return record.int16() === 0;
}

function oldFormat(): FaasError {
  return new FaasError(
    'FAAS_KAFKA_FAILED',
    'the topic holds records in a format from before Kafka 0.11',
    'Let a new client write them to another topic.',
  );
}

function unknownCodec(number: number): FaasError {
  return new FaasError(
    'FAAS_KAFKA_CODEC',
    `records are compressed with codec ${number}, which is not known`,
    'Let producers use zstd, lz4, snappy or gzip.',
  );
}
