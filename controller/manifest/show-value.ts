/** `a list`, `a mapping`, `the number 5`. */
export function describe(value: unknown): string {
  if (value === null) return 'nothing is given';
  if (Array.isArray(value)) return 'a list is given';
  return typeof value === 'object' ? 'a mapping is given' : `${show(value)} is given`;
}

export function show(value: unknown): string {
  if (typeof value === 'string') return `"${shorten(value)}"`;
  return value === null || typeof value !== 'object' ? String(value) : describe(value);
}

/** A message stays one readable line whatever the file holds. */
export function shorten(text: string): string {
  const clean = JSON.stringify(text.slice(0, shownMax)).slice(1, -1).replaceAll('\\"', '"');
  return text.length > shownMax ? `${clean}…` : clean;
}

const shownMax = 80;
