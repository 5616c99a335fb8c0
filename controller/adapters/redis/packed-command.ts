import { Command } from 'ioredis';
import { setPart, writeText } from '../../../runtime/protocol/intrinsics.ts';
import { digitsMax, writeDigits } from '../../../runtime/protocol/numbers.ts';

export type Argument = string | number | Uint8Array;

/**
 * A command that ioredis carries in the bytes in which we have written it: a commit has a thousand arguments, and it makes three pieces of each, and one of all pieces.
 * The answer is bytes. Numbers are safe integers, or fractions below.
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
  const texts = parts.map(part => (typeof part === 'number' ? String(part) : part));
  let most = frameBytes;
  for (const text of texts) most += frameBytes + (typeof text === 'string' ? text.length * 3 : text.length);
  const bytes = Buffer.allocUnsafe(most);
  let at = writeHead(bytes, star, texts.length, 0);
  for (const text of texts) at = typeof text === 'string' ? writeBulk(bytes, text, at) : writeBytes(bytes, text, at);
  return bytes.subarray(0, at);
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
