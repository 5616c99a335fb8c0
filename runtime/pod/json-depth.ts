/**
 * Whether a text has more opening brackets and braces than `max`; one that has not cannot nest deeper. They are searched for, which is many times as
 * fast as to look at each character.
 */
export function opensMore(text: string, max: number): boolean {
  // A level takes two characters.
  if (text.length <= max * 2) return false;
  let left = max;
  for (const opening of openings) {
    for (let at = text.indexOf(opening); at >= 0; at = text.indexOf(opening, at + 1)) {
      if (left === 0) return true;
      left -= 1;
    }
  }
  return false;
}

const openings = ['{', '['];

/**
 * Whether the JSON text in a part of some bytes nests deeper than `max`.
 * Text that is no JSON may get either answer; the parser comes next.
 */
export function nestsDeeper(bytes: Uint8Array, from: number, to: number, max: number): boolean {
  let depth = 0;
  let inText = false;
  for (let i = from; i < to; i += 1) {
    const byte = bytes[i];
    if (inText) {
      if (byte === 0x5c) i += 1;
      else if (byte === 0x22) inText = false;
    } else if (byte === 0x22) inText = true;
    else if (byte === 0x5b || byte === 0x7b) {
      depth += 1;
      if (depth > max) return true;
    } else if (byte === 0x5d || byte === 0x7d) depth -= 1;
  }
  return false;
}
