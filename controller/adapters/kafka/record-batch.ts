import { setPart } from '../../../runtime/protocol/intrinsics.ts';
import { readUint16, readUint32 } from '../../../runtime/protocol/numbers.ts';
import { cutOff, type HeaderBlock, headerFixedBytes, packedSizeOf, packRecord, RecordPacker } from '../../../runtime/protocol/record.ts';
import { FaasError } from '../../errors.ts';
import type { NewRecord } from '../../ports/streams.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { type Compression, compress, compressions, decompress } from './codecs.ts';
import { crc32c } from './crc32c.ts';
import { varintBytes, writeVarint } from './varint.ts';
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
  writer.setUInt32(crcAt, crc32c(writer.result().subarray(attributesAt)));
  return writer.result();
}

function encodeRecords(records: readonly NewRecord[]): Buffer {
  let bytesMax = 0;
  for (const record of records) bytesMax += bytesOf(record);
  const target = Buffer.allocUnsafe(bytesMax);
  let at = 0;
  for (let index = 0; index < records.length; index += 1) at = encodeRecord(target, at, records[index] as NewRecord, index);
  return target.subarray(0, at);
}

/**
 * Its length goes first: what is written elsewhere to be measured has to be copied. Headers are read where they are: there are several for each record, and to be
 * called back for each costs as much as to write it.
 */
function encodeRecord(target: Uint8Array, start: number, record: NewRecord, index: number): number {
  const { bytes, keyAt, keyLength, valueAt, valueLength, headersAt, headerCount, end } = packRecord(record);
  const { common } = record;
  const known = common === undefined ? noBytes : encodedHeaders(common);
  const ownAt = headersAt + (common?.bytes.length ?? 0);
  const own = headerCount - (common?.count ?? 0);
  let size = 2 + varintBytes(index) + sizedBytes(keyLength) + sizedBytes(valueLength) + varintBytes(headerCount) + known.length;
  for (let left = own, from = ownAt; left > 0; left -= 1) {
    const [nameBytes, headerBytes] = [readUint16(bytes, from), readUint32(bytes, from + 2)];
    size += sizedBytes(nameBytes) + sizedBytes(headerBytes);
    from += headerFixedBytes + nameBytes + headerBytes;
    if (from > end) throw cutOff();
  }
  let at = writeVarint(target, start, size);
  // No attributes, and no time after the batch's.
  target[at] = 0;
  target[at + 1] = 0;
  at = writeVarint(target, at + 2, index);
  at = writeSized(target, at, bytes, keyAt, keyLength);
  at = writeSized(target, at, bytes, valueAt, valueLength);
  at = writeVarint(target, at, headerCount);
  setPart(target, at, known, 0, known.length);
  return writeHeaders(target, at + known.length, bytes, ownAt, own);
}

function writeHeaders(target: Uint8Array, start: number, bytes: Uint8Array, headersAt: number, count: number): number {
  let at = start;
  for (let left = count, from = headersAt; left > 0; left -= 1) {
    const [nameBytes, headerBytes] = [readUint16(bytes, from), readUint32(bytes, from + 2)];
    from += headerFixedBytes;
    at = writeSized(target, at, bytes, from, nameBytes);
    at = writeSized(target, at, bytes, from + nameBytes, headerBytes);
    from += nameBytes + headerBytes;
  }
  return at;
}

const noBytes = new Uint8Array(0);
/** What emits of one kind have in common is most of their headers: it is encoded once for all of them. */
const encoded = new WeakMap<HeaderBlock, Uint8Array>();

function encodedHeaders(block: HeaderBlock): Uint8Array {
  let headers = encoded.get(block);
  if (headers === undefined) {
    const { bytes, count } = block;
    const target = new Uint8Array(bytes.length + count * headerOverheadBytes);
    headers = target.subarray(0, writeHeaders(target, 0, bytes, 0, count));
    encoded.set(block, headers);
  }
  return headers;
}

/** What a part takes behind its length; −1: there is none. */
function sizedBytes(length: number): number {
  return varintBytes(length) + Math.max(0, length);
}

function writeSized(target: Uint8Array, start: number, bytes: Uint8Array, from: number, length: number): number {
  const at = writeVarint(target, start, length);
  if (length <= 0) return at;
  setPart(target, at, bytes, from, from + length);
  return at + length;
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
  /** What a whole batch takes as it was sent, on average; undefined when there was none. */
  readonly batchBytes: number | undefined;
}

const none: ReadonlySet<bigint> = new Set();

/** The records from `fromOffset` on. A batch that was cut off at the end is left out. */
export async function decodeBatches(bytes: Buffer, fromOffset: number, aborted: readonly AbortedTransaction[]): Promise<Decoded> {
  const records = new FetchedRecords();
  const transactions = new Transactions(aborted);
  let nextOffset: number | undefined;
  let wholeBytes = 0;
  let batches = 0;
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
    wholeBytes = end;
    batches += 1;
    const isSkipped = transactions.skips(attributes, producerId, nextOffset, reader);
    if (isSkipped || count === 0 || nextOffset <= fromOffset) continue;
    const codec = compressions[attributes & codecMask];
    if (codec === undefined) throw unknownCodec(attributes & codecMask);
    const plain = codec === 'none' ? reader : new ByteReader(await decompress(codec, bytes.subarray(reader.at, end)));
    const appendedAtMs = (attributes & appendTimeFlag) === 0 ? undefined : lastTimeMs;
    readRecords(plain, { count, baseOffset, firstTimeMs, appendedAtMs, fromOffset }, records);
  }
  return { records, nextOffset, batchBytes: batches === 0 ? undefined : wholeBytes / batches };
}

/** One for all: of a producer that does not gather, each batch is one record. */
const packer = new RecordPacker();

function readRecords(
  reader: ByteReader,
  batch: { count: number; baseOffset: number; firstTimeMs: number; appendedAtMs: number | undefined; fromOffset: number },
  into: FetchedRecords,
): void {
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
      const at = readRecord(reader, bytes);
      into.add(offset, batch.appendedAtMs ?? timeMs, packer.bytes, at);
    }
    reader.at = end;
  }
}

/** `reader` stands at the key; `bytes` are its own. A header without a value has an empty one. Answers where in the packer's bytes the record is. */
function readRecord(reader: ByteReader, bytes: Uint8Array): number {
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
