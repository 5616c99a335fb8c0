import type { PackedBytes } from './operations.ts';

/** Byte strings of one request, one behind the other in one buffer of their own, which can change hands. Texts are written as UTF-8 where they stay. */
export class BytePacker {
  #bytes = Buffer.from(new ArrayBuffer(16 * 1024));
  #at = 0;
  readonly #lengths: number[] = [];

  text(text: string): void {
    this.#reserve(text.length * 3);
    this.#added(this.#bytes.write(text, this.#at));
  }

  bytes(bytes: Uint8Array | null): void {
    if (bytes === null) {
      this.#lengths.push(-1);
      return;
    }
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#added(bytes.length);
  }

  take(): PackedBytes {
    return { lengths: this.#lengths, data: this.#bytes.buffer };
  }

  #added(length: number): void {
    this.#lengths.push(length);
    this.#at += length;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const grown = Buffer.from(new ArrayBuffer(Math.max(this.#bytes.length * 2, this.#at + bytes)));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }
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
