/** Reads the types of Kafka's protocol from a buffer, in turn. Slices share its memory. */
export class ByteReader {
  readonly bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  int8(): number {
    this.at += 1;
    return this.bytes.readInt8(this.at - 1);
  }

  int16(): number {
    this.at += 2;
    return this.bytes.readInt16BE(this.at - 2);
  }

  int32(): number {
    this.at += 4;
    return this.bytes.readInt32BE(this.at - 4);
  }

  /** Offsets and times stay below 2^53. */
  int64(): number {
    this.at += 8;
    return this.bytes.readInt32BE(this.at - 8) * 2 ** 32 + this.bytes.readUInt32BE(this.at - 4);
  }

  bigint64(): bigint {
    this.at += 8;
    return this.bytes.readBigInt64BE(this.at - 8);
  }

  string(): string {
    return this.#text(this.int16());
  }

  /** Unsigned: lengths of what is compact. */
  uvarint(): number {
    const { bytes } = this;
    let byte = bytes[this.at++] ?? 0;
    let value = byte & 0x7f;
    for (let shift = 7; byte > 0x7f; shift += 7) {
      byte = bytes[this.at++] ?? 0;
      value |= (byte & 0x7f) << shift;
    }
    return value >>> 0;
  }

  /** null is read as ''. */
  compactString(): string {
    return this.#text(this.compactLength());
  }

  /** Elements; none where there is no array. */
  compactLength(): number {
    return Math.max(0, this.uvarint() - 1);
  }

  skipTags(): void {
    for (let fields = this.uvarint(); fields > 0; fields -= 1) {
      this.uvarint();
      const length = this.uvarint();
      this.at += length;
    }
  }

  slice(length: number): Buffer {
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /** Passes over `length` bytes, none where that is negative; answers where they begin. */
  skip(length: number): number {
    this.at += Math.max(0, length);
    return this.at - Math.max(0, length);
  }

  /** Zigzag, at most 32 bits: lengths and deltas of offsets. */
  varint(): number {
    const value = this.uvarint();
    return (value >>> 1) ^ -(value & 1);
  }

  /** Zigzag, up to 2^53: deltas of times. */
  varlong(): number {
    const { bytes } = this;
    let value = 0;
    let factor = 1;
    let byte = 0x80;
    while (byte > 0x7f) {
      byte = bytes[this.at++] ?? 0;
      value += (byte & 0x7f) * factor;
      factor *= 128;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  #text(length: number): string {
    this.at += length;
    return this.bytes.toString('utf8', this.at - length, this.at);
  }
}
