import { setBytes } from '../protocol/intrinsics.ts';

/**
 * The lines that a worker has encoded and not handed over yet, in memory that the shim reads when the worker has ended or cannot be
 * ended: what a handler said last, before it blocked its thread, is in no message. Two counters come first, the bytes in use and how
 * often the area was emptied; then, for each line, three doubles (batch, place, length) and its frame, up to the next multiple of eight.
 * The place is where in all that the worker writes about its batch the frame begins: what has arrived of that says which lines have.
 */
const usedAt = 0;
const emptiedAt = 1;
const headBytes = 8;
const lineHeadBytes = 24;
const areaBytes = 64 * 1024;

// Taken before any author's code runs, which may replace them.
const { load, store } = Atomics;

/** `bytes` is a multiple of eight. */
export function createLinesArea(bytes = areaBytes): SharedArrayBuffer {
  return new SharedArrayBuffer(headBytes + bytes);
}

/** The worker's side. */
export class UnsentLines {
  readonly #counters: Int32Array;
  readonly #doubles: Float64Array;
  readonly #bytes: Uint8Array;
  #used = headBytes;
  #emptied = 0;

  constructor(area: SharedArrayBuffer) {
    this.#counters = new Int32Array(area, 0, 2);
    this.#doubles = new Float64Array(area);
    this.#bytes = new Uint8Array(area);
  }

  /** Answers false, and keeps nothing, when there is no room. */
  keep(batchId: number, place: number, frame: Uint8Array): boolean {
    const at = this.#used;
    const end = alignedEnd(at, frame.length);
    if (end > this.#bytes.length) return false;
    this.#doubles[at / 8] = batchId;
    this.#doubles[at / 8 + 1] = place;
    this.#doubles[at / 8 + 2] = frame.length;
    setBytes(this.#bytes, frame, at + lineHeadBytes);
    this.#used = end;
    // Last: a thread may be ended between any two of these.
    store(this.#counters, usedAt, end - headBytes);
    return true;
  }

  /** All of it was handed over. */
  empty(): void {
    if (this.#used === headBytes) return;
    this.#used = headBytes;
    this.#emptied += 1;
    store(this.#counters, emptiedAt, this.#emptied);
    store(this.#counters, usedAt, 0);
  }
}

/**
 * The shim's side: the frames of a batch's lines from this place on, in the order in which they were written. None when the worker, which
 * may still be running where its pod is about to end, empties the area meanwhile.
 */
export function readUnsent(area: SharedArrayBuffer, batchId: number, fromPlace: number): readonly Uint8Array[] {
  const counters = new Int32Array(area, 0, 2);
  const emptied = load(counters, emptiedAt);
  const end = headBytes + load(counters, usedAt);
  // A copy that is not shared: it goes to a socket.
  const bytes = new Uint8Array(area, 0, end).slice();
  if (load(counters, emptiedAt) !== emptied) return [];
  const doubles = new Float64Array(bytes.buffer);
  const frames: Uint8Array[] = [];
  for (let at = headBytes; at < end; ) {
    const length = doubles[at / 8 + 2] ?? 0;
    const from = at + lineHeadBytes;
    if (doubles[at / 8] === batchId && (doubles[at / 8 + 1] ?? 0) >= fromPlace) frames.push(bytes.subarray(from, from + length));
    at = alignedEnd(at, length);
  }
  return frames;
}

function alignedEnd(at: number, frameLength: number): number {
  return at + lineHeadBytes + ((frameLength + 7) & ~7);
}
