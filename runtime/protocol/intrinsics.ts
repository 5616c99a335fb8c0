/**
 * What the codec needs of the language, taken at start: a handler that replaces `JSON.stringify` or adds to `Object.prototype` later
 * breaks its own code, and not the wire. Headers are put together from `quote` (a string is never asked for `toJSON`) for the same reason.
 */
export const NativePromise: PromiseConstructor = Promise;
export const parseJson: (text: string) => unknown = JSON.parse;
export const stringifyJson: (value: unknown) => string | undefined = JSON.stringify;
export const quote: (text: string) => string = JSON.stringify;
export const isArray: (value: unknown) => value is readonly unknown[] = Array.isArray;
export const isSafeInteger: (value: unknown) => value is number = Number.isSafeInteger as typeof isSafeInteger;
export const isFiniteNumber: (value: unknown) => value is number = Number.isFinite as typeof isFiniteNumber;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const encodeLong: (text: string) => Uint8Array<ArrayBuffer> = encoder.encode.bind(encoder);
export const encodeInto: (text: string, target: Uint8Array) => { read: number; written: number } = encoder.encodeInto.bind(encoder);
/** What is no UTF-8 becomes U+FFFD. */
export const decodeUtf8: (bytes: Uint8Array) => string = decoder.decode.bind(decoder);
/** Throws a TypeError on what is no UTF-8. */
export const decodeStrictUtf8: (bytes: Uint8Array) => string = strictDecoder.decode.bind(strictDecoder);

/** The text of a part of some bytes, as `decodeUtf8`. Node's own way is several times faster for texts as short as keys and headers are. */
export const textSlice: (bytes: Uint8Array, from: number, to: number) => string = textSliceOf(globalThis as Platform);
/** Writes the text as UTF-8, and answers how many bytes that took. */
const textWrite: (bytes: Uint8Array, text: string, at: number) => number = textWriteOf(globalThis as Platform);
const charCodeAt: (text: string, at: number) => number = unbound(String.prototype.charCodeAt);

/** Writes text as UTF-8, for which there must be room, and answers where it ends. */
export function writeText(bytes: Uint8Array, text: string, at: number): number {
  const { length } = text;
  if (length <= loopCharsMax) {
    let i = 0;
    for (; i < length; i += 1) {
      const code = charCodeAt(text, i);
      if (code > 0x7f) break;
      bytes[at + i] = code;
    }
    if (i === length) return at + length;
  }
  return at + textWrite(bytes, text, at);
}

/**
 * Text as UTF-8. Short texts lie side by side in one buffer: a buffer for each costs more than all else. So `buffer` is not the answer's own, and must
 * not change hands.
 */
export function encodeUtf8(text: string): Uint8Array {
  const most = text.length * 3;
  if (most > slabTextBytesMax) return encodeLong(text);
  if (slabAt + most > slab.length) {
    slab = unclearedBytes(slabBytes);
    slabAt = 0;
  }
  const from = slabAt;
  slabAt = writeText(slab, text, from);
  return subarray(slab, from, slabAt);
}

const slabBytes = 16 * 1024;
const slabTextBytesMax = 2 * 1024;
let slab = new Uint8Array(0);
let slabAt = 0;

/** Longer texts are not worth a loop. */
const loopCharsMax = 20;

export const subarray: (bytes: Uint8Array, from: number, to?: number) => Uint8Array = unbound(Uint8Array.prototype.subarray);
export const setBytes: (target: Uint8Array, source: Uint8Array, at: number) => void = unbound(Uint8Array.prototype.set);
/** Copies a part of other bytes. A short one by a loop: a view of it costs more, and has to be collected. */
export function setPart(target: Uint8Array, at: number, source: Uint8Array, from: number, to: number): void {
  if (to - from > loopBytesMax) setBytes(target, subarray(source, from, to), at);
  else for (let i = from; i < to; i += 1) target[at + i - from] = source[i] as number;
}

const loopBytesMax = 40;

export const sliceText: (text: string, from: number, to?: number) => string = unbound(String.prototype.slice);
const ownKeys: (object: object) => string[] = Object.keys;

/** The same text as the object that V8 keeps of each name in a program: comparing two of those is comparing addresses. */
export function internText(text: string): string {
  return ownKeys({ [text]: 0 })[0] ?? text;
}

export const hasOwn: (object: object, name: string) => boolean = Object.hasOwn;

/** So many bytes that hold anything, where the platform has them: to clear them costs as much as to copy them. For what is written before it is read. */
export const unclearedBytes: (length: number) => Uint8Array<ArrayBuffer> = unclearedBytesOf(globalThis as Platform);

function unbound<This, Args extends readonly unknown[], Result>(
  method: (this: This, ...args: Args) => Result,
): (self: This, ...args: Args) => Result {
  return Function.prototype.call.bind(method);
}

function textSliceOf(platform: Platform): (bytes: Uint8Array, from: number, to: number) => string {
  const slice = platform.Buffer?.prototype.utf8Slice;
  return slice === undefined ? (bytes, from, to) => decodeUtf8(subarray(bytes, from, to)) : unbound(slice);
}

function textWriteOf(platform: Platform): (bytes: Uint8Array, text: string, at: number) => number {
  const write = platform.Buffer?.prototype.utf8Write;
  return write === undefined ? (bytes, text, at) => encodeInto(text, subarray(bytes, at)).written : unbound(write);
}

function unclearedBytesOf(platform: Platform): (length: number) => Uint8Array<ArrayBuffer> {
  const allocate = platform.Buffer?.allocUnsafeSlow;
  return length => new Uint8Array(allocate === undefined ? new ArrayBuffer(length) : allocate(length).buffer);
}

interface Platform {
  readonly Buffer?: {
    readonly allocUnsafeSlow?: (length: number) => Uint8Array<ArrayBuffer>;
    readonly prototype: {
      readonly utf8Slice?: (this: Uint8Array, from: number, to: number) => string;
      readonly utf8Write?: (this: Uint8Array, text: string, at: number) => number;
    };
  };
}
