/** Unsigned whole numbers in bytes, big endian. Beyond the end of the bytes there are zeros. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return ((byte(bytes, at) << 24) | (byte(bytes, at + 1) << 16) | (byte(bytes, at + 2) << 8) | byte(bytes, at + 3)) >>> 0;
}

export function readUint16(bytes: Uint8Array, at: number): number {
  return (byte(bytes, at) << 8) | byte(bytes, at + 1);
}

export function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

export function writeUint16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** Decimal digits of the largest whole number that is exact. */
export const digitsMax = 16;

/** Writes a whole number of zero or more as decimal digits, for which there must be room, and answers where they end. */
export function writeDigits(bytes: Uint8Array, value: number, at: number): number {
  let count = 1;
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) count += 1;
  let rest = value;
  for (let i = at + count - 1; i >= at; i -= 1) {
    bytes[i] = 0x30 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
  return at + count;
}
