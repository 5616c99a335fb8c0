/**
 * Whether a JSON text nests deeper than `max`. Text that is no JSON may get either answer; the parser comes next. Nearly every text has too few openings for it, and to
 * search for those is many times as fast as to look at each character.
 */
export function nestsDeeper(text: string, max: number): boolean {
  if (!opensMore(text, max)) return false;
  let depth = 0;
  let inText = false;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (inText) {
      if (code === 0x5c) i += 1;
      else if (code === 0x22) inText = false;
    } else if (code === 0x22) inText = true;
    else if (code === 0x5b || code === 0x7b) {
      depth += 1;
      if (depth > max) return true;
    } else if (code === 0x5d || code === 0x7d) depth -= 1;
  }
  return false;
}

const openings = ['{', '['];

function opensMore(text: string, max: number): boolean {
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
