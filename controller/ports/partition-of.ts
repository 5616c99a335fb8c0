import type { PackedRecord } from '../../runtime/protocol/record.ts';

const utf8 = new TextEncoder();

/**
 * The partition of a record: murmur2 of its key, as Kafka's own producers choose it, so that others who write the same topic agree;
 * for a record without a key murmur2 of its id, so that a repeated append lands in the same partition.
 */
export function partitionOf(key: Uint8Array | null, id: string, partitions: number): number {
  return place(murmur2(key ?? utf8.encode(id)), partitions);
}

/** The same for a record that is packed, whose key is not taken out. */
export function partitionOfPacked({ bytes, keyAt, keyLength }: PackedRecord, id: string, partitions: number): number {
  return keyLength < 0 ? partitionOf(null, id, partitions) : place(murmur2(bytes, keyAt, keyAt + keyLength), partitions);
}

function place(hash: number, partitions: number): number {
  return (hash & 0x7fffffff) % partitions;
}

/** MurmurHash2, 32 bit, with the seed of Kafka's DefaultPartitioner (org.apache.kafka.common.utils.Utils.murmur2); a signed 32 bit integer. Of the bytes from `from` to before `to`. */
export function murmur2(data: Uint8Array, from = 0, to = data.length): number {
  const m = 0x5bd1e995;
  const length = to - from;
  let h = 0x9747b28c ^ length;
  const words = length >> 2;
  for (let i = 0; i < words; i += 1) {
    const at = from + (i << 2);
    let k = byte(data, at) | (byte(data, at + 1) << 8) | (byte(data, at + 2) << 16) | (byte(data, at + 3) << 24);
    k = Math.imul(k, m);
    k ^= k >>> 24;
    k = Math.imul(k, m);
    h = Math.imul(h, m) ^ k;
  }
  const rest = from + (words << 2);
  if (to - rest >= 3) h ^= byte(data, rest + 2) << 16;
  if (to - rest >= 2) h ^= byte(data, rest + 1) << 8;
  if (to - rest >= 1) {
    h ^= byte(data, rest);
    h = Math.imul(h, m);
  }
  h ^= h >>> 13;
  h = Math.imul(h, m);
  h ^= h >>> 15;
  return h | 0;
}

function byte(data: Uint8Array, at: number): number {
  return data[at] ?? 0;
}
