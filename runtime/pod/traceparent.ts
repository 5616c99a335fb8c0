const zeros = '0'.repeat(32);
/** `00-<trace, 32 digits>-<span, 16 digits>-<flags, 2 digits>`, hex digits in lower case. */
const lengthOfAll = 55;
const [traceAt, spanAt, flagsAt] = [3, 36, 53];
const dash = 0x2d;

/** A new span in the trace of `parent`, or a new sampled trace where there is no valid parent. */
export function childTraceparent(parent: string | undefined, randomHex: (bytes: number) => string): string {
  if (parent === undefined || !isValid(parent)) return `00-${randomHex(16)}-${randomHex(8)}-01`;
  return `${parent.slice(0, spanAt)}${randomHex(8)}${parent.slice(flagsAt - 1)}`;
}

function isValid(text: string): boolean {
  if (text.length !== lengthOfAll || !text.startsWith('00-') || text.startsWith(zeros, traceAt)) return false;
  for (let i = traceAt; i < lengthOfAll; i += 1) {
    const code = text.charCodeAt(i);
    const isRight = i === spanAt - 1 || i === flagsAt - 1 ? code === dash : isHexDigit(code);
    if (!isRight) return false;
  }
  return true;
}

function isHexDigit(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x66);
}
