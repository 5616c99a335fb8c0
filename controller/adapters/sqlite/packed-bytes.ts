import type { PackedBytes } from './operations.ts';

/** Byte strings of one request in one buffer of its own, which can change hands. */
export function packBytes(parts: readonly (Uint8Array | null)[]): PackedBytes {
  const lengths = parts.map(part => part?.length ?? -1);
  const packed = new Uint8Array(parts.reduce((sum, part) => sum + (part?.length ?? 0), 0));
  let at = 0;
  for (const part of parts) {
    if (part === null) continue;
    packed.set(part, at);
    at += part.length;
  }
  return { lengths, data: packed.buffer };
}

/** Gives the byte strings back one by one; views, nothing is copied. */
export class PackedReader {
  readonly #packed: PackedBytes;
  #index = 0;
  #at = 0;

  constructor(packed: PackedBytes) {
    this.#packed = packed;
  }

  get isAtEnd(): boolean {
    return this.#index >= this.#packed.lengths.length;
  }

  next(): Uint8Array {
    return this.nextOrNull() ?? new Uint8Array();
  }

  nextOrNull(): Uint8Array | null {
    const length = this.#packed.lengths[this.#index] ?? -1;
    this.#index += 1;
    if (length === -1) return null;
    const part = new Uint8Array(this.#packed.data, this.#at, length);
    this.#at += length;
    return part;
  }
}
