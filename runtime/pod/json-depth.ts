/**
 * Whether the JSON text in a part of some bytes nests deeper than `max`. Payloads too short to do so are not looked at: a level takes two bytes.
 * Text that is no JSON may get either answer; the parser comes next.
 */
export function nestsDeeper(bytes: Uint8Array, from: number, to: number, max: number): boolean {
  if (to - from <= max * 2) return false;
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
