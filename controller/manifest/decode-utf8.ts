import type { Position } from './problem-list.ts';
import { TextLines } from './text-lines.ts';

export type DecodedText = { readonly kind: 'ok'; readonly text: string } | { readonly kind: 'malformed'; readonly position: Position };

/** Strict UTF-8, a byte order mark is dropped; or where the first wrong byte is. */
export function decodeUtf8(bytes: Uint8Array): DecodedText {
  try {
    return { kind: 'ok', text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    return { kind: 'malformed', position: endOf(validPrefix(bytes)) };
  }
}

/** The longest valid beginning: in stream mode the decoder takes an unfinished character at the end for valid, so halving finds the border. */
function validPrefix(bytes: Uint8Array): string {
  let good = 0;
  let bad = bytes.length;
  while (good + 1 < bad) {
    const middle = (good + bad) >>> 1;
    if (decodePrefix(bytes, middle) === undefined) bad = middle;
    else good = middle;
  }
  return decodePrefix(bytes, good) ?? '';
}

function decodePrefix(bytes: Uint8Array, length: number): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length), { stream: true });
  } catch {
    return undefined;
  }
}

function endOf(text: string): Position {
  return new TextLines(text).at(text.length);
}
