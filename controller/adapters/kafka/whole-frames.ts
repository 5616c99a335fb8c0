import type { OnReadOpts } from 'node:net';
import { takeFrame } from './frame-buffers.ts';

/** What a connection reads into while it does not know how long the next frame is. */
const scratchBytes = 16 * 1024;
/** More is only taken for a frame when so much of it has come: who speaks another protocol says any length. */
const frameBytesTrusted = 16 * 2 ** 20;
const lengthBytes = 4;

/**
 * Answers of a broker as they come: each frame, behind its length, in one piece of memory that the socket itself reads into, instead of in pieces of 64 KiB that are put
 * together afterwards. The bytes that a call of `take` gets are not written to again before they are given back.
 */
export function wholeFrames(take: (frame: Buffer) => void): OnReadOpts {
  const scratch = Buffer.allocUnsafeSlow(scratchBytes);
  /** Of `scratch`: the beginning of a length. */
  let begun = 0;
  let frame: Buffer | undefined;
  let filled = 0;
  let wanted = 0;

  /** All of `scratch` up to `end`; what is left of it is less than a length, or the beginning of `frame`. */
  function readScratch(end: number): void {
    let at = 0;
    while (end - at >= lengthBytes) {
      wanted = lengthBytes + scratch.readUInt32BE(at);
      if (end - at < wanted) {
        frame = takeFrame(Math.min(wanted, frameBytesTrusted));
        filled = scratch.copy(frame, 0, at, end);
        begun = 0;
        return;
      }
      const small = takeFrame(wanted);
      scratch.copy(small, 0, at, at + wanted);
      take(small);
      at += wanted;
    }
    scratch.copyWithin(0, at, end);
    begun = end - at;
  }

  function readFrame(current: Buffer, bytes: number): void {
    filled += bytes;
    if (filled === wanted) {
      frame = undefined;
      take(current);
    } else if (filled === current.length) {
      frame = takeFrame(Math.min(wanted, 2 * filled));
      current.copy(frame);
    }
  }

  return {
    buffer: () => frame?.subarray(filled) ?? scratch.subarray(begun),
    callback: bytes => {
      if (frame === undefined) readScratch(begun + bytes);
      else readFrame(frame, bytes);
      return true;
    },
  };
}
