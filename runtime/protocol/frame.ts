import { FaasError } from '../sdk/errors.ts';
import { decodeUtf8, encodeInto, isArray, parseJson, setBytes, subarray } from './intrinsics.ts';
import { wireLimits } from './messages.ts';

/**
 * A frame: `frameLength` (4 bytes, big endian, of all that follows it), `headerLength` (4 bytes, big endian), the header (a JSON object,
 * UTF-8), and raw bytes whose pieces' lengths the header gives, in the order in which its fields are documented in docs/wire.md.
 */
export interface Frame {
  readonly header: FrameHeader;
  readonly raw: RawReader;
}

export type FrameHeader = Readonly<Record<string, unknown>>;

const prefixBytes = 8;

/** Writes frames one behind the other into one growing buffer. */
export class FrameWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;
  readonly #frameBytesMax: number;

  constructor(capacityBytes = 4096, frameBytesMax: number = wireLimits.frameBytesMax) {
    this.#bytes = new Uint8Array(capacityBytes);
    this.#frameBytesMax = frameBytesMax;
  }

  get length(): number {
    return this.#length;
  }

  /** `header` is JSON text. Throws FAAS_WIRE_FRAME_TOO_LARGE, and leaves what was written before as it is. */
  write(header: string, raws: readonly Uint8Array[], rawCount = raws.length): void {
    let rawBytes = 0;
    for (let i = 0; i < rawCount; i += 1) rawBytes += raws[i]?.length ?? 0;
    this.#reserve(prefixBytes + header.length * 3 + rawBytes);
    const bytes = this.#bytes;
    const start = this.#length;
    let at = start + prefixBytes;
    const headerLength = encodeInto(header, subarray(bytes, at)).written;
    const frameLength = 4 + headerLength + rawBytes;
    if (frameLength > this.#frameBytesMax) throw tooLarge(frameLength, this.#frameBytesMax);
    writeUint32(bytes, start, frameLength);
    writeUint32(bytes, start + 4, headerLength);
    at += headerLength;
    for (let i = 0; i < rawCount; i += 1) {
      const raw = raws[i];
      if (raw === undefined) continue;
      setBytes(bytes, raw, at);
      at += raw.length;
    }
    this.#length = at;
  }

  /** What was written since the last call; the writer begins with a new buffer, this one is the caller's. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = new Uint8Array(this.#bytes.buffer, 0, this.#length);
    this.#bytes = new Uint8Array(4096);
    this.#length = 0;
    return taken;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    let capacity = this.#bytes.length * 2;
    while (capacity < needed) capacity *= 2;
    const grown = new Uint8Array(capacity);
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
    let rest = this.#rest ?? new Uint8Array(capacity);
    if (rest.length < capacity) {
      const grown = new Uint8Array(capacity);
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

/** Hands out the raw bytes of a frame piece by piece. */
export class RawReader {
  readonly #bytes: Uint8Array;
  #at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  /** The next `length` bytes, as a view. */
  take(length: number): Uint8Array {
    const from = this.#at;
    if (length < 0 || from + length > this.#end) throw new FaasError('FAAS_WIRE', 'a frame has fewer bytes than its header says');
    this.#at = from + length;
    return subarray(this.#bytes, from, this.#at);
  }
}

function parseFrame(bytes: Uint8Array, at: number, frameLength: number): Frame {
  if (frameLength < 4) throw new FaasError('FAAS_WIRE', 'a frame is too short for its header');
  const headerLength = readUint32(bytes, at);
  const rawAt = at + 4 + headerLength;
  const end = at + frameLength;
  if (rawAt > end) throw new FaasError('FAAS_WIRE', 'a header is longer than its frame');
  return { header: parseHeader(decodeUtf8(subarray(bytes, at + 4, rawAt))), raw: new RawReader(bytes, rawAt, end) };
}

function parseHeader(text: string): FrameHeader {
  try {
    const value = parseJson(text);
    if (typeof value === 'object' && value !== null && !isArray(value)) return value as FrameHeader;
  } catch {
    // Named below, with all else that is no header.
  }
  throw new FaasError('FAAS_WIRE', 'the header of a frame is no JSON object');
}

function readUint32(bytes: Uint8Array, at: number): number {
  return ((byte(bytes, at) << 24) | (byte(bytes, at + 1) << 16) | (byte(bytes, at + 2) << 8) | byte(bytes, at + 3)) >>> 0;
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

function tooLarge(bytes: number, max: number): FaasError {
  return new FaasError('FAAS_WIRE_FRAME_TOO_LARGE', `a frame of ${bytes} bytes is larger than the ${max} that are allowed`);
}
