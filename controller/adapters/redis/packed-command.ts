import { Command } from 'ioredis';
import { setPart, writeText } from '../../../runtime/protocol/intrinsics.ts';
import { digitsMax, writeDigits } from '../../../runtime/protocol/numbers.ts';

/** Numbers are safe integers, or fractions. */
export type Argument = string | number | Uint8Array | PackedArguments;

/**
 * A command that ioredis carries in the bytes in which we have written it: a commit has a thousand arguments, and it makes three pieces of each, and one of all pieces.
 * The answer is bytes.
 */
export class PackedCommand extends Command {
  readonly #bytes: Buffer;

  constructor(name: string, args: readonly Argument[]) {
    super(name, [], { replyEncoding: null });
    this.#bytes = packCommand([name, ...args]);
  }

  override toWritable(): Buffer {
    return this.#bytes;
  }
}

const star = 0x2a;
const dollar = 0x24;
/** A sign and a number before, and two ends of lines. */
const frameBytes = 1 + digitsMax + 4;

/** An array of bulk strings, in RESP2 and RESP3 (https://redis.io/docs/latest/develop/reference/protocol-spec/). */
export function packCommand(parts: readonly Argument[]): Buffer {
  let most = frameBytes;
  let count = 0;
  for (const part of parts) {
    most += bytesMost(part);
    count += part instanceof PackedArguments ? part.count : 1;
  }
  const bytes = Buffer.allocUnsafe(most);
  let at = writeHead(bytes, star, count, 0);
  for (const part of parts) at = writePart(bytes, part, at);
  return bytes.subarray(0, at);
}

/** Many arguments, each written where it will be sent from: to keep them by themselves until then costs more than all else about them. */
export class PackedArguments {
  #bytes: Buffer;
  #at = 0;
  #count = 0;

  /** `bytes`: how many they will be, about. */
  constructor(bytes: number) {
    this.#bytes = Buffer.allocUnsafe(bytes);
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  add(part: string | number | Uint8Array): void {
    this.#reserve(bytesMost(part));
    this.#at = writePart(this.#bytes, part, this.#at);
    this.#count += 1;
  }

  addAll(parts: readonly (string | number | Uint8Array)[]): void {
    for (const part of parts) this.add(part);
  }

  /** One of so many bytes, which `write` puts at `at`. */
  addWritten(length: number, write: (bytes: Buffer, at: number) => void): void {
    this.#reserve(frameBytes + length);
    const from = writeHead(this.#bytes, dollar, length, this.#at);
    write(this.#bytes, from);
    this.#at = writeEnd(this.#bytes, from + length);
    this.#count += 1;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(2 * this.#bytes.length + bytes);
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}

function bytesMost(part: Argument): number {
  if (typeof part === 'number') return frameBytes + numberBytesMost;
  if (part instanceof PackedArguments) return part.bytes.length;
  return frameBytes + (typeof part === 'string' ? part.length * 3 : part.length);
}

/** As `String` writes them. */
const numberBytesMost = 25;

function writePart(bytes: Buffer, part: Argument, at: number): number {
  if (typeof part === 'string') return writeBulk(bytes, part, at);
  if (typeof part === 'number') return writeBulk(bytes, String(part), at);
  if (part instanceof Uint8Array) return writeBytes(bytes, part, at);
  const packed = part.bytes;
  setPart(bytes, at, packed, 0, packed.length);
  return at + packed.length;
}

function writeBulk(bytes: Buffer, text: string, at: number): number {
  const from = writeHead(bytes, dollar, text.length, at);
  const end = writeText(bytes, text, from);
  if (end - from === text.length) return writeEnd(bytes, end);
  // It was not ASCII alone: its length is known now, and may have more digits.
  return writeEnd(bytes, writeText(bytes, text, writeHead(bytes, dollar, end - from, at)));
}

function writeBytes(bytes: Buffer, value: Uint8Array, at: number): number {
  const from = writeHead(bytes, dollar, value.length, at);
  setPart(bytes, from, value, 0, value.length);
  return writeEnd(bytes, from + value.length);
}

function writeHead(bytes: Buffer, sign: number, length: number, at: number): number {
  bytes[at] = sign;
  return writeEnd(bytes, writeDigits(bytes, length, at + 1));
}

function writeEnd(bytes: Buffer, at: number): number {
  bytes[at] = 0x0d;
  bytes[at + 1] = 0x0a;
  return at + 2;
}
