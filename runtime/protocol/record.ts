import { FaasError } from '../sdk/errors.ts';
import { encodeUtf8, internText, setBytes, setPart, subarray, textSlice, unclearedBytes, writeText } from './intrinsics.ts';
import { byte, digitsMax, readUint16, readUint32, writeDigits, writeUint16, writeUint32 } from './numbers.ts';

/**
 * A record as it is stored and as it is sent, all numbers big endian:
 *
 *     length:u32 (of what follows)  keyLength:u32  valueLength:u32  headers:u16
 *     key  value  per header: nameLength:u16  valueLength:u32  name (UTF-8)  value
 *
 * The length 0xffffffff means null. Stored data depends on it: a change needs a new version of the database's schema and of the wire.
 */
export interface RecordBody {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** Names may repeat. */
  readonly headers: readonly (readonly [name: string, value: Uint8Array])[];
  /** The same as one piece of bytes, where somebody has it so: that is passed on, and not taken apart. */
  readonly packed?: PackedRecord | undefined;
}

const none = 0xffffffff;
const fixedBytes = 14;
/** Of a header: its lengths. */
export const headerFixedBytes = 6;

/** A packed record inside of other bytes: it is read in place, and passed on without being read. */
export class PackedRecord implements RecordBody {
  readonly bytes: Uint8Array;
  readonly at: number;
  #keyText: string | null | undefined;

  /** Throws FAAS_WIRE when it is longer than its bytes. Thousands of them wait at a time: what can be read again in no time is not kept. */
  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.at = at;
    const end = this.end;
    if (end > bytes.length || this.headersAt > end) throw cutOff();
  }

  /** −1: there is no key. */
  get keyLength(): number {
    return lengthAt(this.bytes, this.at + 4);
  }

  get valueAt(): number {
    return this.keyAt + Math.max(0, this.keyLength);
  }

  /** −1: there is no value. */
  get valueLength(): number {
    return lengthAt(this.bytes, this.at + 8);
  }

  /** Where it ends, and the next one begins. */
  get end(): number {
    return recordEnd(this.bytes, this.at);
  }

  /** All of it, in bytes. */
  get packedBytes(): number {
    return this.end - this.at;
  }

  /** Where in `bytes` the key is, if there is one. */
  get keyAt(): number {
    return this.at + fixedBytes;
  }

  get key(): Uint8Array | null {
    const { keyAt, keyLength } = this;
    return keyLength < 0 ? null : subarray(this.bytes, keyAt, keyAt + keyLength);
  }

  /** The key as text; what is no UTF-8 in it is U+FFFD. */
  get keyText(): string | null {
    if (this.#keyText === undefined) {
      const { keyAt, keyLength } = this;
      this.#keyText = keyLength < 0 ? null : textSlice(this.bytes, keyAt, keyAt + keyLength);
    }
    return this.#keyText;
  }

  get value(): Uint8Array | null {
    const { valueAt, valueLength } = this;
    return valueLength < 0 ? null : subarray(this.bytes, valueAt, valueAt + valueLength);
  }

  get headerCount(): number {
    return readUint16(this.bytes, this.at + 12);
  }

  get headers(): RecordBody['headers'] {
    const headers: [string, Uint8Array][] = [];
    this.eachHeader((nameAt, valueAt, end, bytes, place) => {
      headers.push([headerName(bytes, nameAt, valueAt, place), subarray(bytes, valueAt, end)]);
    }, this.bytes);
    return headers;
  }

  /**
   * Calls back for each header with where in `bytes` its name begins, and its value, which ends at `end`; `place` counts them. `by` goes along: who asks for
   * every record needs no closure.
   */
  eachHeader<By>(take: (nameAt: number, valueAt: number, end: number, by: By, place: number) => void, by: By): void {
    const { bytes, end } = this;
    const count = this.headerCount;
    let at = this.headersAt;
    for (let place = 0; place < count; place += 1) {
      const nameAt = at + headerFixedBytes;
      const valueAt = nameAt + readUint16(bytes, at);
      const next = valueAt + readUint32(bytes, at + 2);
      if (next > end) throw cutOff();
      take(nameAt, valueAt, next, by, place);
      at = next;
    }
  }

  /** Where in `bytes` the headers are, up to the end. */
  get headersAt(): number {
    return this.valueAt + Math.max(0, this.valueLength);
  }
}

/** −1: null. */
function lengthAt(bytes: Uint8Array, at: number): number {
  const length = readUint32(bytes, at);
  return length === none ? -1 : length;
}

/** A record that there is in one piece alone: taken apart when somebody asks for a part. */
export class PackedBody implements RecordBody {
  readonly packed: PackedRecord;

  constructor(packed: PackedRecord) {
    this.packed = packed;
  }

  get key(): Uint8Array | null {
    return this.packed.key;
  }

  get value(): Uint8Array | null {
    return this.packed.value;
  }

  get headers(): RecordBody['headers'] {
    return this.packed.headers;
  }
}

/** Where the packed record that begins at `at` ends. */
export function recordEnd(bytes: Uint8Array, at: number): number {
  return at + 4 + readUint32(bytes, at);
}

/** The record in one piece: the one that it has, or else in bytes of its own. Throws as `packedSizeOf`. */
export function packRecord(record: RecordBody): PackedRecord {
  if (record.packed !== undefined) return record.packed;
  const size = packedSizeOf(record);
  const bytes = new Uint8Array(size);
  writeRecord(bytes, 0, record, size);
  return new PackedRecord(bytes, 0);
}

/** What it takes when it is packed, in bytes. Throws FAAS_WIRE for more headers, or a longer name of one, than a packed record can say. */
export function packedSizeOf(record: RecordBody): number {
  if (record.packed !== undefined) return record.packed.packedBytes;
  const { key, value, headers } = record;
  if (headers.length > headersMax) throw tooManyHeaders(headers.length);
  let size = fixedBytes + (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, headerValue] of headers) {
    const nameLength = nameBytesOf(name).length;
    if (nameLength > nameBytesLongest) throw nameTooLong(nameLength);
    size += headerFixedBytes + nameLength + headerValue.length;
  }
  return size;
}

/** `size`: what `packedSizeOf` answered. Answers where the record ends. */
export function writeRecord(bytes: Uint8Array, start: number, record: RecordBody, size: number): number {
  const { packed } = record;
  if (packed !== undefined) {
    setPart(bytes, start, packed.bytes, packed.at, packed.at + size);
    return start + size;
  }
  const { key, value, headers } = record;
  writeUint32(bytes, start, size - 4);
  writeUint32(bytes, start + 4, key?.length ?? none);
  writeUint32(bytes, start + 8, value?.length ?? none);
  writeUint16(bytes, start + 12, headers.length);
  let at = start + fixedBytes;
  if (key !== null) setBytes(bytes, key, at);
  at += key?.length ?? 0;
  if (value !== null) setBytes(bytes, value, at);
  at += value?.length ?? 0;
  for (const [name, headerValue] of headers) {
    const nameBytes = nameBytesOf(name);
    writeUint16(bytes, at, nameBytes.length);
    writeUint32(bytes, at + 2, headerValue.length);
    setBytes(bytes, nameBytes, at + headerFixedBytes);
    setBytes(bytes, headerValue, at + headerFixedBytes + nameBytes.length);
    at += headerFixedBytes + nameBytes.length + headerValue.length;
  }
  return at;
}

/** Some headers of a packed record, one behind the other. */
export interface HeadersPart {
  /** Where they are in its bytes. */
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Writes a record without some of its headers, which takes that much less. */
export function writeRecordWithout(bytes: Uint8Array, start: number, record: PackedRecord, { from, to, count }: HeadersPart): void {
  const { at, end, headerCount } = record;
  setPart(bytes, start, record.bytes, at, from);
  setPart(bytes, start + from - at, record.bytes, to, end);
  writeUint32(bytes, start, end - at - (to - from) - 4);
  writeUint16(bytes, start + 12, headerCount - count);
}

/** Packs records piece by piece, side by side in one buffer after the other: `begin`, the headers in their order, `end`. */
export class RecordPacker {
  #bytes = new Uint8Array(0);
  #start = 0;
  #at = 0;
  #headers = 0;

  /** Key and value are those of another record. */
  begin({ bytes, keyAt, keyLength, valueAt, valueLength }: PackedRecord): void {
    this.beginParts(bytes, keyAt, keyLength, valueAt, valueLength);
  }

  /** The key as text, and the value as it is: as text up to {@link packedTextCharsMax}. */
  beginText(key: string | null, value: string | Uint8Array): void {
    this.#start = this.#at;
    this.#headers = 0;
    this.#reserve(fixedBytes + (key?.length ?? 0) * 3 + (typeof value === 'string' ? value.length * 3 : value.length));
    const keyAt = this.#at + fixedBytes;
    const valueAt = key === null ? keyAt : writeText(this.#bytes, key, keyAt);
    const end = typeof value === 'string' ? writeText(this.#bytes, value, valueAt) : valueAt + value.length;
    if (typeof value !== 'string') setPart(this.#bytes, valueAt, value, 0, value.length);
    writeUint32(this.#bytes, this.#at + 4, key === null ? none : valueAt - keyAt);
    writeUint32(this.#bytes, this.#at + 8, end - valueAt);
    this.#at = end;
  }

  /** Key and value stand somewhere in other bytes; a negative length is null. */
  beginParts(bytes: Uint8Array, keyAt: number, keyLength: number, valueAt: number, valueLength: number): void {
    const keyBytes = Math.max(0, keyLength);
    const valueBytes = Math.max(0, valueLength);
    this.#start = this.#at;
    this.#headers = 0;
    this.#reserve(fixedBytes + keyBytes + valueBytes);
    writeUint32(this.#bytes, this.#at + 4, keyLength < 0 ? none : keyLength);
    writeUint32(this.#bytes, this.#at + 8, valueLength < 0 ? none : valueLength);
    this.#at += fixedBytes;
    setPart(this.#bytes, this.#at, bytes, keyAt, keyAt + keyBytes);
    setPart(this.#bytes, this.#at + keyBytes, bytes, valueAt, valueAt + valueBytes);
    this.#at += keyBytes + valueBytes;
  }

  header(name: string, text: string): void {
    const nameBytes = nameBytesOf(name);
    this.#reserve(headerFixedBytes + nameBytes.length + text.length * 3);
    const valueAt = this.#name(nameBytes);
    const end = writeText(this.#bytes, text, valueAt);
    this.#value(end - valueAt);
  }

  /** A header whose value is `<text>/<first>`, or `<text>/<first>/<second>`, of whole numbers: no text is made of it. */
  headerPath(name: string, text: string, first: number, second?: number): void {
    const nameBytes = nameBytesOf(name);
    this.#reserve(headerFixedBytes + nameBytes.length + text.length * 3 + 2 * (1 + digitsMax));
    const valueAt = this.#name(nameBytes);
    let at = writeText(this.#bytes, text, valueAt);
    this.#bytes[at] = slash;
    at = writeDigits(this.#bytes, first, at + 1);
    if (second !== undefined) {
      this.#bytes[at] = slash;
      at = writeDigits(this.#bytes, second, at + 1);
    }
    this.#value(at - valueAt);
  }

  headerBytes(name: string, bytes: Uint8Array, from: number, to: number): void {
    const nameBytes = nameBytesOf(name);
    this.#reserve(headerFixedBytes + nameBytes.length + to - from);
    setPart(this.#bytes, this.#name(nameBytes), bytes, from, to);
    this.#value(to - from);
  }

  /** A header that stands somewhere in other bytes. Of a name that is too long for a record its beginning is kept; false: there are too many headers, and this one is left out. */
  headerParts(bytes: Uint8Array, nameAt: number, nameLength: number, valueAt: number, valueLength: number): boolean {
    if (this.#headers === headersMax) return false;
    const kept = Math.min(nameBytesLongest, nameLength);
    this.#reserve(headerFixedBytes + kept + valueLength);
    writeUint16(this.#bytes, this.#at, kept);
    setPart(this.#bytes, this.#at + headerFixedBytes, bytes, nameAt, nameAt + kept);
    setPart(this.#bytes, this.#at + headerFixedBytes + kept, bytes, valueAt, valueAt + valueLength);
    this.#value(valueLength);
    return true;
  }

  /** Headers that were packed before. */
  headerBlock({ bytes, count }: HeaderBlock): void {
    this.#reserve(bytes.length);
    setPart(this.#bytes, this.#at, bytes, 0, bytes.length);
    this.#at += bytes.length;
    this.#headers += count;
  }

  end(): PackedRecord {
    return new PackedRecord(this.#bytes, this.endInPlace());
  }

  /** Answers where in {@link bytes} the record begins. Throws FAAS_WIRE for more headers than a record can say. */
  endInPlace(): number {
    if (this.#headers > headersMax) throw tooManyHeaders(this.#headers);
    writeUint32(this.#bytes, this.#start, this.#at - this.#start - 4);
    writeUint16(this.#bytes, this.#start + 12, this.#headers);
    return this.#start;
  }

  /** Of the record that was ended last. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Writes a header's name and answers where its value goes. Throws FAAS_WIRE for a longer name than a record can say. */
  #name(nameBytes: Uint8Array): number {
    if (nameBytes.length > nameBytesLongest) throw nameTooLong(nameBytes.length);
    writeUint16(this.#bytes, this.#at, nameBytes.length);
    setPart(this.#bytes, this.#at + headerFixedBytes, nameBytes, 0, nameBytes.length);
    return this.#at + headerFixedBytes + nameBytes.length;
  }

  #value(length: number): void {
    writeUint32(this.#bytes, this.#at + 2, length);
    this.#at += headerFixedBytes + readUint16(this.#bytes, this.#at) + length;
    this.#headers += 1;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const begun = subarray(this.#bytes, this.#start, this.#at);
    this.#bytes = unclearedBytes(Math.max(packerBytes, begun.length + bytes + Math.max(headersRoom, begun.length >> 1)));
    setBytes(this.#bytes, begun, 0);
    this.#start = 0;
    this.#at = begun.length;
  }
}

/** A packer reserves three bytes for each character of a text: longer ones are encoded by themselves. */
export const packedTextCharsMax = 4_096;

const slash = 0x2f;
const packerBytes = 32 * 1024;
/** For the headers of a record that has a buffer of its own. */
const headersRoom = 1_024;
/** What two bytes can say. */
const headersMax = 0xffff;
const nameBytesLongest = 0xffff;

/** Headers as they are in a packed record, one behind the other. */
export interface HeaderBlock {
  readonly bytes: Uint8Array;
  readonly count: number;
}

export function packHeaders(headers: readonly (readonly [name: string, text: string])[]): HeaderBlock {
  const record = { key: null, value: null, headers: headers.map(([name, text]) => [name, encodeUtf8(text)] as const) };
  return { bytes: packRecord(record).bytes.slice(fixedBytes), count: headers.length };
}

/**
 * Names of headers repeat with every record: each is encoded and decoded once. Whoever sends very many different ones makes them all be
 * forgotten, which costs time and no memory.
 */
const namesMax = 1_024;
const nameBytesMax = 128;
const nameBytes = new Map<string, Uint8Array>();
const namesByHash = new Map<number, KnownName>();
/** The name that the last record had at this place: records of a topic have the same ones in the same order. */
const lastNames: KnownName[] = [];
const lastNamesMax = 32;

interface KnownName {
  readonly name: string;
  readonly bytes: Uint8Array;
}

function nameBytesOf(name: string): Uint8Array {
  let bytes = nameBytes.get(name);
  if (bytes === undefined) {
    bytes = encodeUtf8(name);
    if (nameBytes.size >= namesMax) nameBytes.clear();
    if (bytes.length <= nameBytesMax) nameBytes.set(name, bytes);
  }
  return bytes;
}

/** The text of a name that stands there, of the header with this number in its record. */
export function headerName(bytes: Uint8Array, from: number, to: number, place: number): string {
  const last = lastNames[place];
  if (last !== undefined && isEqual(last.bytes, bytes, from, to)) return last.name;
  if (to - from > nameBytesMax) return textSlice(bytes, from, to);
  const known = knownName(bytes, from, to);
  if (place < lastNamesMax) lastNames[place] = known;
  return known.name;
}

/** Where the value of the header is whose name begins at `nameAt`. */
export function headerValueAt(bytes: Uint8Array, nameAt: number): number {
  return nameAt + readUint16(bytes, nameAt - headerFixedBytes);
}

export function headerValueLength(bytes: Uint8Array, nameAt: number): number {
  return readUint32(bytes, nameAt - headerFixedBytes + 2);
}

function knownName(bytes: Uint8Array, from: number, to: number): KnownName {
  let hash = to - from;
  for (let at = from; at < to; at += 1) hash = (hash * 31 + byte(bytes, at)) | 0;
  const known = namesByHash.get(hash);
  if (known !== undefined && isEqual(known.bytes, bytes, from, to)) return known;
  const added = { name: internText(textSlice(bytes, from, to)), bytes: subarray(bytes, from, to).slice() };
  if (namesByHash.size >= namesMax) namesByHash.clear();
  namesByHash.set(hash, added);
  return added;
}

function isEqual(known: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (known.length !== to - from) return false;
  for (let i = 0; i < known.length; i += 1) if (known[i] !== bytes[from + i]) return false;
  return true;
}

function tooManyHeaders(headers: number): FaasError {
  return new FaasError('FAAS_WIRE', `a record has ${headers} headers, ${headersMax} are allowed`);
}

function nameTooLong(bytes: number): FaasError {
  return new FaasError('FAAS_WIRE', `the name of a header has ${bytes} bytes, ${nameBytesLongest} are allowed`);
}

export function cutOff(): FaasError {
  return new FaasError('FAAS_WIRE', 'a record is longer than the bytes that hold it');
}
