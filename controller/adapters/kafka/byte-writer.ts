/** Writes the types of Kafka's protocol into a buffer that grows. */
export class ByteWriter {
  #bytes: Buffer;
  #at = 0;

  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafe(size);
  }

  /** What was written; shares the writer's memory. */
  result(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  int8(value: number): this {
    this.#room(1);
    this.#at = this.#bytes.writeInt8(value, this.#at);
    return this;
  }

  int16(value: number): this {
    this.#room(2);
    this.#at = this.#bytes.writeInt16BE(value, this.#at);
    return this;
  }

  int32(value: number): this {
    this.#room(4);
    this.#at = this.#bytes.writeInt32BE(value, this.#at);
    return this;
  }

  int64(value: number): this {
    this.int32(Math.floor(value / 2 ** 32));
    this.#room(4);
    this.#at = this.#bytes.writeUInt32BE(value >= 0 ? value % 2 ** 32 : (value % 2 ** 32) + 2 ** 32, this.#at);
    return this;
  }

  /** null: no string. */
  string(text: string | null): this {
    if (text === null) return this.int16(-1);
    const length = Buffer.byteLength(text);
    return this.int16(length).#text(text, length);
  }

  /** Unsigned: lengths of what is compact. */
  uvarint(value: number): this {
    this.#room(10);
    let rest = value;
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) this.#bytes[this.#at++] = (rest % 128) | 0x80;
    this.#bytes[this.#at++] = rest;
    return this;
  }

  compactString(text: string): this {
    const length = Buffer.byteLength(text);
    return this.uvarint(length + 1).#text(text, length);
  }

  /** No tagged fields: what each structure of a flexible version ends with. */
  noTags(): this {
    return this.int8(0);
  }

  bytes(value: Uint8Array): this {
    this.#room(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
    return this;
  }

  /** Overwrites what was written at `at`. */
  setUInt32(at: number, value: number): void {
    this.#bytes.writeUInt32BE(value, at);
  }

  #text(text: string, length: number): this {
    this.#room(length);
    this.#at += this.#bytes.write(text, this.#at);
    return this;
  }

  #room(length: number): void {
    if (this.#at + length <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + length));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
  }
}
