import { RecycledBuffers } from '../../recycled-buffers.ts';

/** Two answers of eight partitions each. */
const keptBytesMax = 16 * 2 ** 20;
/** Of answers to who waits for records that do not come. */
const smallBytes = 4 * 1024;
const quietFrames = 100;

/** Shared by all connections: few fetch at full rate at a time. */
const buffers = new RecycledBuffers(keptBytesMax);
/** Those that somebody has. */
const lent = new WeakSet<ArrayBufferLike>();
let smallInARow = 0;

/** Memory for a frame of so many bytes; what is in it is anything. After many small ones in a row none is kept any more. */
export function takeFrame(bytes: number): Buffer {
  smallInARow = bytes > smallBytes ? 0 : smallInARow + 1;
  if (smallInARow === quietFrames) buffers.clear();
  const { buffer } = buffers.take(bytes);
  lent.add(buffer);
  return Buffer.from(buffer, 0, bytes);
}

/** Gives back the memory of bytes of a frame, of which nobody reads any more. Of other bytes, and of those that were given back before, it does nothing. */
export function giveFrame({ buffer }: Buffer): void {
  if (buffer instanceof ArrayBuffer && lent.delete(buffer)) buffers.giveBack(new Uint8Array(buffer));
}
