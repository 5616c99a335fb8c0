import { FaasError } from '../sdk/errors.ts';
import { isArray, parseJson, setBytes, subarray, textSlice, unclearedBytes, writeText } from './intrinsics.ts';
import { wireLimits } from './messages.ts';
import { byte, readUint16, readUint32, writeUint16, writeUint32 } from './numbers.ts';

/**
 * A frame: `frameLength` (4 bytes, big endian, of all that follows it), `headerLength` (4 bytes, big endian), the header (a JSON object,
 * UTF-8), and raw bytes whose pieces' lengths the header gives, in the order in which its fields are documented in docs/wire.md.
 */
export interface Frame {
  readonly header: FrameHeader;
  readonly raw: RawReader;
}

/** The media type of a body of frames. */
export const framesType = 'application/x-faas-frames';

export type FrameHeader = Readonly<Record<string, unknown>>;

const prefixBytes = 8;
const nextBytesMax = 64 * 1024;
/** Lengths of what is not there. */
const absent = 0xffffffff;
const absentText = 0xffff;
const none = new Uint8Array(0);

/**
 * Writes frames one behind the other into one growing buffer: whole ones by `write`, or one whose raw bytes are rows by `open` and what
 * follows it. All numbers are unsigned and big endian.
 */
export class FrameWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;
  /** How large a buffer is at least. */
  #bytesNext = 4096;
  readonly #frameBytesMax: number;
  /** Where the open frame begins; −1: none is open. */
  #openAt = -1;
  #openHeader = '';

  /** `room`: so many bytes to begin with, or these, which nobody else uses. */
  constructor(room: number | Uint8Array<ArrayBuffer> = 4096, frameBytesMax: number = wireLimits.frameBytesMax) {
    this.#bytes = typeof room === 'number' ? unclearedBytes(room) : room;
    this.#frameBytesMax = frameBytesMax;
  }

  get length(): number {
    return this.#length;
  }

  /** `header` is JSON text. Throws FAAS_WIRE_FRAME_TOO_LARGE, and leaves what was written before as it is. */
  write(header: string, raws: readonly Uint8Array[]): void {
    this.#close();
    this.#begin(header);
    for (const raw of raws) this.bytes(raw);
    this.#fits(this.#openAt);
    this.#close();
  }

  /** Rows go into a frame with this header from now on, until another frame is written. */
  open(header: string): void {
    if (this.#openAt >= 0 && this.#openHeader === header) return;
    this.#close();
    this.#begin(header);
  }

  /**
   * One row of the frame with this header, written by `fill`. A frame that is full ends before it. Throws FAAS_WIRE_FRAME_TOO_LARGE for a row that
   * is too large for a frame of its own, and what `fill` throws; both leave the rows before it as they are.
   */
  row<Row>(header: string, row: Row, fill: (writer: FrameWriter, row: Row) => void): void {
    this.open(header);
    const start = this.#length;
    try {
      fill(this, row);
    } catch (error) {
      this.#length = start;
      throw error;
    }
    if (this.#openBytes() <= this.#frameBytesMax) return;
    const end = this.#length;
    this.#length = start;
    this.#close();
    const openedAt = this.#length;
    this.#begin(header);
    const [from, to] = [this.#length, end - start];
    this.#reserve(to);
    this.#bytes.copyWithin(from, start, end);
    this.#length = from + to;
    this.#fits(openedAt);
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length] = value;
    this.#length += 1;
  }

  u16(value: number): void {
    this.#reserve(2);
    writeUint16(this.#bytes, this.#length, value);
    this.#length += 2;
  }

  u32(value: number): void {
    this.#reserve(4);
    writeUint32(this.#bytes, this.#length, value);
    this.#length += 4;
  }

  /** A whole number below 2^53, or −1, in eight bytes. */
  u64(value: number): void {
    this.#reserve(8);
    writeUint32(this.#bytes, this.#length, value < 0 ? absent : Math.floor(value / 2 ** 32));
    writeUint32(this.#bytes, this.#length + 4, value < 0 ? absent : value % 2 ** 32);
    this.#length += 8;
  }

  /** Text behind its length in two bytes; undefined is the length 0xffff. Throws FAAS_WIRE on text of more bytes than that. */
  text(text: string | undefined): void {
    if (text === undefined) {
      this.u16(absentText);
      return;
    }
    this.#reserve(2 + text.length * 3);
    const end = writeText(this.#bytes, text, this.#length + 2);
    const length = end - this.#length - 2;
    if (length >= absentText) throw new FaasError('FAAS_WIRE', `a text of ${length} bytes is too long for a row`);
    writeUint16(this.#bytes, this.#length, length);
    this.#length = end;
  }

  /** Bytes behind their length in four bytes; undefined is the length 0xffffffff. */
  sized(bytes: Uint8Array | undefined): void {
    this.u32(bytes?.length ?? absent);
    if (bytes !== undefined) this.bytes(bytes);
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    setBytes(this.#bytes, bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Makes room for `length` bytes and answers where they are to be written: at `at` of `bytes`. */
  space(length: number): { readonly bytes: Uint8Array; readonly at: number } {
    this.#reserve(length);
    const at = this.#length;
    this.#length += length;
    return { bytes: this.#bytes, at };
  }

  /** What was written from there on, as a view that is good until the next write. */
  since(at: number): Uint8Array {
    return subarray(this.#bytes, at, this.#length);
  }

  /** What was written since the last call; the buffer is the caller's from now on. */
  take(): Uint8Array<ArrayBuffer> {
    this.#close();
    // The caller may hand its buffer over, and that of nothing is everybody's.
    const taken = this.#length === 0 ? new Uint8Array(0) : new Uint8Array(this.#bytes.buffer, 0, this.#length);
    // As large as this one was: what comes next is most often of the same kind. Many writers are done, and would make it for nobody.
    this.#bytesNext = Math.min(Math.max(4096, this.#length + (this.#length >>> 2)), nextBytesMax);
    this.#bytes = none;
    this.#length = 0;
    return taken;
  }

  /** A method: V8 asks for a private getter out of its compiled code. */
  #openBytes(): number {
    return this.#length - this.#openAt - 4;
  }

  #begin(header: string): void {
    this.#reserve(prefixBytes + header.length * 3);
    this.#openAt = this.#length;
    this.#openHeader = header;
    const headerAt = this.#length + prefixBytes;
    const end = writeText(this.#bytes, header, headerAt);
    writeUint32(this.#bytes, this.#openAt + 4, end - headerAt);
    this.#length = end;
  }

  /** Takes the open frame back when it is too large. */
  #fits(openedAt: number): void {
    const frameLength = this.#openBytes();
    if (frameLength <= this.#frameBytesMax) return;
    this.#length = openedAt;
    this.#openAt = -1;
    throw tooLarge(frameLength, this.#frameBytesMax);
  }

  #close(): void {
    if (this.#openAt < 0) return;
    writeUint32(this.#bytes, this.#openAt, this.#openBytes());
    this.#openAt = -1;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    let capacity = Math.max(this.#bytes.length * 2, this.#bytesNext);
    while (capacity < needed) capacity *= 2;
    const grown = unclearedBytes(capacity);
    setBytes(grown, subarray(this.#bytes, 0, this.#length), 0);
    this.#bytes = grown;
  }
}

/** Reads frames from chunks that are split anywhere. Holds at most one unfinished frame. Throws FAAS_WIRE on what is no frame. */
export class FrameReader {
  #rest: Uint8Array | undefined;
  #restLength = 0;
  readonly #frameBytesMax: number;

  constructor(frameBytesMax: number = wireLimits.frameBytesMax) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** Calls back for each frame that is complete; its raw bytes are views into the chunk or into a buffer of their own. */
  push(chunk: Uint8Array, onFrame: (frame: Frame) => void): void {
    let at = this.#rest === undefined ? 0 : this.#fill(chunk, onFrame);
    while (chunk.length - at >= 4) {
      const frameLength = this.#checked(readUint32(chunk, at));
      if (chunk.length - at - 4 < frameLength) break;
      onFrame(parseFrame(chunk, at + 4, frameLength));
      at += 4 + frameLength;
    }
    if (at < chunk.length) this.#keep(subarray(chunk, at));
  }

  /** Whether nothing of an unfinished frame is held. */
  get clean(): boolean {
    return this.#rest === undefined;
  }

  /** Completes the frame that is held; answers how much of the chunk that took. */
  #fill(chunk: Uint8Array, onFrame: (frame: Frame) => void): number {
    let at = 0;
    while (this.#rest !== undefined && at < chunk.length) {
      const target = this.#restLength < 4 ? 4 : 4 + this.#checked(readUint32(this.#rest, 0));
      const take = Math.min(target - this.#restLength, chunk.length - at);
      this.#append(subarray(chunk, at, at + take), target);
      at += take;
      if (this.#restLength >= 4) {
        const frameLength = this.#checked(readUint32(this.#rest, 0));
        if (this.#restLength === 4 + frameLength) {
          const whole = this.#rest;
          this.#rest = undefined;
          this.#restLength = 0;
          onFrame(parseFrame(whole, 4, frameLength));
        }
      }
    }
    return at;
  }

  #append(bytes: Uint8Array, capacity: number): void {
    let rest = this.#rest ?? unclearedBytes(capacity);
    if (rest.length < capacity) {
      const grown = unclearedBytes(capacity);
      setBytes(grown, subarray(rest, 0, this.#restLength), 0);
      rest = grown;
    }
    setBytes(rest, bytes, this.#restLength);
    this.#rest = rest;
    this.#restLength += bytes.length;
  }

  #keep(bytes: Uint8Array): void {
    this.#restLength = 0;
    this.#append(bytes, Math.max(bytes.length, 4));
  }

  #checked(frameLength: number): number {
    if (frameLength > this.#frameBytesMax) throw tooLarge(frameLength, this.#frameBytesMax);
    return frameLength;
  }
}

/** All frames of a buffer that holds nothing else. */
export function readFrames(bytes: Uint8Array, onFrame: (frame: Frame) => void, frameBytesMax: number = wireLimits.frameBytesMax): void {
  const reader = new FrameReader(frameBytesMax);
  reader.push(bytes, onFrame);
  if (!reader.clean) throw new FaasError('FAAS_WIRE', 'the last frame is cut off');
}

/** The header of the first frame, without looking at the rest. */
export function peekHeader(bytes: Uint8Array): FrameHeader {
  if (bytes.length < prefixBytes) throw new FaasError('FAAS_WIRE', 'there is no frame');
  const frameLength = readUint32(bytes, 0);
  if (frameLength > bytes.length - 4) throw new FaasError('FAAS_WIRE', 'the first frame is cut off');
  return parseFrame(bytes, 4, frameLength).header;
}

/** Hands out the raw bytes of a frame piece by piece, as FrameWriter wrote them. Throws FAAS_WIRE where there is less than was asked for. */
export class RawReader {
  readonly bytes: Uint8Array;
  #at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  get isEmpty(): boolean {
    return this.#at >= this.#end;
  }

  /** The next `length` bytes, as a view. */
  take(length: number): Uint8Array {
    const from = this.skip(length);
    return subarray(this.bytes, from, from + length);
  }

  /** Where in `bytes` the next `length` bytes are. */
  skip(length: number): number {
    const from = this.#at;
    if (length < 0 || from + length > this.#end) throw new FaasError('FAAS_WIRE', 'a frame has fewer bytes than its header says');
    this.#at = from + length;
    return from;
  }

  u8(): number {
    return byte(this.bytes, this.skip(1));
  }

  u16(): number {
    return readUint16(this.bytes, this.skip(2));
  }

  u32(): number {
    return readUint32(this.bytes, this.skip(4));
  }

  u64(): number {
    const at = this.skip(8);
    const high = readUint32(this.bytes, at);
    if (high === absent) return -1;
    if (high >= 2 ** 21) throw new FaasError('FAAS_WIRE', 'a number of a row is too large');
    return high * 2 ** 32 + readUint32(this.bytes, at + 4);
  }

  text(): string | undefined {
    const length = this.u16();
    if (length === absentText) return undefined;
    const from = this.skip(length);
    return textSlice(this.bytes, from, from + length);
  }

  requiredText(): string {
    return this.text() ?? wrongRow('a text');
  }

  sized(): Uint8Array | undefined {
    const length = this.u32();
    return length === absent ? undefined : this.take(length);
  }
}

function wrongRow(missing: string): never {
  throw new FaasError('FAAS_WIRE', `${missing} of a row is missing`);
}

function parseFrame(bytes: Uint8Array, at: number, frameLength: number): Frame {
  if (frameLength < 4) throw new FaasError('FAAS_WIRE', 'a frame is too short for its header');
  const headerLength = readUint32(bytes, at);
  const rawAt = at + 4 + headerLength;
  const end = at + frameLength;
  if (rawAt > end) throw new FaasError('FAAS_WIRE', 'a header is longer than its frame');
  return { header: parseHeader(textSlice(bytes, at + 4, rawAt)), raw: new RawReader(bytes, rawAt, end) };
}

/** Most headers say only of what kind their frame is: those are parsed once. */
const shortCharsMax = 32;
const shortMax = 32;
const shortHeaders = new Map<string, FrameHeader>();

function parseHeader(text: string): FrameHeader {
  const known = text.length <= shortCharsMax ? shortHeaders.get(text) : undefined;
  if (known !== undefined) return known;
  try {
    const value = parseJson(text);
    if (typeof value === 'object' && value !== null && !isArray(value)) {
      const header = value as FrameHeader;
      if (text.length <= shortCharsMax && shortHeaders.size < shortMax) shortHeaders.set(text, header);
      return header;
    }
  } catch {
    // Named below, with all else that is no header.
  }
  throw new FaasError('FAAS_WIRE', 'the header of a frame is no JSON object');
}

function tooLarge(bytes: number, max: number): FaasError {
  return new FaasError('FAAS_WIRE_FRAME_TOO_LARGE', `a frame of ${bytes} bytes is larger than the ${max} that are allowed`);
}
