/** Castagnoli's polynomial (RFC 3720, appendix B.4), its bits reversed. */
const polynomial = 0x82f63b78;
/** So many bytes are taken in one step, each through a table of its own: "slicing by eight", M. Kounavis and F. Berry, 2005. */
const slices = 8;
const [t0, t1, t2, t3, t4, t5, t6, t7] = tablesOf();

/** CRC-32C of some bytes, unsigned. */
export function crc32c(bytes: Uint8Array): number {
  const { length } = bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  const whole = length - (length % slices);
  let crc = -1;
  let at = 0;
  for (; at < whole; at += slices) {
    const low = crc ^ view.getInt32(at, true);
    const high = view.getInt32(at + 4, true);
    crc =
      (t7[low & 0xff] as number) ^
      (t6[(low >>> 8) & 0xff] as number) ^
      (t5[(low >>> 16) & 0xff] as number) ^
      (t4[low >>> 24] as number) ^
      (t3[high & 0xff] as number) ^
      (t2[(high >>> 8) & 0xff] as number) ^
      (t1[(high >>> 16) & 0xff] as number) ^
      (t0[high >>> 24] as number);
  }
  for (; at < length; at += 1) crc = (t0[(crc ^ view.getUint8(at)) & 0xff] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** Table n is what a byte does to the checksum n bytes after it. */
function tablesOf(): Eight<Int32Array> {
  const first = Int32Array.from({ length: 256 }, (_, index) => {
    let crc = index;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? polynomial : 0);
    return crc;
  });
  const after = (table: Int32Array) => table.map(crc => (first[crc & 0xff] as number) ^ (crc >>> 8));
  const tables = [first];
  while (tables.length < slices) tables.push(after(tables.at(-1) ?? first));
  return tables as unknown as Eight<Int32Array>;
}

type Eight<T> = readonly [T, T, T, T, T, T, T, T];
